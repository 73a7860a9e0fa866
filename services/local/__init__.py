"""Local: the whole pipeline on one machine, under one supervisor."""
