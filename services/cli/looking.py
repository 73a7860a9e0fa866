"""Looking: the commands that read, ``status``, ``studies``, ``jobs`` and ``models``."""

from typing import Annotated, Any

import typer

from services.cli.screen import show_json, show_table
from services.cli.where import DataOption, JsonOption, addresses_in, client_of


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (status, studies, jobs, models):
        app.command()(command)


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show where the running pipeline can be reached."""
    found = addresses_in(data).model_dump(mode="json")
    if as_json:
        show_json(found)
        return
    listener, pacs = found["listener"], found["pacs"]
    rows = [
        ("status page", found["api"]),
        ("listener", f"{listener['ae_title']} at {listener['host']}:{listener['port']}"),
        ("PACS, DICOM", f"{pacs['dicom']['ae_title']} at port {pacs['dicom']['port']}"),
        ("PACS, DICOMweb", pacs["dicomweb_url"]),
        ("Orthanc's page", found["orthanc"] or "runs elsewhere"),
        ("viewer", found["viewer"] or "not started: cutis viewer, or cutis up --viewer"),
        ("API key", found["api_key_file"]),
        ("logs", f"{found['data']}/logs"),
    ]
    show_table("Pipeline", ("what", "where"), rows)


def studies(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List studies, the latest image first."""
    with client_of(data) as client:
        found = client.studies()
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["study_instance_uid"],
            " ".join(one["modalities"]),
            one["instances"],
            one["revision"],
            one["state"],
            one["reason"],
        )
        for one in found
    ]
    show_table("Studies", ("study", "modality", "images", "revision", "state", "why"), rows)


def jobs(
    data: DataOption = None,
    as_json: JsonOption = False,
    state: Annotated[str | None, typer.Option(help="only jobs in this state")] = None,
) -> None:
    """List jobs, the newest first."""
    with client_of(data) as client:
        found = [one for one in client.jobs() if state is None or one["state"] == state]
    if as_json:
        show_json(found)
        return
    columns = ("job", "model", "state", "attempt", "seconds", "study", "why")
    show_table("Jobs", columns, map(_job_row, found))


def models(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the models, what they accept and which weights they run with."""
    with client_of(data) as client:
        found = client.models()
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["name"],
            one["version"],
            one["title"],
            "; ".join(one["accepts"]),
            one["missing"] or str(one["weights_digest"])[:12],
        )
        for one in found
    ]
    show_table("Models", ("model", "version", "finds", "accepts", "weights"), rows)


def _job_row(job: dict[str, Any]) -> tuple[object, ...]:
    seconds = "" if job["seconds"] is None else f"{job['seconds']:.1f}"
    uid = job["study_instance_uid"]
    # None yet is no number: a person counts from the first.
    attempt = job["attempt"] or ""
    return job["id"], job["model"], job["state"], attempt, seconds, uid, job["reason"]
