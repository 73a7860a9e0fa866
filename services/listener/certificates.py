"""Certificates: which names a sender's certificate proves, and which AE titles may use it.

An AE title alone proves nothing. With client certificates required, a sender's AE title must be a
name in its certificate (subject CN, or a DNS name of the SAN), or the site must have said which
names stand for it.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pynetdicom.association import Association


@dataclass(frozen=True, slots=True)
class Binding:
    """Which certificate names stand for which AE title; the title itself where none is given."""

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allows(self, ae_title: str, certificate_names: frozenset[str]) -> bool:
        """Say whether a certificate with these names may call itself ``ae_title``."""
        wanted = self.names.get(ae_title, frozenset({ae_title}))
        return not certificate_names.isdisjoint({one.lower() for one in wanted})


def certificate_names(association: Association) -> frozenset[str]:
    """Return the names in the peer's certificate, in lower case; none without a certificate."""
    transport = association.dul.socket
    connection = None if transport is None else transport.socket
    if not isinstance(connection, ssl.SSLSocket):
        return frozenset()
    certificate: dict[str, Any] = dict(connection.getpeercert() or {})
    subject = certificate.get("subject", ())
    common = [value for part in subject for key, value in part if key == "commonName"]
    others = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return frozenset(str(one).lower() for one in (*common, *others))
