import re
from pathlib import Path

import pytest

import services
from services.api.advice import job_advice, quarantine_advice, refusal_advice
from services.listener import admission
from services.listener.admission import Refusal

ROOT = Path(services.__file__).parents[1]
CODE = re.compile(r'code="([a-z-]+)"')
NEVER_END_A_JOB = {"accepted", "lease-lost", "rules", "too-many"}


def codes_in(*patterns: str) -> set[str]:
    sources = [path for pattern in patterns for path in ROOT.glob(pattern)]
    assert sources
    return {code for path in sources for code in CODE.findall(path.read_text(encoding="utf-8"))}


def test_every_code_that_can_end_a_job_has_its_own_advice() -> None:
    codes = codes_in("workers/runtime/*.py", "services/writer/*.py", "shared/*.py")
    codes |= codes_in("shared/dicom/*.py", "shared/db/*.py", "services/dispatcher/*.py")

    general = job_advice("anything else")
    assert {code for code in codes - NEVER_END_A_JOB if job_advice(code) == general} == set()


def test_every_code_of_the_quarantine_has_its_own_advice() -> None:
    codes = codes_in("services/listener/instance.py", "services/listener/structure.py")

    general = quarantine_advice("anything else")
    assert {code for code in codes if quarantine_advice(code) == general} == set()


@pytest.mark.parametrize(
    "refusal", [one for one in vars(admission).values() if isinstance(one, Refusal)]
)
def test_every_refusal_has_its_own_advice(refusal: Refusal) -> None:
    assert refusal_advice(refusal.reason) != refusal_advice("anything else")
