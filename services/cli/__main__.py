"""Run the command: ``python -m services.cli``."""

from services.cli.app import app

if __name__ == "__main__":
    app()
