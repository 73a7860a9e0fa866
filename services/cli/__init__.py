"""The command ``cutis``."""

from services.cli.app import app

__all__ = ["app"]
