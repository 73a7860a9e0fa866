"""Schemas: what the API says beyond the views of the database."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

from fastapi import HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ConfigurationError
from shared.states import JobState, QuarantineState
from workers.catalog import weights_manifest
from workers.contract import ModelSpec

Item = TypeVar("Item")

StudyId = Annotated[int, Path(ge=1, le=2**31 - 1, description="our own number of the study")]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="the job's id")]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="how many to skip")]


class Page(BaseModel, Generic[Item]):
    """Part of a list, and how long the whole list is."""

    model_config = ConfigDict(frozen=True)

    items: list[Item]
    total: int
    limit: int
    offset: int


class Moved(BaseModel):
    """Where a job is after an operator moved it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [{"job_id": "0f8fad5bd9cb469fa16570867728950e", "state": "queued"}]
        },
    )

    job_id: str
    state: JobState


class Decided(BaseModel):
    """What an operator decided about a quarantined instance."""

    model_config = ConfigDict(frozen=True)

    id: int
    state: QuarantineState


class SegmentSummary(BaseModel):
    """One structure a model marks."""

    model_config = ConfigDict(frozen=True)

    number: int
    label: str
    code: str = Field(description="coding scheme and value", examples=["SCT 39937001"])
    colour: tuple[int, int, int] = Field(description="RGB, 0 to 255")


class ModelSummary(BaseModel):
    """A model of the catalogue and the weights it runs with."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    version: str
    accepts: tuple[str, ...]
    segments: tuple[SegmentSummary, ...]
    parameters: dict[str, str]
    training_data: str
    deadline_seconds: float
    weights_digest: str | None = Field(description="null when there are no weights")
    trained_on: str | None
    metrics: dict[str, float]
    commit: str | None
    missing: str = Field(default="", description="why the model cannot run; empty when it can")


class Check(BaseModel):
    """One thing the API needs: ``ok``, or why not."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    detail: str = ""


class Readiness(BaseModel):
    """Whether the API can do its work, and which part cannot."""

    model_config = ConfigDict(frozen=True)

    ready: bool
    checks: dict[str, Check]


def found(value: Item | None, what: str) -> Item:
    """Return ``value``, or answer 404."""
    if value is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no such {what}.")
    return value


def model_summaries(models: Mapping[str, ModelSpec]) -> list[ModelSummary]:
    """Return every model with its weights, in order of name."""
    return [_model(models[name]) for name in sorted(models)]


def _model(spec: ModelSpec) -> ModelSummary:
    missing, weights = "", None
    try:
        weights = weights_manifest(spec.name)
    except ConfigurationError as error:
        missing = error.reason
    return ModelSummary(
        name=spec.name,
        title=spec.title,
        version=spec.version,
        accepts=tuple(one.reason for one in spec.accepts),
        segments=tuple(
            SegmentSummary(
                number=one.number,
                label=one.label,
                code=f"{one.type.scheme_designator} {one.type.value}",
                colour=one.colour,
            )
            for one in spec.segments
        ),
        parameters=spec.parameters,
        training_data=spec.training_data,
        deadline_seconds=spec.deadline_seconds,
        weights_digest=None if weights is None else weights.digest,
        trained_on=None if weights is None else weights.trained_on,
        metrics={} if weights is None else weights.metrics,
        commit=None if weights is None else weights.commit,
        missing=missing,
    )
