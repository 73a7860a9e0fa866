"""Segmentation: skin, lesion and keloid in clinical photos."""
