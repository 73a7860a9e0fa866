"""Which results an image gets, and that the same work gives the same bytes."""

import dataclasses
import io
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from services.writer import identity
from services.writer.identity import Role
from services.writer.results import build_results
from shared.dicom import codes
from shared.dicom.decoder import Decoder
from shared.dicom.manifest import MANUFACTURER, instance_manifest
from shared.dicom.pixels import MiddleFrame
from shared.errors import BadInputError, PermanentError, TransientError
from tests import factories
from tests.services.writer.samples import DIGEST, LESION, SPEC, build, findings_for, results_of
from workers.catalog import models
from workers.findings import Findings, Measurement


def _read(content: bytes) -> Dataset:
    return dcmread(io.BytesIO(content))


def test_an_image_gets_all_kinds_in_series_of_their_own(tmp_path: Path) -> None:
    results = build(factories.rgb_photo(), tmp_path)
    assert [one.role for one in results] == ["seg", "sr", "pm", "sr-image", "sc"]
    assert len({one.sop_instance_uid for one in results}) == len(results)
    assert len({one.series_instance_uid for one in results}) == len(results)
    datasets = [_read(one.content) for one in results]
    assert [one.Modality for one in datasets] == ["SEG", "SR", "OT", "SR", "OT"]
    assert len({one.SeriesNumber for one in datasets}) == len(results)
    for one, dataset in zip(results, datasets, strict=True):
        assert one.sop_instance_uid == dataset.SOPInstanceUID
        assert one.sop_class_uid == dataset.SOPClassUID
        assert one.series_instance_uid == dataset.SeriesInstanceUID
        assert one.study_instance_uid == dataset.StudyInstanceUID
        assert one.series_description == dataset.SeriesDescription
        assert dataset.SeriesDescription.endswith("(research)")


def test_our_own_guard_knows_every_result(tmp_path: Path) -> None:
    for one in build(factories.byte_stack(), tmp_path):
        assert _read(one.content).Manufacturer == MANUFACTURER
        assert instance_manifest(_read(one.content)).is_own_result


def test_another_process_may_decode_and_its_errors_are_those_of_the_job(tmp_path: Path) -> None:
    source = factories.byte_stack()
    path = factories.save(source, tmp_path / "one.dcm")
    arguments = ([findings_for(source)], {source.SOPInstanceUID: path}, SPEC, DIGEST)
    here = list(build_results(*arguments))
    with Decoder(seconds=300) as decoder:
        assert list(build_results(*arguments, decode=decoder.middle_frame)) == here

    def too_slow(_: Path) -> MiddleFrame:
        raise TransientError("too slow", code="decoder-deadline")

    with pytest.raises(TransientError) as caught:
        list(build_results(*arguments, decode=too_slow))
    assert caught.value.code == "decoder-deadline"


@pytest.mark.parametrize("kind", ["rgb_photo", "jpeg_photo", "byte_stack", "speckle_frames"])
def test_building_twice_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    first = build(getattr(factories, kind)(), tmp_path)
    time.sleep(1.1)  # DICOM times count seconds: a clock read anywhere must show
    again = build(getattr(factories, kind)(), tmp_path)
    assert [one.content for one in first] == [one.content for one in again]


def test_everything_a_result_depends_on_is_in_its_uid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = factories.rgb_photo()
    path = factories.save(source, tmp_path / "one.dcm")
    found = findings_for(source)
    builds = [
        results_of(found, path, SPEC, DIGEST),
        results_of(found, path, SPEC, "1" * 64),
        results_of(found, path, dataclasses.replace(SPEC, version="0.2.0"), DIGEST),
        results_of(found, path, dataclasses.replace(SPEC, parameters={"a": "b"}), DIGEST),
        results_of(dataclasses.replace(found, derived_from=("1.2",)), path, SPEC, DIGEST),
    ]
    monkeypatch.setattr(identity, "WRITER_VERSION", "next")
    builds.append(results_of(found, path, SPEC, DIGEST))
    uids = [one.sop_instance_uid for results in builds for one in results]
    assert len(set(uids)) == len(uids)


