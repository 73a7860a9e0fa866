"""Admission: whom we let in, as a pure decision."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from services.listener.certificates import Binding
from shared.db.ingest import Sender


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an association is rejected, and the three numbers PS3.8 table 9-21 has for it."""

    reason: str
    result: int
    source: int
    diagnostic: int


NOT_DICOM = Refusal("application context is not DICOM", 1, 1, 2)
NOT_OUR_TITLE = Refusal("called AE title is not ours", 1, 1, 7)
UNKNOWN_TITLE = Refusal("calling AE title is not allowed", 1, 1, 3)
WRONG_CERTIFICATE = Refusal("certificate does not name the calling AE title", 1, 1, 3)
UNKNOWN_ADDRESS = Refusal("address is not allowed", 1, 1, 1)
DISK_SHORT = Refusal("disk is short", 2, 3, 1)
DATABASE_DOWN = Refusal("database cannot be written", 2, 3, 1)
TOO_MANY = Refusal("too many associations", 2, 3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whom we let in: our AE title must be called, by an allowed title from an allowed address.

    With a ``binding``, the sender's certificate must stand for its AE title as well.
    """

    ae_title: str
    allowed_ae_titles: tuple[str, ...]
    allowed_addresses: tuple[IPv4Network | IPv6Network, ...]
    max_associations: int
    binding: Binding | None = field(default=None)

    def refusal(
        self,
        sender: Sender,
        open_associations: int,
        certificate_names: frozenset[str] = frozenset(),
    ) -> Refusal | None:
        """Return why ``sender`` may not come in, or None. AE titles alone prove nothing."""
        if not self._allows_address(sender.peer_address):
            return UNKNOWN_ADDRESS
        if sender.called_ae_title != self.ae_title:
            return NOT_OUR_TITLE
        if sender.calling_ae_title not in self.allowed_ae_titles:
            return UNKNOWN_TITLE
        if self.binding and not self.binding.allows(sender.calling_ae_title, certificate_names):
            return WRONG_CERTIFICATE
        return TOO_MANY if open_associations >= self.max_associations else None

    def _allows_address(self, text: str) -> bool:
        address = ip_address(text)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.allowed_addresses)
