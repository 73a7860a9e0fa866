"""Build every result from every input, have every checker read it, print the table.

Run by ``make conformance``; words after the command choose the inputs whose names hold them.
Exit status 1: a checker complained, a program is missing, a result
changed between two builds, or an exemption is no longer needed.
"""

import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from services.writer.absence import build_absence
from services.writer.results import BuiltResult
from services.writer.settings import StackEncoding
from shared.db.absences import Absence
from tests import factories
from tests.conformance.archive import store_and_read_back
from tests.conformance.checkers import CHECKERS, Exemption, ask, exemptions, missing_programs
from tests.conformance.inputs import INPUTS, series_of
from tests.conformance.voxels import voxel_complaints
from tests.orthanc import OrthancServer
from tests.services.writer.samples import build_series, findings_for, without_overlap
from tests.services.writer.visits import follow_up
from workers.findings import Findings

COLUMNS = (*CHECKERS, "voxels", "Orthanc", "same bytes")

Table = dict[tuple[str, str, str], list[str]]
"""(input, role, column) → complaints."""


def main(words: Sequence[str]) -> int:
    """Return the exit status."""
    names = [name for name in INPUTS if not words or any(word in name for word in words)]
    missing = missing_programs()
    if missing:
        _say(f"not installed: {', '.join(missing)}")
        return 1
    # What pydicom thinks of sample sources is not the question here.
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="cutis-conformance-") as folder:
        table, used = _examine(names, Path(folder))
    unused = [] if words else [one for one in exemptions() if one not in used]
    _print_table(names, table)
    failures = {key: complaints for key, complaints in table.items() if complaints}
    for key, complaints in failures.items():
        _say("\n    ".join(["\n" + ", ".join(key), *complaints]))
    for exemption in sorted(used, key=lambda one: one.complaint):
        _say(f"\nallowed, {exemption.checker}: {exemption.complaint}\n    {exemption.reason}")
    for exemption in unused:
        _say(f"\nno longer needed: {exemption.checker}: {exemption.complaint}")
    _say(f"\n{len(names)} inputs, {len(table)} checks, {len(failures)} failures")
    return 1 if failures or unused else 0


def _examine(names: Sequence[str], folder: Path) -> tuple[Table, set[Exemption]]:
    table: Table = {}
    used: set[Exemption] = set()
    first: dict[str, list[bytes]] = {}
    with OrthancServer(folder) as orthanc:
        for name in names:
            built = _build(name, folder / "first")
            first[name] = [one.content for one in built]
            for one in built:
                for checker in CHECKERS:
                    complaints, needed = ask(checker, one.content)
                    used |= needed
                    if complaints is not None:
                        table.setdefault((name, one.role, checker), []).extend(complaints)
                if one.role == "seg" and (found := _findings(name, series_of(name))):
                    wrong = voxel_complaints(one.content, found)
                    table.setdefault((name, one.role, "voxels"), []).extend(wrong)
                wrong = store_and_read_back(orthanc, one)
                table.setdefault((name, one.role, "Orthanc"), []).extend(wrong)
    # Last, so that a clock read anywhere has moved on.
    for name in names:
        again = _build(name, folder / "again")
        for one, content in zip(again, first[name], strict=True):
            differs = [] if one.content == content else ["other bytes when built again"]
            table.setdefault((name, one.role, "same bytes"), []).extend(differs)
    return table, used


def _build(name: str, folder: Path) -> list[BuiltResult]:
    images = series_of(name)
    if name == "study not analysed":
        return [_notice(images, folder)]
    if name == "VL photo, patient seen before":
        return follow_up(images[0], folder)
    encoding: StackEncoding = "labelmap-rle" if "label map" in name else "binary"
    return build_series(images, folder, _findings(name, images), encoding, {"pdf", "pr"})


def _findings(name: str, images: Sequence[Dataset]) -> list[Findings]:
    """Return the findings on ``images``; none where :func:`_build` makes its own."""
    if name == "VL photo, patient seen before":
        return []
    if name == "VL photo, declined":
        return [
            Findings(sop_instance_uid=one.SOPInstanceUID, eligible=False, reason="too dark")
            for one in images
        ]
    condensed = [one.SeriesDescription.startswith("LSCI raw") for one in images]
    findings = [
        findings_for(one, condensed_map=each) for one, each in zip(images, condensed, strict=True)
    ]
    return [without_overlap(one) for one in findings] if "label map" in name else findings


def _notice(images: Sequence[Dataset], folder: Path) -> BuiltResult:
    """Return the report of a study whose series were declined or failed in turns."""
    absences = [
        Absence(
            series_instance_uid=one.SeriesInstanceUID,
            spool_key="",
            model=("", "layers")[index % 2],
            failed=bool(index % 2),
            reason="the reason, in words",
        )
        for index, one in enumerate(images)
    ]
    paths = [
        factories.save(one, folder / f"{index}-{one.SOPInstanceUID}.dcm")
        for index, one in enumerate(images)
    ]
    return build_absence(absences, paths)


def _print_table(names: Sequence[str], table: Table) -> None:
    """Print one line an input: for each column how many kinds of result passed, or which failed."""
    width = max(map(len, names))
    _say(f"{'input':{width}}  {'results':24}" + "".join(f"  {one:>10}" for one in COLUMNS))
    for name in names:
        roles = list(dict.fromkeys(role for one, role, _ in table if one == name))
        cells = [cell(table, name, roles, column) for column in COLUMNS]
        line = f"{name:{width}}  {' '.join(roles):24}" + "".join(f"  {one:>10}" for one in cells)
        _say(line)


def cell(table: Table, name: str, roles: Sequence[str], column: str) -> str:
    """Return how many kinds of result passed, which failed, or that none was asked about."""
    bad = [role for role in roles if table.get((name, role, column))]
    asked = sum((name, role, column) in table for role in roles)
    if bad:
        return f"FAILS: {','.join(bad)}"
    # A checker that reads none of these kinds of result has not passed them.
    return f"{asked} pass" if asked else "-"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
