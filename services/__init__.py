"""The processes of Cutis: each folder is one service with its own start, wiring and settings."""
