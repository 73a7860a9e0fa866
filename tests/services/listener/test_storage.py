"""What became of an instance is what the sender is told."""

from dataclasses import replace
from typing import Any, TypeVar

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from services.listener import storage
from services.listener.instance import read_manifest
from services.listener.storage import InstanceStore, Status
from shared.db.declarative import Base
from shared.db.engine import Database
from shared.db.ingest import open_association, record_quarantine
from shared.db.tables import Instance, QuarantinedInstance, Study
from shared.db.views import find_study, list_studies
from shared.dicom.manifest import MANUFACTURER
from shared.spool import Spool
from tests import factories
from tests.services.listener.requests import SENDER, element, request_of


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydicom.config.settings, "_reading_validation_mode", pydicom.config.IGNORE)


@pytest.fixture
def store(database: Database, spool: Spool) -> InstanceStore:
    return InstanceStore(database, spool, min_free_bytes=0)


@pytest.fixture
def association_id(database: Database) -> int:
    with database.write() as session:
        return open_association(session, "test", SENDER)


def count(database: Database, table: type[Base]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


Row = TypeVar("Row", bound=Base)


def only(database: Database, table: type[Row]) -> Row:
    with database.read() as session:
        return session.scalars(select(table)).one()


def photo(**attributes: Any) -> pydicom.Dataset:
    return factories.rgb_photo(factories.lesion_photo(4, 6), **attributes)


def test_a_good_instance_is_kept_byte_for_byte_before_success(
    store: InstanceStore, database: Database, spool: Spool, association_id: int
) -> None:
    request = request_of(photo())
    assert store.store(request, SENDER, association_id) is Status.SUCCESS
    row = only(database, Instance)
    assert row.spool_key is not None
    kept = spool.path(row.spool_key).read_bytes()
    assert kept.endswith(request.data_set)
    assert kept[:128] == bytes(128)
    read = pydicom.dcmread(spool.path(row.spool_key))
    assert (
        read.SOPInstanceUID == request.sop_instance_uid == read.file_meta.MediaStorageSOPInstanceUID
    )
    assert read.pixel_array.shape == (4, 6, 3)
    assert row.manifest["samples_per_pixel"] == 3


def test_the_same_instance_twice_is_success_and_one_row(
    store: InstanceStore, database: Database, association_id: int
) -> None:
    request = request_of(photo())
    answers = [store.store(request, SENDER, association_id) for _ in range(2)]
    assert answers == [Status.SUCCESS, Status.SUCCESS]
    assert count(database, Instance) == 1


def test_the_same_uid_with_other_bytes_is_kept_as_a_conflict(
    store: InstanceStore, database: Database, association_id: int
) -> None:
    store.store(request_of(photo()), SENDER, association_id)
    other = request_of(photo(SeriesDescription="changed"))
    for _ in range(2):  # the second time it is no duplicate that is in use either
        assert store.store(other, SENDER, association_id) is Status.SET_ASIDE
    with database.read() as session:
        rows = session.scalars(select(Instance).order_by(Instance.id)).all()
    assert [row.conflict for row in rows] == [False, True]


def test_the_same_instance_in_another_encoding_is_a_duplicate(
    store: InstanceStore, database: Database, spool: Spool, association_id: int
) -> None:
    implicit = photo()
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    answers = [store.store(request_of(one), SENDER, association_id) for one in (photo(), implicit)]
    assert answers == [Status.SUCCESS, Status.SUCCESS]
    assert count(database, Instance) == 1
    assert len(list(spool.path("instances").rglob("*.dcm"))) == 1


def test_an_image_whose_file_was_removed_comes_again_in_another_encoding(
    store: InstanceStore, database: Database, spool: Spool, association_id: int
) -> None:
    implicit, other = photo(), photo(SeriesDescription="changed")
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    store.store(request_of(photo()), SENDER, association_id)
    first = only(database, Instance)
    spool.remove(str(first.spool_key))
    with database.write() as session:
        session.execute(update(Instance).values(spool_key=None))
    assert store.store(request_of(implicit), SENDER, association_id) is Status.SUCCESS
    again = only(database, Instance)
    assert (again.id, again.sha256) == (first.id, first.sha256), "jobs are known by that digest"
    assert spool.path(str(again.spool_key)).read_bytes() == request_of(implicit).part10()
    assert store.store(request_of(other), SENDER, association_id) is Status.SET_ASIDE


@pytest.mark.parametrize("forgotten", [False, True], ids=["digest in the row", "file is read"])
def test_a_second_copy_is_known_from_rows_of_before_content_digests_too(
    forgotten: bool, store: InstanceStore, database: Database, association_id: int
) -> None:
    implicit = photo()
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    store.store(request_of(photo()), SENDER, association_id)
    with database.write() as session:
        row = session.scalars(select(Instance)).one()
        assert len(row.manifest["content_sha256"]) == 64
        if forgotten:
            row.manifest = {**row.manifest, "content_sha256": ""}
    assert store.store(request_of(implicit), SENDER, association_id) is Status.SUCCESS
    assert count(database, Instance) == 1


@pytest.mark.parametrize(
    ("dataset", "command", "code"),
    [
        (photo(StudyInstanceUID=None), {}, "bad-uid"),
        (photo(SeriesInstanceUID=""), {}, "bad-uid"),
        (photo(SOPInstanceUID="1.2.840.1"), {"sop_instance_uid": "1.2.840.2"}, "uid-mismatch"),
        (photo(), {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2"}, "uid-mismatch"),
        (photo(PixelData=None), {}, "no-pixels"),
    ],
)
def test_what_cannot_be_used_goes_to_quarantine_with_a_warning(
    dataset: pydicom.Dataset,
    command: dict[str, str],
    code: str,
    store: InstanceStore,
    database: Database,
    spool: Spool,
    association_id: int,
) -> None:
    request = request_of(dataset, **command)
    assert store.store(request, SENDER, association_id) is Status.SET_ASIDE
    row = only(database, QuarantinedInstance)
    assert row.code == code
    assert row.spool_key is not None
    assert spool.path(row.spool_key).read_bytes().endswith(request.data_set)
    assert count(database, Instance) == 0


@pytest.mark.parametrize("uid", ["../../../etc/x", "a" * 64, "1." + "9" * 70, "1.2.3\\4.5"])
def test_a_uid_that_is_none_goes_to_quarantine(
    uid: str, store: InstanceStore, database: Database, association_id: int
) -> None:
    good = request_of(photo(StudyInstanceUID="1.2.3.42"))
    hostile = uid.encode() + b"\0" * (len(uid) % 2)
    before = element(0x0020000D, b"UI", b"1.2.3.42")
    assert before in good.data_set
    data_set = good.data_set.replace(before, element(0x0020000D, b"UI", hostile))
    request = replace(good, data_set=data_set)
    assert store.store(request, SENDER, association_id) is Status.SET_ASIDE
    row = only(database, QuarantinedInstance)
    assert row.code in {"bad-uid", "unreadable"}
    assert uid not in row.reason


def test_garbage_and_nothing_go_to_quarantine(
    store: InstanceStore, database: Database, association_id: int
) -> None:
    whole = request_of(photo())
    for garbage in (b"", b"\x13\x37" * 2048, whole.data_set[:-1]):
        request = replace(whole, data_set=garbage)
        assert store.store(request, SENDER, association_id) is Status.SET_ASIDE
    assert count(database, QuarantinedInstance) == 3


def test_two_associations_setting_the_same_bytes_aside_are_both_told_so(
    store: InstanceStore, association_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, calls = record_quarantine, iter([True, False])

    def lose_the_race_once(*args: Any, **more: Any) -> None:
        if next(calls):
            raise IntegrityError("INSERT", {}, Exception("unique constraint"))
        record(*args, **more)

    monkeypatch.setattr(storage, "record_quarantine", lose_the_race_once)
    garbage = replace(request_of(photo()), data_set=b"")
    assert store.store(garbage, SENDER, association_id) is Status.SET_ASIDE


def test_a_control_character_in_a_description_costs_no_view(
    store: InstanceStore, database: Database, association_id: int
) -> None:
    hostile = photo(SeriesDescription="left\0arm", Modality="X\0C", ImageType=["ORI\0", "A\x1bB"])
    assert store.store(request_of(hostile), SENDER, association_id) is Status.SUCCESS
    with database.read() as session:
        (study,), total = list_studies(session)
        found = find_study(session, study.id)
    assert total == 1
    assert study.modalities == ("X C",)
    assert found is not None
    manifest = only(database, Instance).manifest
    assert manifest["series_description"] == "left arm"
    assert manifest["image_type"] == ["ORI", "A B"]


def test_our_own_result_is_recorded_but_neither_kept_nor_a_study(
    store: InstanceStore, database: Database, spool: Spool, association_id: int
) -> None:
    request = request_of(photo(Manufacturer=MANUFACTURER))
    assert store.store(request, SENDER, association_id) is Status.SUCCESS
    row = only(database, Instance)
    assert row.own_result
    assert row.spool_key is None
    assert count(database, Study) == 0
    assert not spool.path("instances").exists()


def test_a_short_disk_is_out_of_resources(database: Database, spool: Spool) -> None:
    greedy = InstanceStore(database, spool, min_free_bytes=spool.free_bytes() * 2)
    assert greedy.store(request_of(photo()), SENDER, 1) is Status.OUT_OF_RESOURCES
    assert not greedy.has_room()
    assert count(database, Instance) == 0


def test_a_spool_that_cannot_write_is_out_of_resources(
    database: Database, spool: Spool, association_id: int
) -> None:
    store = InstanceStore(database, spool, min_free_bytes=0)
    assert store.has_room()
    spool.path("instances").write_text("a file where the folder must be")
    assert store.store(request_of(photo()), SENDER, association_id) is Status.OUT_OF_RESOURCES
    assert count(database, Instance) == 0


def test_a_database_that_fails_is_out_of_resources(
    store: InstanceStore, association_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, OSError("locked"))

    monkeypatch.setattr(storage, "record_instance", fail)
    assert store.store(request_of(photo()), SENDER, association_id) is Status.OUT_OF_RESOURCES


def test_an_error_nobody_foresaw_is_never_success(
    store: InstanceStore, association_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(storage, "record_instance", fail)
    with pytest.raises(ZeroDivisionError):
        store.store(request_of(photo()), SENDER, association_id)


def test_a_text_that_goes_on_for_ever_is_cut_in_the_manifest_and_kept_in_the_file() -> None:
    image = factories.rgb_photo(factories.lesion_photo(4, 6))
    image.add_new("SeriesDescription", "UT", "A" * 100_000)
    image.ImageType = ["ORIGINAL"] * 100
    equipment = [Dataset() for _ in range(40)]
    for n, one in enumerate(equipment):
        one.Manufacturer = f"Maker {n}"
    equipment[-1].Manufacturer = "Cutis"
    image.ContributingEquipmentSequence = equipment
    request = request_of(image)
    manifest = read_manifest(request, request.part10())
    assert manifest.series_description == "A" * 1024
    assert len(manifest.image_type) == 16
    assert len(manifest.contributing_manufacturers) == 17
    assert manifest.is_own_result
