"""Demo: the whole path on sample studies, from C-STORE to results read back by DICOMweb."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from services.local.addresses import Addresses
from services.local.child_pipeline import child_pipeline
from services.local.pictures import picture_of
from services.local.send import Sent
from services.local.terminal import print_table, terminal
from services.local.trial import KINDS, Outcome, collect_results, send_samples
from shared.errors import ConfigurationError

_TITLE = "Results read back from the PACS"
_COLUMNS = ("study", "kind", "model", "state", "seconds", "results read back")
_OPTIONS = ("--quiet-seconds", "2", "--stable-seconds", "2", "--orthanc")


def run_demo(
    output: Path, *, keep: bool, seed: int, timeout_seconds: float, viewer: bool = False
) -> int:
    """Run the demo, leave DICOM files and pictures in ``output``; return the exit status.

    Raises
    ------
    CutisError
        The pipeline did not start, or the samples could not be sent.
    """
    console = terminal()
    output = output.resolve()
    for old in ("studies", "results"):
        shutil.rmtree(output / old, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends as Ctrl-C does
    with _scratch(output) as data:
        console.print("starting the pipeline …")
        options = (*_OPTIONS, "--viewer") if viewer else _OPTIONS
        with child_pipeline(data, output / "pipeline.log", options) as addresses:
            console.print(f"status page {addresses.api}  ·  Orthanc {addresses.orthanc}")
            outcomes, sent = send_samples(addresses, KINDS, output / "studies", seed)
            console.print(_say_sent(outcomes, sent, addresses))
            with console.status("the models read them …"):
                collect_results(addresses, outcomes, output / "results", timeout_seconds)
            for one in (one for outcome in outcomes for one in outcome.read_back):
                if not one.problem:
                    picture_of(one.path, one.role)
            print_table(console, _TITLE, _COLUMNS, _rows(outcomes))
            problems = [said for one in outcomes for said in one.problems()]
            for said in problems:
                console.print(f"[red]missing:[/red] {said}", soft_wrap=True)
            pictures = sorted((output / "results").rglob("*.png"))
            console.print(f"{len(pictures)} pictures of what is in the PACS: {output / 'results'}")
            if addresses.viewer is not None:
                _show_links(addresses.viewer, outcomes, console)
            if keep:
                _stay(addresses, console)
    return 1 if problems else 0


def _say_sent(outcomes: list[Outcome], sent: list[Sent], addresses: Addresses) -> str:
    stored = sum(not one.problem for one in sent)
    to = addresses.pacs.dicom.ae_title
    return f"{len(outcomes)} studies, {stored} of {len(sent)} files stored in {to}"


def _rows(outcomes: list[Outcome]) -> Iterator[tuple[str, ...]]:
    for outcome in outcomes:
        for job in outcome.jobs:
            came = [one for one in outcome.read_back if one.model == job["model"]]
            good = sum(not one.problem for one in came)
            roles = ", ".join(sorted({one.role for one in came if not one.problem}))
            yield (
                f"…{outcome.study_instance_uid[-8:]}",
                outcome.kind,
                job["model"],
                job["state"],
                "" if job["seconds"] is None else f"{job['seconds']:.0f}",
                f"{good} of {len(came)}: {roles}" if came else "none",
            )


def _show_links(viewer: str, outcomes: list[Outcome], console: Console) -> None:
    """Print where each overlay is in the viewer, as the API says."""
    console.print(f"viewer {viewer}", soft_wrap=True)
    for outcome in outcomes:
        for one in outcome.read_back:
            if one.role == "seg":
                console.print(f"{outcome.kind}, {one.model}: {one.viewer_url}", soft_wrap=True)


def _stay(addresses: Addresses, console: Console) -> None:
    console.print(f"still running: {addresses.api}  ·  Ctrl-C stops it", soft_wrap=True)
    console.print(f"other commands find it by: export CUTIS_DATA={addresses.data}", soft_wrap=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("stopping …")


@contextmanager
def _scratch(output: Path) -> Iterator[Path]:
    """Give a folder for the pipeline; keep its logs in ``output`` and remove the rest."""
    data = Path(tempfile.mkdtemp(prefix="cutis-demo-"))
    try:
        yield data
    except ConfigurationError as error:
        moved = error.reason.replace(str(data), str(output))
        raise ConfigurationError(moved, code=error.code) from error
    finally:
        shutil.rmtree(output / "logs", ignore_errors=True)
        if (data / "logs").is_dir():
            shutil.copytree(data / "logs", output / "logs")
        shutil.rmtree(data, ignore_errors=True)
