"""Plain: what the objects that are built without highdicom, picture and document, begin with."""

from pydicom.dataset import Dataset

from services.writer.identity import Identity, Role


def blank(identity: Identity, role: Role, index: int = 0) -> Dataset:
    """Return UIDs, General Series and General Equipment (PS3.3 C.7.3.1, C.7.5.1) of a result.

    All of one role are one series; ``index`` counts in it from 0.
    """
    dataset = Dataset()
    dataset.SOPInstanceUID = identity.sop_instance_uid(role, index)
    dataset.SeriesInstanceUID = identity.series_instance_uid(role)
    dataset.SeriesNumber, dataset.InstanceNumber = identity.series_number(role), index + 1
    dataset.SeriesDescription = identity.series_description(role)
    dataset.ConversionType = "WSD"
    equipment = identity.equipment()
    dataset.Manufacturer = equipment["manufacturer"]
    dataset.ManufacturerModelName = equipment["manufacturer_model_name"]
    dataset.SoftwareVersions = equipment["software_versions"]
    dataset.DeviceSerialNumber = equipment["device_serial_number"]
    return dataset


def reference(header: Dataset) -> Dataset:
    """Return an item that names the object of ``header`` (PS3.3 table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item
