"""Descendants: how a supervisor keeps hold of every process that its children start.

Linux only (prctl(2)); elsewhere the two promises below are not made, and nothing fails.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies: none can slip away."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (run between fork and exec)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def descendants() -> list[psutil.Process]:
    """Return every living descendant of this process."""
    return [one for one in psutil.Process().children(recursive=True) if not _is_zombie(one)]


def left_by(leader: int, mark: str, among: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return what child ``leader`` left behind, and the child itself, ``among`` processes.

    They are in its session, or carry ``mark`` in their environment: a daemon leaves the session,
    and a program that renames itself overwrites the environment, but rarely both.
    """
    alive = (one for one in among if not _is_zombie(one))
    return [one for one in alive if _session(one.pid) == leader or _carries(one, mark)]


def kill(processes: Iterable[psutil.Process], seconds: float = 5.0) -> int:
    """Kill ``processes`` and wait until they are gone; return how many there were."""
    chosen = list(processes)
    for one in chosen:
        _if_alive(one.kill)
    psutil.wait_procs(chosen, timeout=seconds)
    return len(chosen)


def reap(known: Iterable[int]) -> None:
    """Collect adopted children that have ended; those in ``known`` are collected elsewhere."""
    waited_for = set(known)
    for one in psutil.Process().children():
        if one.pid not in waited_for and _is_zombie(one):
            try:
                os.waitpid(one.pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return mark in process.environ().values()
    except psutil.Error:
        return False


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _if_alive(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
