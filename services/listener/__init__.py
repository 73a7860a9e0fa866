"""Listener: the Storage SCP that takes studies in."""
