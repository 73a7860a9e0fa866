"""A decoder that hangs, eats memory or dies is answered, and the next one works."""

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import psutil
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from shared.dicom.decoder import Decoder
from shared.dicom.pixels import read_middle_frame
from shared.errors import BadInputError, CrashError, ResourceError, TransientError
from tests import factories

BOUND = 700 * 2**20
SIDE = 20_000  # of an image of 400 million samples


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(seconds=300, memory_bytes=BOUND) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return factories.save(factories.byte_stack(), tmp_path / "stack.dcm")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A file that nobody ever writes: whoever opens it to read waits for ever."""
    os.mkfifo(tmp_path / "pipe.dcm")
    return tmp_path / "pipe.dcm"


@pytest.mark.parametrize("kind", ["rgb_photo", "jpeg_photo", "byte_stack", "speckle_frames"])
def test_it_decodes_what_is_decoded_here(decoder: Decoder, kind: str, tmp_path: Path) -> None:
    assert_works(decoder, factories.save(getattr(factories, kind)(), tmp_path / "one.dcm"))


def test_one_process_decodes_for_all_threads(decoder: Decoder, stack: Path) -> None:
    assert children_of_ours() == []
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: assert_works(decoder, stack), range(8)))
    (child,) = children_of_ours()
    decoder.close()
    assert not child.is_running()


def test_a_decoder_that_hangs_is_stopped_and_the_next_one_works(stack: Path, pipe: Path) -> None:
    with Decoder(seconds=8) as decoder:
        with pytest.raises(TransientError) as caught:
            decoder.middle_frame(pipe)
        assert caught.value.code == "decoder-deadline"
        assert children_of_ours() == []
        assert_works(decoder, stack)


def test_one_that_eats_memory_is_answered_and_the_next_one_works(
    decoder: Decoder, stack: Path, tmp_path: Path
) -> None:
    with pytest.raises(ResourceError) as caught:
        decoder.middle_frame(swelling(tmp_path / "swelling.dcm"))
    assert caught.value.code == "out-of-memory"
    assert_works(decoder, stack)


def test_one_that_dies_is_answered_and_the_next_one_works(
    decoder: Decoder, stack: Path, pipe: Path
) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(decoder.middle_frame, pipe)
        writing = os.open(pipe, os.O_WRONLY)  # waits until it is read
        (child,) = children_of_ours()
        child.kill()
        with pytest.raises(CrashError) as caught:
            asked.result()
        os.close(writing)
    assert caught.value.code == "decoder-lost"
    assert_works(decoder, stack)


def test_one_that_died_while_nobody_asked_is_no_fault_of_the_next_image(
    decoder: Decoder, stack: Path
) -> None:
    assert_works(decoder, stack)
    (child,) = children_of_ours()
    child.kill()
    child.wait()
    assert_works(decoder, stack)


def test_what_cannot_be_decoded_is_told_as_it_is_here(decoder: Decoder, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    with pytest.raises(BadInputError) as caught:
        decoder.middle_frame(tmp_path / "text.dcm")
    assert caught.value.code == "undecodable"
    with pytest.raises(TransientError) as missing:
        decoder.middle_frame(tmp_path / "none.dcm")
    assert missing.value.code == "spool"


def test_one_that_hangs_ends_by_itself_when_who_asked_is_gone(pipe: Path) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        numbers = (str(theirs.fileno()), "0", "1")
        command = [sys.executable, "-m", "shared.dicom.decoder", *numbers]
        child = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
        assert ours.recv_bytes() == b"ready"
        ours.send_bytes(os.fsencode(pipe))
        assert child.wait(120) == -signal.SIGALRM


def assert_works(decoder: Decoder, path: Path) -> None:
    decoded, expected = decoder.middle_frame(path), read_middle_frame(path)
    np.testing.assert_array_equal(decoded.pixels, expected.pixels)
    assert decoded.pixels.dtype == expected.pixels.dtype
    assert (decoded.index, decoded.frames) == (expected.index, expected.frames)


def children_of_ours() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if "shared.dicom.decoder" in one.cmdline()]


def swelling(path: Path) -> Path:
    """Write an image of 400 million samples that takes 6 megabytes (RLE, PS3.5 G.3)."""
    dataset = factories.bscan()
    dataset.Rows = dataset.Columns = SIDE
    header = struct.pack("<16L", 1, 64, *[0] * 14)
    dataset.PixelData = encapsulate([header + b"\x81\x07" * (SIDE * SIDE // 128)])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = RLELossless
    return factories.save(dataset, path)
