"""What more than one process needs: errors, states, database, spool, broker, DICOM names."""
