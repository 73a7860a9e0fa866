"""Worker of the control run: ``python -m tests.chaos.control_worker MODE NAME FOLDER``."""

import sys
import time
from pathlib import Path

from celery.signals import worker_ready

from shared.broker import make_broker
from shared.consumer import consume
from shared.db.engine import Database
from shared.messages import RUN_MODEL_TASK
from shared.settings import Settings
from shared.stage import Attempt, StageRunner
from shared.states import Stage
from tests.chaos.control import QUEUE

_SECONDS = 0.25
"""What a job takes: four at a time they hardly keep pace, so that some wait when Redis dies."""


def main(mode: str, name: str, folder: Path) -> None:
    settings = Settings()
    broker = make_broker(settings)
    runner = StageRunner(Database(settings.database_url), settings, Stage.MODEL, "worker")

    def work(job_id: str) -> None:
        time.sleep(_SECONDS)
        (folder / "done" / job_id).touch()

    def claimed_work(attempt: Attempt) -> str:
        work(attempt.claim.job_id)
        return "findings"

    @broker.task(name=RUN_MODEL_TASK)  # type: ignore[untyped-decorator]
    def run_model(job_id: str, **_: object) -> None:
        if mode == "direct":
            work(job_id)
        else:
            runner.run(job_id, claimed_work)

    def is_ready(**_: object) -> None:
        (folder / f"{name}.ready").touch()

    worker_ready.connect(is_ready, weak=False)
    consume(broker, [QUEUE], concurrency=2, name=name, stall_seconds=8)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
