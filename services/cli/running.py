"""Running: the commands that run something, ``up``, ``demo`` and ``viewer``."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from services.cli.screen import quiet_libraries
from services.cli.where import DataOption, addresses_in
from services.local.demo import run_demo
from services.local.ohif import find_ohif
from services.local.ports import free_ports
from services.local.settings import LocalSettings, ToolSettings
from services.local.up import ready_line, run_pipeline
from services.local.viewer import HOST, link_template, serve_viewer, viewer_app
from shared.errors import ConfigurationError
from shared.logs import configure_logs


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(demo)
    app.command()(viewer)


def up(  # noqa: PLR0917 - one parameter an option
    data: Annotated[Path | None, typer.Option(help="folder for everything; CUTIS_DATA")] = None,
    listener_port: Annotated[int | None, typer.Option(help="DICOM port; 0: any free one")] = None,
    api_port: Annotated[int | None, typer.Option(help="status page; 0: any free one")] = None,
    orthanc_port: Annotated[int | None, typer.Option(help="Orthanc's HTTP port")] = None,
    orthanc_dicom_port: Annotated[int | None, typer.Option(help="Orthanc's DICOM port")] = None,
    quiet_seconds: Annotated[
        float | None, typer.Option(help="silence after which a study is complete")
    ] = None,
    stable_seconds: Annotated[
        int | None, typer.Option(help="silence after which Orthanc sends a study on")
    ] = None,
    orthanc: Annotated[bool | None, typer.Option(help="start an Orthanc of our own")] = None,
    with_viewer: Annotated[
        bool | None, typer.Option("--viewer/--no-viewer", help="serve OHIF too, and link to it")
    ] = None,
    viewer_port: Annotated[int | None, typer.Option(help="OHIF; 0: any free one")] = None,
) -> None:
    """Run the whole pipeline on this machine until Ctrl-C.

    Ports that are not given come from the environment (CUTIS_LOCAL_…), else are free ones. One
    line of JSON on stdout says that all is ready, and where.
    """
    configure_logs("local")
    quiet_libraries()
    given = {
        "data": data,
        "listener_port": listener_port,
        "api_port": api_port,
        "orthanc_http_port": orthanc_port,
        "orthanc_dicom_port": orthanc_dicom_port,
        "quiet_seconds": quiet_seconds,
        "stable_seconds": stable_seconds,
        "orthanc": orthanc,
        "viewer": with_viewer,
        "viewer_port": viewer_port,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    run_pipeline(_settings(chosen), lambda addresses: _say(ready_line(addresses)))


def demo(
    output: Annotated[Path, typer.Option(help="folder for the pictures")] = Path("demo-output"),
    keep: Annotated[bool, typer.Option(help="leave the pipeline running until Ctrl-C")] = False,
    seed: Annotated[int, typer.Option(help="seed of the sample studies")] = 1,
    timeout: Annotated[float, typer.Option(help="longest wait for the results, s")] = 900.0,
    with_viewer: Annotated[
        bool, typer.Option("--viewer", help="serve OHIF too; most useful with --keep")
    ] = False,
) -> None:
    """Show the pipeline end to end on sample studies; ends 0 if every result came back."""
    status = run_demo(output, keep=keep, viewer=with_viewer, seed=seed, timeout_seconds=timeout)
    raise typer.Exit(status)


def viewer(
    data: DataOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port; 0: any free one")] = 0,
) -> None:
    """Serve the OHIF viewer over the archive of a running pipeline, until Ctrl-C.

    It is for this machine only: whoever can use this machine sees the images in it, without a
    password. The first time, OHIF is fetched with npm.
    """
    configure_logs("viewer")
    quiet_libraries()  # httpx would log what is searched for in the archive, names too
    found = addresses_in(data)
    app = viewer_app(find_ohif(ToolSettings().cache), found.pacs)
    chosen = free_ports({"viewer": port})["viewer"]
    url = f"http://{HOST}:{chosen}"
    _say(json.dumps({"event": "viewer", "viewer": url, "viewer_url": link_template(url)}))
    serve_viewer(app, chosen)


def _settings(chosen: dict[str, Any]) -> LocalSettings:
    """Return the environment's settings with what was ``chosen`` by options, all validated."""
    try:
        return LocalSettings.model_validate(LocalSettings().model_dump() | chosen)
    except ValidationError as error:
        problems = (f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise ConfigurationError("; ".join(problems)) from error


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
