"""Messages: what travels between processes. Ids only: the database holds the rest."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

RUN_MODEL_TASK = "cutis.run_model"
WRITE_RESULTS_TASK = "cutis.write_results"
WRITER_QUEUE = "writer"

JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Message(BaseModel):
    """A frozen message; ``v`` is the version of its shape, for rolling upgrades."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1


class RunModel(Message):
    """Run the model of job ``job_id``."""

    job_id: JobId


class WriteResults(Message):
    """Write and store the results of job ``job_id``, whose model has run."""

    job_id: JobId


MESSAGES: Mapping[str, type[Message]] = {RUN_MODEL_TASK: RunModel, WRITE_RESULTS_TASK: WriteResults}
"""What each task takes, and all it takes."""
