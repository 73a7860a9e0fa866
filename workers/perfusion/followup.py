"""Follow-up: the same patient before and after treatment."""

from dataclasses import dataclass, replace

import numpy as np

from workers.perfusion.phantom import KeloidPhantom, Visit, keloid

RHO_BEFORE, RHO_AFTER = 0.75, 0.85
"""An untreated keloid is patchy: the photo tells less of its perfusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Two visits; ``remaining`` is the share of the excess perfusion that treatment left."""

    before: KeloidPhantom
    after: KeloidPhantom
    remaining: float


def patient(seed: int, size: int = 256) -> Patient:
    """Return both visits of subject ``seed``.

    Treatment leaves 25 to 80 % of the excess perfusion and darkens the keloid. At each visit the
    laser speckle camera is 1 to 3 pixels off the photo: truth is moved, the photo is not.
    """
    rng = np.random.default_rng([seed, 0xF0])
    remaining = float(rng.uniform(0.25, 0.8))
    later = Visit(number=1, remaining=remaining, pigment=float(rng.uniform(0, 0.3)))
    before = keloid(seed, size, rho=RHO_BEFORE, with_keloid=True)
    after = keloid(seed, size, rho=RHO_AFTER, with_keloid=True, visit=later)
    return Patient(
        before=_misregistered(rng, before), after=_misregistered(rng, after), remaining=remaining
    )


def _misregistered(rng: np.random.Generator, one: KeloidPhantom) -> KeloidPhantom:
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
    shift = (round(far * np.sin(angle)), round(far * np.cos(angle)))
    return replace(one, perfusion=np.roll(one.perfusion, shift, axis=(0, 1)))
