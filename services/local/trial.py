"""Trial: sample studies into the PACS, and every expected result read back out of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.local.addresses import Addresses
from services.local.client import ApiClient, Record, wait_until_settled
from services.local.phantoms import EXPECTED_MODELS, Kind, write_studies
from services.local.readback import PacsReader, ReadBack
from services.local.send import Sent, collect, send

KINDS = (Kind.PHOTO, Kind.KELOID, Kind.LC_OCT, Kind.CONFOCAL)
"""Enough to ask every model."""

EXPECTED_ROLES = {
    "segmentation": {"seg", "sr", "sr-image", "sc"},
    "perfusion": {"pm", "sr-image", "sc"},
    "layers": {"seg", "sr", "sr-image", "sc"},
    "inflammation": {"pm", "sr-image", "sc"},
}
"""What each model must have put into the PACS, at least."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One sample study: what was expected of it and what came back."""

    kind: Kind
    study_instance_uid: str
    record: Record | None = None
    jobs: list[Record] = field(default_factory=list)
    read_back: list[ReadBack] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Return what is missing or wrong; empty when every expected result came back."""
        if self.record is None:
            return ["the study never arrived at Cutis"]
        found = []
        for model in sorted(EXPECTED_MODELS[self.kind]):
            states = [job["state"] for job in self.jobs if job["model"] == model]
            if states != ["done"]:
                found.append(f"{model}: {', '.join(states) or 'was never asked'}")
            came = {one.role for one in self.read_back if one.model == model and not one.problem}
            missing = EXPECTED_ROLES[model] - came
            if missing:
                found.append(f"{model}: not read back: {', '.join(sorted(missing))}")
        found += [f"{one.path.name}: {one.problem}" for one in self.read_back if one.problem]
        return found


def send_samples(
    addresses: Addresses, kinds: Sequence[Kind], folder: Path, seed: int
) -> tuple[list[Outcome], list[Sent]]:
    """Write one study of each kind below ``folder`` and send them to the PACS.

    Raises
    ------
    TransientError
        The PACS takes no association from us.
    """
    outcomes, files = [], []
    for kind in kinds:
        for uid, paths in write_studies(kind, folder, seed=seed):
            outcomes.append(Outcome(kind=kind, study_instance_uid=uid))
            files += paths
    return outcomes, send(collect(files), addresses.pacs.dicom)


def collect_results(
    addresses: Addresses, outcomes: Sequence[Outcome], folder: Path, timeout_seconds: float
) -> None:
    """Wait until all is settled, and fetch every result from the PACS into ``folder``.

    Raises
    ------
    CutisError
        The API does not answer, or refuses our key.
    """
    reader = PacsReader(addresses.pacs, addresses.listener.ae_title)
    with ApiClient(addresses.api, addresses.api_key_file) as client:
        uids = [one.study_instance_uid for one in outcomes]
        found = wait_until_settled(client, uids, timeout_seconds)
        by_uid = {one["study_instance_uid"]: one for one in found}
        for outcome in outcomes:
            outcome.record = by_uid.get(outcome.study_instance_uid)
            if outcome.record is None:
                continue
            outcome.jobs = [client.job(job["id"]) for job in outcome.record["jobs"]]
            home = folder / outcome.kind
            results = client.study(outcome.record["id"])["results"]
            for result in reversed(results):  # the API tells the newest first
                outcome.read_back.append(reader.fetch(outcome.study_instance_uid, result, home))


def self_test(addresses: Addresses, folder: Path, timeout_seconds: float) -> list[Outcome]:
    """Send one new study of each kind, never seen before, and return what came of them.

    Raises
    ------
    CutisError
        The studies could not be sent, or the API could not be asked.
    """
    outcomes, _ = send_samples(addresses, KINDS, folder / "studies", seed=int(time.time()))
    collect_results(addresses, outcomes, folder / "results", timeout_seconds)
    return outcomes
