"""Messages: what travels between processes. Ids only: the database holds the rest."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

RUN_MODEL_TASK = "cutis.run_model"
WRITE_RESULTS_TASK = "cutis.write_results"
WRITER_QUEUE = "writer"


class Message(BaseModel):
    """A frozen message; ``v`` is the version of its shape, for rolling upgrades."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1


class RunModel(Message):
    """Run the model of job ``job_id``."""

    job_id: str


class WriteResults(Message):
    """Write and store the results of job ``job_id``, whose model has run."""

    job_id: str
