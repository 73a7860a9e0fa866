"""Perfusion: measured from LSCI, predicted from a keloid photo."""
