"""Operating: the commands that act or judge, ``wait``, ``retry`` and ``doctor``."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.screen import complain, console, show_json, show_table
from services.cli.where import DataOption, JsonOption, addresses_in, client_of
from services.local.client import Record, is_good, is_settled, wait_until_settled
from services.local.doctor import examine, try_all

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (wait, retry, doctor):
        app.command()(command)


def wait(
    data: DataOption = None,
    study: Annotated[
        list[str] | None, typer.Option(help="Study Instance UID; may be repeated; else all")
    ] = None,
    timeout: Annotated[float, typer.Option(help="longest wait, s")] = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Wait until nothing is left to do; end 0 only if every job is done or no model applies."""
    with (
        client_of(data) as client,
        Progress(*_COLUMNS, console=console(), transient=True, disable=as_json) as progress,
    ):
        line = progress.add_task("studies settled", total=None)

        def show(studies: list[Record]) -> None:
            total = max(len(studies), len(set(study or ())))
            progress.update(line, completed=sum(map(is_settled, studies)), total=total)

        found = wait_until_settled(client, study or (), timeout, show)
    if as_json:
        show_json(found)
    else:
        rows = [(one["study_instance_uid"], one["state"], one["reason"]) for one in found]
        show_table("Studies", ("study", "state", "why"), rows)
    missing = set(study or ()) - {one["study_instance_uid"] for one in found}
    for uid in sorted(missing):
        complain(f"study {uid} has not arrived")
    if not all(map(is_settled, found)):
        complain(f"not finished after {timeout:g} s")
    if missing or not all(is_settled(one) and is_good(one) for one in found):
        raise typer.Exit(1)


def retry(
    job_id: Annotated[
        str | None, typer.Argument(help="id of a failed, parked or cancelled job")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="instead: every failed or parked job that ended with this")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a job, or all that ended with one code, from the stage that failed."""
    if (job_id is None) == (code is None):
        raise typer.BadParameter("give the id of a job, or --code CODE")
    with client_of(data) as client:
        ids = [job_id] if job_id is not None else _ended_with(client.jobs(), code)
        moved = [client.retry(one) for one in ids]
    if as_json:
        show_json(moved[0] if job_id is not None else moved)
        return
    for one in moved:
        console().print(f"job {one['job_id']} is {one['state']} again")
    if not moved:
        console().print(f"no job that can be retried ended with {code}")


def _ended_with(jobs: list[Record], code: str | None) -> list[str]:
    ended = {"failed", "parked"}
    return [
        one["id"]
        for one in jobs
        if one["code"] == code and one["state"] in ended and one["can_retry"]
    ]


def doctor(
    data: DataOption = None,
    as_json: JsonOption = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="also send phantom studies; they stay in the PACS")
    ] = False,
    timeout: Annotated[float, typer.Option(help="longest wait of the self-test, s")] = 900.0,
) -> None:
    """Try every hop of the pipeline by using it; end 0 only if all work.

    The self-test sends new phantom studies for every model into the PACS, waits, and reads each
    result back out of it.
    """
    found = addresses_in(data)
    verdicts = examine(found)
    if self_test and all(one.ok for one in verdicts):
        with console().status("phantom studies are on their way …"):
            verdicts += try_all(found, timeout)
    if as_json:
        show_json([one.model_dump() for one in verdicts])
    else:
        rows = [(one.hop, "ok" if one.ok else "failed", one.detail, one.advice) for one in verdicts]
        show_table("Doctor", ("hop", "verdict", "found", "what to do"), rows)
    if not all(one.ok for one in verdicts):
        raise typer.Exit(1)
