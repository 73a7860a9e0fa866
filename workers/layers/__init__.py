"""Layers: the skin layers in LC-OCT."""