def test_no_pixel_anywhere_means_no_seg_but_a_report_that_says_so(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    found = findings_for(source)
    empty = {number: np.zeros_like(mask) for number, mask in found.masks.items()}
    results = build(source, tmp_path, dataclasses.replace(found, masks=empty))
    assert [one.role for one in results] == ["pm", "sr-image", "sc"]
    assert b"No structure was found" in results[1].content


def test_an_image_that_was_declined_gets_only_the_report_with_the_reason(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    declined = Findings(
        sop_instance_uid=source.SOPInstanceUID, eligible=False, reason="too blurred"
    )
    results = build(source, tmp_path, declined)
    assert [one.role for one in results] == ["sr-image"]
    assert codes.NOT_ELIGIBLE.value.encode() in results[0].content
    assert b"Not analysed: too blurred" in results[0].content


@pytest.mark.parametrize("pixels", [b"\0" * 10, None])
def test_an_image_that_cannot_be_decoded_still_gets_its_report(
    tmp_path: Path, pixels: bytes | None
) -> None:
    source = factories.rgb_photo(PixelData=pixels)
    declined = Findings(
        sop_instance_uid=source.SOPInstanceUID, eligible=False, reason="cannot be decoded"
    )

    assert [one.role for one in build(source, tmp_path, declined)] == ["sr-image"]


@pytest.mark.parametrize(
    ("charset", "name", "description"),
    [
        ("ISO_IR 192", "Müller^Zoë", "Größe"),
        ("ISO_IR 100", "Müller^Zoë", "Größe"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", "皮膚"),
        ("ISO_IR 126", "Διονυσιος", "δέρμα"),
    ],
)
def test_names_survive_in_every_character_set(
    tmp_path: Path, charset: str | list[str], name: str, description: str
) -> None:
    source = factories.rgb_photo(SpecificCharacterSet=charset)
    source.PatientName, source.StudyDescription = name, description
    for one in build(source, tmp_path):
        dataset = _read(one.content)
        assert str(dataset.PatientName) == name
        assert dataset.StudyDescription == description


def test_patient_and_study_are_copied_even_when_they_are_odd(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    # What sites send: values that DICOM does not allow. The PACS matches on them all the same.
    path = factories.save(source, tmp_path / "one.dcm")
    content = path.read_bytes()
    content = content.replace(b"19800101", b"1980    ").replace(b"CS\x02\x00F ", b"CS\x02\x00W ")
    path.write_bytes(content)
    for one in results_of(findings_for(source), path, SPEC, DIGEST):
        dataset = _read(one.content)
        assert dataset.PatientSex == "W"
        assert dataset.PatientBirthDate == "1980"
        assert dataset.PatientID == source.PatientID
        assert dataset.AccessionNumber == source.AccessionNumber
        assert dataset.StudyInstanceUID == source.StudyInstanceUID


def test_a_source_without_dates_still_gives_results(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    for element in list(source):
        if element.VR in {"DA", "TM", "DT"}:
            del source[element.tag]
    assert len(build(source, tmp_path)) == 5


def test_findings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    found = findings_for(source)
    mask = np.ones((1, 3, 3), np.bool_)
    wrong = [
        dataclasses.replace(found, sop_instance_uid="1.2.3"),
        dataclasses.replace(found, masks={LESION: mask}),
        dataclasses.replace(found, masks={99: found.masks[LESION]}),
        dataclasses.replace(
            found, maps=(dataclasses.replace(found.maps[0], values=np.zeros((1, 3, 3), "f4")),)
        ),
        dataclasses.replace(
            found,
            measurements=(Measurement(quantity=codes.AREA, value=float("nan"), unit=codes.PIXELS),),
        ),
    ]
    for one in wrong:
        with pytest.raises(PermanentError) as caught:
            build(source, tmp_path, one)
        assert caught.value.code == "findings"


def test_a_source_that_cannot_be_read_has_its_own_fate(tmp_path: Path) -> None:
    found = findings_for(factories.rgb_photo())
    with pytest.raises(TransientError):
        results_of(found, tmp_path / "none.dcm", SPEC, DIGEST)
    (tmp_path / "text.dcm").write_text("not dicom")
    with pytest.raises(BadInputError):
        results_of(found, tmp_path / "text.dcm", SPEC, DIGEST)


def test_what_was_read_as_well_is_referred_to(tmp_path: Path) -> None:
    photo, frames = factories.rgb_photo(), factories.speckle_frames()
    paths = [factories.save(one, tmp_path / f"{one.Modality}.dcm") for one in (photo, frames)]
    found = dataclasses.replace(findings_for(photo), derived_from=(frames.SOPInstanceUID,))
    for one in results_of(found, paths[0], derived_from={frames.SOPInstanceUID: paths[1]}):
        refers = frames.SOPInstanceUID.encode() in one.content
        # SEG and map hold what was seen in the image itself; OHIF follows their first reference.
        assert refers == (one.role not in {"seg", "pm"}), one.role


def test_images_of_two_patients_give_no_result(tmp_path: Path) -> None:
    photo, other = factories.rgb_photo(), factories.speckle_frames()
    found = dataclasses.replace(findings_for(photo), derived_from=(other.SOPInstanceUID,))

    def build_with(other_patient: str) -> int:
        other.PatientID = other_patient
        paths = [factories.save(one, tmp_path / f"{one.Modality}.dcm") for one in (photo, other)]
        return len(results_of(found, paths[0], derived_from={other.SOPInstanceUID: paths[1]}))

    assert photo.PatientID
    assert build_with(f"{photo.PatientID} ") == build_with("") > 0
    with pytest.raises(PermanentError) as caught:
        build_with("ANOTHER")
    assert caught.value.code == "two-patients"
    assert "ANOTHER" not in caught.value.reason


def test_series_descriptions_name_phantoms_and_fit_whatever_the_model() -> None:
    for spec in models().values():
        ours = identity.Identity(
            sources=(), derived_from=(), derived_from_uids=(), spec=spec, weights_digest=DIGEST
        )
        named = [ours.series_description(role, "Inflammation score") for role in get_args(Role)[:7]]
        for text in named:
            assert text.endswith("(research, phantoms)")
            assert len(text) <= 64
