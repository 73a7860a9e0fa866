"""The database: the only truth about studies, jobs and results."""
