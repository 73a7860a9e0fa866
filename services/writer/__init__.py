"""Writer: turns findings into DICOM results and stores them in the PACS."""
