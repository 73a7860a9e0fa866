"""UIDs derived from what a result is made of, so that the same work has the same name."""

import uuid

_NAMESPACE = uuid.UUID("6f1d2f0e-5c0b-5f0e-9a53-6d1f1d5f7c11")

IMPLEMENTATION_CLASS_UID = f"2.25.{uuid.uuid5(_NAMESPACE, 'implementation').int}"
IMPLEMENTATION_VERSION_NAME = "CUTIS_0_1"


def derived_uid(*parts: str) -> str:
    """Return the ``2.25.`` UID (PS3.5 B.2) of a UUIDv5 over ``parts``; equal parts, equal UID."""
    name = "\x1f".join(parts)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
