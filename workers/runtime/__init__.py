"""Runtime: the Celery task and the Ray actors that run models."""
