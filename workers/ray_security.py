"""Ray security: the environment that Ray is started in, so that nobody else is answered."""

import os
import secrets
from pathlib import Path


def have_ray_ask_for_tokens() -> None:
    """Turn Ray's authentication on, unless the site has decided; call before Ray is imported."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")


def give_ray_a_token(token_file: Path | None) -> None:
    """Let Ray show, and ask for, the token in ``token_file``, else one that only we know.

    Ray runs whatever it is sent, so its token is worth as much as this user's account. A token
    that Ray's own variables name already stays. Call this before ``ray.init``.
    """
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}.isdisjoint(os.environ):
        if token_file is not None:
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file)
        else:
            # Otherwise Ray would make one in the home folder, open to every reader of that folder.
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def close_ray_metrics() -> None:
    """Keep two of Ray's processes from telling figures to whoever asks; call before ``ray.init``.

    Ray 2.60 has no setting to leave them out, and gives them fixed ports. On a port that cannot
    be, they say so in their own log and go on without.
    """
    os.environ |= dict.fromkeys(("DASHBOARD_METRIC_PORT", "AUTOSCALER_METRIC_PORT"), "-1")
