"""Decoder: pixels are decoded in a process of its own, with bounded memory and a deadline.

What decodes is C code that strangers feed. It may run for ever, take all memory or die, and a
thread can do nothing about that. The process is kept for the next image; after a deadline or a
death the next image gets a new one. Models have their Ray actor for the same.

``python -m shared.dicom.decoder FD BYTES SECONDS`` is that process: it is sent paths over the
socket FD, and answers with JSON and the bytes of the frame. No pickles: the one that asks must not
run what the one that reads foreign bytes has come to say.
"""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np

from shared.dicom.pixels import MiddleFrame, read_middle_frame
from shared.errors import (
    CrashError,
    CutisError,
    ResourceError,
    TransientError,
    carried,
    carry,
)
from shared.logs import configure_logs
from shared.memory import bound_memory

_START_SECONDS = 120.0


class Decoder:
    """Decodes one image at a time, in a process that is started for the first one.

    Parameters
    ----------
    seconds
        The longest that one image may take.
    memory_bytes
        The most memory of its own the process may have; 0: no bound.
    """

    def __init__(self, *, seconds: float, memory_bytes: int = 0) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._turn = threading.Lock()
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def middle_frame(self, path: Path) -> MiddleFrame:
        """Decode the instance at ``path``; safe to be called from several threads.

        Raises
        ------
        BadInputError
            As :func:`shared.dicom.pixels.read_frames`.
        ResourceError
            There is not enough memory for it (``out-of-memory``).
        TransientError
            It takes too long (``decoder-deadline``); the file cannot be read from disk.
        CrashError
            The process died over it (``decoder-lost``).
        """
        with self._turn, ExitStack() as unless_answered:
            unless_answered.callback(self._stop)
            about, content = self._ask(path)
            unless_answered.pop_all()
        if "error" in about:
            raise carried(about["error"])
        pixels = np.frombuffer(content, about["dtype"]).reshape(about["shape"])
        return MiddleFrame(pixels=pixels, index=about["index"], frames=about["frames"])

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._stop()

    def _ask(self, path: Path) -> tuple[dict[str, Any], bytes]:
        if self._child is not None and self._child.process.poll() is not None:
            self._stop()  # it died of something else since
        if self._child is None:
            self._child = _start(self._memory_bytes, self._seconds)
            # Starting is not the image's fault: it is waited for outside the image's deadline.
            self._child.receive(_START_SECONDS)
        about = json.loads(self._child.receive(self._seconds, os.fsencode(path)))
        return about, self._child.receive(self._seconds)

    def _stop(self) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.process.wait()
            self._child.link.close()
            self._child = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    link: Connection

    def receive(self, seconds: float, question: bytes = b"") -> bytes:
        """Send ``question``, if there is one, and return what comes within ``seconds``."""
        try:
            if question:
                self.link.send_bytes(question)
            if not self.link.poll(seconds):
                reason = f"decoding an image exceeded its deadline of {seconds:g} s"
                raise TransientError(reason, code="decoder-deadline")
            return self.link.recv_bytes()
        except (EOFError, OSError) as error:
            reason = "the process that decodes images died"
            raise CrashError(reason, code="decoder-lost") from error


def _start(memory_bytes: int, seconds: float) -> _Child:
    ours, theirs = Pipe()
    with theirs:
        numbers = (theirs.fileno(), memory_bytes, seconds)
        process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
            # Without warnings: those of pydicom quote values.
            [sys.executable, "-W", "ignore", "-m", "shared.dicom.decoder", *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    return _Child(process=process, link=ours)


def _answer(path: Path) -> tuple[bytes, bytes | memoryview]:
    """Return JSON about the frame or the error, and the bytes of the frame."""
    try:
        frame = read_middle_frame(path)
        pixels = np.ascontiguousarray(frame.pixels)
    except CutisError as error:
        return _refusal(error), b""
    except MemoryError:
        return _refusal(
            ResourceError("there was too little memory to decode", code="out-of-memory")
        ), b""
    about = {
        "dtype": pixels.dtype.str,
        "shape": pixels.shape,
        "index": frame.index,
        "frames": frame.frames,
    }
    return json.dumps(about).encode(), pixels.data.cast("B")


def _refusal(error: CutisError) -> bytes:
    return json.dumps({"error": carry(error)}).encode()


def _serve(link: Connection, seconds: float) -> None:
    link.send_bytes(b"ready")
    while True:
        try:
            path = Path(os.fsdecode(link.recv_bytes()))
            # The one that asks keeps the deadline. Where it died meanwhile, this ends us.
            signal.alarm(math.ceil(seconds) + 1)
            about, pixels = _answer(path)
            link.send_bytes(about)
            link.send_bytes(pixels)
            signal.alarm(0)
        except (EOFError, OSError):
            return  # nobody asks any more


def main(handle: str, memory_bytes: str, seconds: str) -> None:
    """Decode what is asked for until nobody asks any more."""
    configure_logs("decoder", "WARNING")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asks
    bound_memory(int(memory_bytes))
    with Connection(int(handle)) as link:
        _serve(link, float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
