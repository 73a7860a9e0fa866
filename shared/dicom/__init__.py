"""DICOM names and readings shared by all processes."""
