"""Request and answer: what passes between the Celery task and a Ray actor. Paths, no pixels."""

from dataclasses import dataclass, field

from shared.errors import CarriedError, CutisError, carried, carry


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFile:
    """Where one received instance lies, and which it is."""

    path: str
    sop_instance_uid: str
    sop_class_uid: str
    scale_mm: float | None = None  # of a pixel, where a site rule gives it


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFiles:
    """The instances of one series, in instance order."""

    series_instance_uid: str
    modality: str
    description: str
    instances: tuple[InstanceFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest:
    """Read these series, leave the findings in ``folder``; ``as_values`` is the model's wish."""

    series: tuple[SeriesFiles, ...]
    folder: str
    as_values: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictAnswer:
    """How long each step took, or which error ended it."""

    stage_seconds: dict[str, float] = field(default_factory=dict)
    error: CarriedError | None = None

    def check(self) -> None:
        """Raise the error the actor met, if any."""
        if self.error is not None:
            raise carried(self.error)


def answer_of(error: CutisError, stage_seconds: dict[str, float]) -> PredictAnswer:
    """Return the answer that carries ``error``."""
    return PredictAnswer(stage_seconds=stage_seconds, error=carry(error))
