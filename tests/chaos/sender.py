"""Sender: a modality that never gives up, and keeps its own book of what it was answered."""

import threading
import time
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from services.local.addresses import DicomAddress
from services.local.ready import TOOL_AE_TITLE
from services.local.wrapping import SeriesIdentity, secondary_capture
from shared.transport import Requestor
from tests.integration.exposure import name_canary
from workers.inflammation.phantom import field

SUCCESS, SET_ASIDE = 0x0000, 0xB007
_SIDE = 64
_BAD_EVERY = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One study of one small confocal image; a bad one names no study and must be set aside."""

    dataset: Dataset
    sop_instance_uid: str
    bad: bool


def samples(jobs: int, name: str) -> list[Sample]:
    """Return ``jobs`` good samples, and a bad one after every 25th."""
    made: list[Sample] = []
    for number in range(jobs):
        made.append(_sample(f"{name}-{number}", number, bad=False))
        if (number + 1) % _BAD_EVERY == 0:
            made.append(_sample(f"{name}-{number}-bad", number, bad=True))
    return made


def _sample(name: str, number: int, *, bad: bool) -> Sample:
    found = field(number % 5, rows=_SIDE, columns=_SIDE)
    pixels = found.pixels.copy()
    pixels[0, :4] = np.frombuffer(np.uint32(number).tobytes(), np.uint8)
    series = SeriesIdentity(
        study=f"chaos-{name}",
        number=1,
        modality="CFM",
        description="Confocal field",
        device="Phantom CFM",
    )
    spacing_mm = found.micrometres_per_pixel / 1000
    dataset = secondary_capture(pixels, series, spacing_mm=spacing_mm)
    name_canary(dataset, name)  # a patient of each study: nobody has hundreds
    if bad:
        dataset.StudyInstanceUID = ""
    return Sample(dataset=dataset, sop_instance_uid=str(dataset.SOPInstanceUID), bad=bad)


class Sender:
    """Sends ``samples`` in order, each until it is answered Success or a warning."""

    def __init__(self, queue: list[Sample], to: DicomAddress, threads: int = 2) -> None:
        self._queue = queue
        self._to = to
        self._next = 0
        self._allowed = 0
        self._lock = threading.Lock()
        self._given_up = threading.Event()
        self.answers: dict[str, int] = {}
        self.refusals = 0
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def allow(self, share: float) -> None:
        """Let the first ``share`` (0 to 1) of the samples go."""
        self._allowed = max(self._allowed, round(share * len(self._queue)))

    def finish(self, seconds: float) -> None:
        """Let everything go and wait until it is answered; give up after ``seconds``."""
        self._allowed = len(self._queue)
        deadline = time.monotonic() + seconds
        for one in self._threads:
            one.join(max(0.0, deadline - time.monotonic()))
        self._given_up.set()

    def _run(self) -> None:
        while not self._given_up.is_set():
            sample = self._take()
            if sample is None:
                if self._next >= len(self._queue):
                    return
                time.sleep(0.1)
                continue
            while not self._given_up.is_set():
                status = _store(sample.dataset, self._to)
                if status in {SUCCESS, SET_ASIDE}:
                    with self._lock:
                        self.answers[sample.sop_instance_uid] = status
                    break
                with self._lock:
                    self.refusals += 1
                time.sleep(0.3)

    def _take(self) -> Sample | None:
        with self._lock:
            if self._next >= min(self._allowed, len(self._queue)):
                return None
            self._next += 1
            return self._queue[self._next - 1]


def _store(dataset: Dataset, to: DicomAddress) -> int | None:
    """Send one instance in an association of its own; ``None`` when there was no answer."""
    entity = Requestor(TOOL_AE_TITLE)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.connection_timeout = 5
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association: Association = entity.associate(to.host, to.port, ae_title=to.ae_title)
    if not association.is_established:
        return None
    try:
        answer = association.send_c_store(dataset)
    except (RuntimeError, ValueError):  # the association went away before the request
        return None
    finally:
        if association.is_established:
            association.release()
    return int(answer.Status) if "Status" in answer else None
