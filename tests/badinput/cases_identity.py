"""Identifiers that are missing, wrong or hostile; and text that attacks whoever shows it."""

from dataclasses import replace

from pydicom.uid import CTImageStorage, EncapsulatedPDFStorage

from services.listener.instance import StoreRequest
from tests.badinput.surgery import photo, with_bytes, with_element, without_element
from tests.services.listener.requests import element


def identity_cases() -> dict[str, StoreRequest]:
    """Return the cases by name."""
    return {**_missing(), **_malformed(), **_disagreeing(), **_text(), **_other_objects()}


def _missing() -> dict[str, StoreRequest]:
    keywords = {
        "sop-instance": "SOPInstanceUID",
        "sop-class": "SOPClassUID",
        "study": "StudyInstanceUID",
        "series": "SeriesInstanceUID",
    }
    good = photo("missing")
    return {
        **{f"no-{name}-uid": without_element(good, one) for name, one in keywords.items()},
        **{f"empty-{name}-uid": with_element(good, one, b"") for name, one in keywords.items()},
    }


def _malformed() -> dict[str, StoreRequest]:
    study_uids = {
        "long": b"1." + b"9" * 64,
        "very-long": b"1." + b"9" * 198,
        "letters": b"a" * 64,
        "leading-zero": b"1.02.30",
        "null-inside": b"1.2\0003.4",
        "path": b"../../../tmp/evil",
        "absolute-path": b"/etc/passwd",
        "two-values": b"1.2.3\\4.5.6",
        "dots": b"...",
        "trailing-dot": b"1.2.3.",
        "only-spaces": b"    ",
        "only-nulls": b"\0\0\0\0",
        "newline": b"1.2.3\n{}",
        "sql": b"1' OR '1'='1",
        "high-bytes": b"\xff\xfe\xfd\xfc",
    }
    good = photo("malformed")
    cases = {
        f"study-uid-{name}": with_element(good, "StudyInstanceUID", uid + b"\0" * (len(uid) % 2))
        for name, uid in study_uids.items()
    }
    cases["study-uid-padded-with-space"] = with_element(
        photo("space"), "StudyInstanceUID", b"1.2.3.4.5 "
    )
    path = "../../../tmp/evil"
    cases["instance-uid-path"] = replace(
        with_element(good, "SOPInstanceUID", path.encode() + b"\0"), sop_instance_uid=path
    )
    cases["command-uid-path"] = replace(good, sop_instance_uid=path)
    cases["command-uid-empty"] = replace(good, sop_instance_uid="")
    cases["command-uid-letters"] = replace(good, sop_instance_uid="a" * 64)
    cases["command-uid-long"] = replace(good, sop_instance_uid="1." + "9" * 100)
    return cases


def _disagreeing() -> dict[str, StoreRequest]:
    good = photo("disagreeing")
    first = photo("twice")
    return {
        "command-names-other-instance": replace(good, sop_instance_uid="1.2.3.4.5"),
        "data-set-names-other-class": with_element(
            good, "SOPClassUID", CTImageStorage.encode() + b"\0"
        ),
        "first-of-two": first,
        "same-again": first,
        "same-uid-other-content": with_element(first, "SeriesDescription", b"changed "),
        "same-content-with-group-lengths": _with_group_length(first),
    }


def _with_group_length(request: StoreRequest) -> StoreRequest:
    length = element(0x00080000, b"UL", (1234).to_bytes(4, "little"))
    return with_bytes(request, length + request.data_set)


def _text() -> dict[str, StoreRequest]:
    name = "PatientName"
    japanese = "山田^太郎".encode()

    def labelled(case: str, label: bytes) -> StoreRequest:
        return with_element(
            with_element(photo(case), name, japanese + b" " * (len(japanese) % 2)),
            "SpecificCharacterSet",
            label,
        )

    report = b"<img src=x onerror=alert(1)>\x07\x1b[2J=cmd|' /C calc'!A0 "
    return {
        "name-in-utf-8": labelled("utf-8", b"ISO_IR 192"),
        "name-in-utf-8-labelled-latin-1": labelled("latin-1", b"ISO_IR 100"),
        "unknown-character-set": labelled("unknown-set", b"ISO_IR 999"),
        "character-set-garbage": labelled("garbage-set", b"\xff\xfe\\\\"),
        "high-bytes-without-character-set": without_element(
            with_element(photo("high"), name, b"\xe9^\xff "), "SpecificCharacterSet"
        ),
        "name-with-script": with_element(photo("script"), name, b"<script>alert(1)</script>^X "),
        "name-with-forged-log-line": with_element(
            photo("forged"), name, b'A^\r\n{"event":"forged"} '
        ),
        "description-with-html": with_element(
            photo("html"), "SeriesDescription", b'"><script>alert(1)</script>'[:26]
        ),
        "report-text-that-attacks": with_element(photo("report"), "TextValue", report, "UT"),
        "date-that-is-none": with_element(photo("date"), "StudyDate", b"99999999"),
        "number-that-is-none": with_element(photo("number"), "InstanceNumber", b"xx"),
        "name-of-60-kilobytes": with_element(photo("big-name"), name, b"A^B=" * 15_000),
    }


def _other_objects() -> dict[str, StoreRequest]:
    document = photo("document")
    for keyword in ("PixelData", "Rows", "Columns"):
        document = without_element(document, keyword)
    document = with_element(document, "SOPClassUID", EncapsulatedPDFStorage.encode())
    return {
        "encapsulated-document": replace(
            with_element(document, "EncapsulatedDocument", b"%PDF-1.4 ", "OB"),
            sop_class_uid=EncapsulatedPDFStorage,
        ),
        "private-element-of-20-megabytes": with_element(
            with_element(photo("private-big"), 0x00090010, b"CUTIS TEST", "LO"),
            0x00091001,
            bytes(20_000_000),
            "OB",
        ),
        "message-over-the-size-cap": with_element(
            with_element(photo("too-big"), 0x00090010, b"CUTIS TEST", "LO"),
            0x00091001,
            bytes(40_000_000),
            "OB",
        ),
    }
