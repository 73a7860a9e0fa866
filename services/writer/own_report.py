"""Own report: what one of our TID 1500 reports says, read back from the archive's JSON."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from services.writer.figures import Figure, children, concept_of, reported_figures
from services.writer.identity import Identity
from shared.dicom import codes
from shared.dicom.manifest import MANUFACTURER


class OwnReport:
    """A report by the model, version, parameters and weights of ``identity``, or by others."""

    def __init__(self, dataset: Dataset, identity: Identity) -> None:
        self.dataset = dataset
        self._identity = identity

    @property
    def is_ours(self) -> bool:
        """Say whether the very same algorithm wrote it."""
        identity, report = self._identity, self.dataset
        texts = {str(one.TextValue) for one in _walk(report) if one.get("TextValue")}
        given = {f"{key}={value}" for key, value in identity.spec.parameters.items()}
        said = {
            text
            for text in texts
            if any(text.startswith(f"{key}=") for key in identity.spec.parameters)
        }
        return (
            report.get("Manufacturer") == MANUFACTURER
            and report.get("ManufacturerModelName")
            == identity.equipment()["manufacturer_model_name"]
            and str(report.get("SoftwareVersions")).startswith(f"{identity.spec.version} writer ")
            and any(identity.weights_digest in text for text in texts)
            and said <= given
        )

    @property
    def writer(self) -> int:
        """Return the version of the writer, by which the newer of two reports is told."""
        last = str(self.dataset.get("SoftwareVersions") or "").rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    @property
    def name(self) -> str:
        """Return its SOP Instance UID."""
        return str(self.dataset.SOPInstanceUID)

    def analysed_images(self) -> list[str]:
        """Return the image that each group on an image as a whole is about, if it was analysed."""
        return [
            images[0]
            for group in _groups(self.dataset)
            if codes.ELIGIBLE.value in set(_answers(group)) and (images := _images(group))
        ]

    def is_about(self, sop_instance_uid: str) -> bool:
        """Say whether a group of it refers to this image."""
        return any(sop_instance_uid in _images(group) for group in _groups(self.dataset))

    def figures(self) -> list[Figure]:
        """Return its comparable figures."""
        return [figure for group in _groups(self.dataset) for figure in reported_figures(group)]

    def place_of(self, sop_instance_uid: str) -> tuple[str, str] | None:
        """Return study and series of an image that it refers to."""
        for study in self.dataset.get("CurrentRequestedProcedureEvidenceSequence") or []:
            for series in study.get("ReferencedSeriesSequence") or []:
                for one in series.get("ReferencedSOPSequence") or []:
                    if one.get("ReferencedSOPInstanceUID") == sop_instance_uid:
                        return str(study.StudyInstanceUID), str(series.SeriesInstanceUID)
        return None


def _walk(item: Dataset) -> Iterator[Dataset]:
    for one in children(item):
        yield one
        yield from _walk(one)


def _groups(report: Dataset) -> list[Dataset]:
    return [one for one in _walk(report) if concept_of(one) == codes.MEASUREMENT_GROUP.value]


def _answers(group: Dataset) -> Iterator[str]:
    for one in children(group):
        if one.get("ValueType") == "CODE" and one.get("ConceptCodeSequence"):
            yield str(one.ConceptCodeSequence[0].get("CodeValue") or "")


def _images(group: Dataset) -> list[str]:
    """Return the images that a group refers to, the one it is about first; no segments."""
    return [
        str(reference.ReferencedSOPInstanceUID)
        for item in children(group)
        if item.get("ValueType") == "IMAGE"
        for reference in item.get("ReferencedSOPSequence") or []
        if "ReferencedSegmentNumber" not in reference
    ]
