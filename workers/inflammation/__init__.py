"""Inflammation: grade and map from in-vivo confocal images."""
