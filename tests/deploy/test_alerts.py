"""The alerts: who must be heard of is asked for by name, and Prometheus's own tool runs them."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.chart import CHART

RULES = CHART / "files" / "alerts.yml"
CASES = Path(__file__).parent / "alerts.yml"


def rules() -> dict[str, str]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {one["alert"]: one["expr"] for one in group["rules"]}


@pytest.mark.parametrize("role", ["listener", "dispatcher", "writer", "worker"])
def test_a_process_that_was_forgotten_is_missed_all_the_same(role: str) -> None:
    assert f'absent(cutis_processes{{role="{role}",heard="yes"}})' in rules()["CutisProcessSilent"]


def test_every_alert_is_explained_to_the_admin_and_no_other_is() -> None:
    page = (CHART.parents[2] / "docs" / "operations.md").read_text()
    rows = page.split("| alert | what to do |")[1].split("\n\n")[0].splitlines()[2:]

    assert {row.split("`")[1] for row in rows} == set(rules())


def test_the_alerts_fire_and_end_as_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool (apt: prometheus)")
    command = [promtool, "test", "rules", str(CASES)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
