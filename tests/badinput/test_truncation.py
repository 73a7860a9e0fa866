"""A data set that is cut at any byte is never taken for a whole one."""

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from services.listener.instance import StoreRequest
from shared.db.tables import Instance
from tests.badinput.cases_pixels import pixel_cases
from tests.badinput.process import ListenerProcess
from tests.badinput.surgery import photo, photo_dataset, with_bytes
from tests.badinput.table import Show
from tests.badinput.wire import Peer, associate_request
from tests.services.listener.requests import request_of

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(900)]


def implicit() -> StoreRequest:
    dataset = photo_dataset("cut-implicit")
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return request_of(dataset)


@pytest.mark.parametrize(
    "request_",
    [photo("cut-explicit"), implicit(), pixel_cases()["good-jpeg-ls"]],
    ids=["explicit", "implicit", "compressed"],
)
def test_truncation_at_every_byte_is_set_aside(
    request_: StoreRequest, listener: ListenerProcess, show: Show
) -> None:
    whole = request_.data_set
    context = (1, request_.sop_class_uid, (request_.transfer_syntax_uid,))
    before = listener.count(Instance)
    with Peer(listener.port) as peer:
        assert peer.associate(associate_request((context,))) == "accepted"
        answers = [peer.store(with_bytes(request_, whole[:cut])) for cut in range(len(whole))]
        assert listener.count(Instance) == before
        assert peer.store(request_) == "0000"
        peer.release()
    taken = [cut for cut, answer in enumerate(answers) if answer != "B007"]
    show("truncation", [("cuts", len(answers)), ("taken for whole", len(taken))])
    assert taken == []
