"""Figures that may be compared over time."""

import dataclasses

from services.writer.figures import figures_of
from shared.dicom import codes
from tests import factories
from tests.services.writer.samples import SPEC, findings_for


def test_a_predicted_perfusion_is_never_the_same_figure_as_a_measured_one() -> None:
    measured = findings_for(factories.rgb_photo())
    predicted = dataclasses.replace(
        measured,
        measurements=tuple(
            dataclasses.replace(one, method=codes.PREDICTED_FROM_PHOTO)
            for one in measured.measurements
            if one.quantity == codes.PERFUSION
        ),
    )

    keys = {one.key for one in figures_of(measured, SPEC)}
    others = {one.key for one in figures_of(predicted, SPEC)}

    assert keys
    assert others
    assert not keys & others
