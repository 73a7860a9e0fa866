"""The ceiling of the spool, over real sockets: early refusal, and recovery without a hand."""

from functools import partial
from pathlib import Path

import pytest
from pynetdicom.association import Association

from services.listener.bootstrap import Listener
from services.listener.room import Room
from services.listener.settings import ListenerSettings
from services.local.ports import free_ports
from shared.settings import Settings
from shared.spool import Spool
from shared.transport import Requestor
from tests import factories
from tests.database import sqlite_database

pytestmark = pytest.mark.integration

CEILING = 50_000
TRANSIENT, CONGESTION = 2, 1  # result and reason of an A-ASSOCIATE-RJ, PS3.8 table 9-21
SUCCESS = 0x0000


def test_at_its_ceiling_a_spool_refuses_associations_and_below_it_takes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Measured at every look, not every ten seconds.
    monkeypatch.setattr("services.listener.storage.Room", partial(Room, measured_for=0))
    port = free_ports({"listener": 0})["listener"]
    spool = Spool(tmp_path / "spool")
    own = ListenerSettings(port=port, allowed_ae_titles=("PACS",), min_free_bytes=0)
    with sqlite_database(tmp_path) as database:
        listener = Listener(
            Settings(database_url=database.url, spool=tmp_path / "spool", spool_max_bytes=CEILING),
            own,
        )
        listener.start()
        try:
            before = _store(port)
            spool.write("jobs/a/1/findings.npz", bytes(CEILING))
            full = spool.used_bytes()
            at_the_ceiling = _store(port)
            held = spool.used_bytes()
            spool.remove("jobs/a")
            after = _store(port)
        finally:
            listener.stop()

    assert (before, after) == (SUCCESS, SUCCESS)
    assert at_the_ceiling == (TRANSIENT, CONGESTION)
    assert held == full, "nothing was written while it was full"


def _store(port: int) -> int | tuple[int, int]:
    """Return the status of one C-STORE, or result and reason of the refusal."""
    dataset = factories.rgb_photo(factories.lesion_photo(4, 6))
    entity = Requestor("PACS")
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association: Association = entity.associate("127.0.0.1", port, ae_title="CUTIS")
    if not association.is_established:
        refusal = association.acceptor.primitive
        assert refusal is not None
        return int(refusal.result or 0), int(refusal.diagnostic or 0)
    try:
        return int(association.send_c_store(dataset).Status)
    finally:
        association.release()
