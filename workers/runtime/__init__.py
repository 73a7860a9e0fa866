"""Runtime: the Celery task and the Ray actors that run models."""

from workers.ray_security import have_ray_ask_for_tokens

have_ray_ask_for_tokens()  # here, because Ray decides on it when it is imported
