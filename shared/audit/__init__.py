"""Audit trail: DICOM audit messages (PS3.15 A.5), made from events, sent where sites want."""
