"""Expected: the one list of what every bad input must be answered, read from ``expected.yaml``."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class Expected(BaseModel):
    """What must become of one case.

    ``answer``: the status of the C-STORE, ``cut``, ``reject result/source/reason``, or what the
    conversation itself calls it. ``code``: of the quarantine, or ``duplicate``, ``conflict``.
    ``job``: what decoding ends with: ``decoded`` or the code of the job's error. ``routed``: of
    a study that no model reads, so that it has no job: the code of the decision. ``why``: what is
    not plain from the name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str
    code: str = ""
    job: str = ""
    routed: str = ""
    why: str = ""


def expected() -> dict[str, Expected]:
    """Return what is expected, by the name of the case."""
    text = (Path(__file__).parent / "expected.yaml").read_text(encoding="utf-8")
    return {name: Expected.model_validate(one) for name, one in yaml.safe_load(text).items()}
