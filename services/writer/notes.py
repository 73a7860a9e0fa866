"""Notes: what the report on whole images says in words, and of which image it says it."""

from collections.abc import Iterator, Sequence

from services.writer.anatomy import anatomy
from services.writer.identity import Identity
from services.writer.reading import Reading
from shared.dicom.spacing import given_scale


def notes_of(readings: Sequence[Reading], identity: Identity, *, segmented: bool) -> Iterator[str]:
    """Yield each sentence once, led by the images it is true of where it is not true of all.

    ``segmented`` says whether there is a SEG. Images are counted from 1, in the order of their
    groups and pictures.
    """
    said: dict[str, list[int]] = {}
    for number, one in enumerate(readings, 1):
        for note in dict.fromkeys(_notes(one, identity, segmented=segmented)):
            said.setdefault(note, []).append(number)
    for note, numbers in said.items():
        of_all = len(numbers) == len(readings)
        yield note if of_all else f"{_images(numbers)}: {note}"


def _notes(reading: Reading, identity: Identity, *, segmented: bool) -> Iterator[str]:
    findings, scale = reading.findings, given_scale(reading.source)
    yield identity.caution()
    yield f"Weights SHA-256: {identity.weights_digest}."
    yield from anatomy(reading.source).notes()
    if scale is not None:
        yield f"Scale: {scale:g} mm a pixel, given by a rule of the site and not by the image."
    if not findings.eligible:
        yield f"Not analysed: {findings.reason}"
    if findings.masks and not segmented:
        yield "No structure was found: there is no segmentation of this image."
    for one in findings.assessments:
        if one.note:
            yield f"{one.question.meaning}: {one.note}"


def _images(numbers: Sequence[int]) -> str:
    """Return e.g. ``Images 1, 3-5`` of rising ``numbers``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    named = ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else f"{one[0]}" for one in runs)
    return f"Images {named}" if len(numbers) > 1 else f"Image {named}"
