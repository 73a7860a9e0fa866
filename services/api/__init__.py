"""API: what admins see and may do, as JSON and as one page."""
