import os
import signal
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from tests.services.local.supervised import eventually, lines_of, supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")


def sleeper() -> str:
    """Return a number of seconds that no other process sleeps, to find its process by."""
    return f"9{uuid.uuid4().int % 10**12}"


def sleeping(seconds: str) -> list[psutil.Process]:
    return [
        one for one in psutil.process_iter(["cmdline"]) if seconds in (one.info["cmdline"] or ())
    ]


def test_a_crashing_program_is_restarted_after_longer_and_longer_waits(tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    with supervised(
        tmp_path, {"name": "a", "shell": f"echo x >> {starts}; sleep 0.3; exit 3"}
    ) as it:
        assert it.line() == "ready"
        assert eventually(lambda: len(lines_of(starts)) >= 3)
        assert eventually(lambda: len(it.events("died")) >= 3)
        it.stop()

    assert [one["restart_in"] for one in it.events("died")][:3] == [1.0, 2.0, 4.0]
    assert it.events("died")[0]["status"] == 3


def test_programs_stop_in_reverse_order(tmp_path: Path) -> None:
    stops = tmp_path / "stops"
    wait = "while :; do sleep 0.1; done"
    programs = [
        {"name": name, "shell": f"trap 'echo {name} >> {stops}; exit 0' TERM; {wait}"}
        for name in ("first", "second", "third")
    ]

    with supervised(tmp_path, *programs) as it:
        assert it.line() == "ready"
        # The trap is set once the shell runs its loop: it then has a child.
        pids = [one["pid"] for one in it.events("ready")]
        assert eventually(lambda: all(psutil.Process(one).children() for one in pids))
        status = it.stop()

    assert status == 0
    assert lines_of(stops) == ["third", "second", "first"]


def test_a_stop_leaves_nothing_not_even_what_left_the_session(tmp_path: Path) -> None:
    number = sleeper()
    shell = f"(trap '' TERM; setsid env -i sleep {number} &); sleep {number}"

    with supervised(tmp_path, {"name": "a", "shell": shell}) as it:
        assert it.line() == "ready"
        assert eventually(lambda: len(sleeping(number)) == 2)
        it.stop()

    assert sleeping(number) == []


def test_a_program_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    number = sleeper()
    shell = f"trap '' TERM; sleep {number}; sleep {number}"

    with supervised(tmp_path, {"name": "a", "shell": shell, "stop_seconds": 0.5}) as it:
        assert it.line() == "ready"
        assert eventually(lambda: sleeping(number))
        it.stop()

    assert sleeping(number) == []
    assert [one["killed"] for one in it.events("stopped")] == [True]


def test_what_a_dead_program_left_is_killed_before_it_is_started_again(tmp_path: Path) -> None:
    number = sleeper()
    shell = f"setsid sleep {number} & sleep {number} & wait"

    with supervised(tmp_path, {"name": "a", "shell": shell}) as it:
        assert it.line() == "ready"
        assert eventually(lambda: len(sleeping(number)) == 2)
        before = {one.pid for one in sleeping(number)}
        os.kill(it.events("ready")[0]["pid"], signal.SIGKILL)
        assert eventually(lambda: it.events("restarted"))

        assert before.isdisjoint({one.pid for one in sleeping(number)})
        it.stop()


def test_programs_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    number = sleeper()

    with supervised(tmp_path, {"name": "a", "shell": f"exec sleep {number}"}) as it:
        assert it.line() == "ready"
        assert eventually(lambda: sleeping(number))
        it.process.kill()

        assert eventually(lambda: not sleeping(number))


def test_what_programs_started_dies_with_a_killed_supervisor_too(tmp_path: Path) -> None:
    number = sleeper()
    shell = f"sleep {number} & setsid sleep {number} & wait"

    with supervised(tmp_path, {"name": "a", "shell": shell}) as it:
        assert it.line() == "ready"
        assert eventually(lambda: len(sleeping(number)) == 2)
        it.process.kill()

        assert eventually(lambda: not sleeping(number))


def test_a_program_that_ends_at_its_start_stops_all_and_is_quoted(tmp_path: Path) -> None:
    number = sleeper()
    programs = (
        {"name": "good", "shell": f"exec sleep {number}"},
        {"name": "bad", "shell": "echo the port is taken; exit 7", "never_ready": True},
    )

    with supervised(tmp_path, *programs) as it:
        said = it.line()
        status = it.process.wait(60)

    assert "bad ended with status 7" in said
    assert "the port is taken" in said
    assert status == 1
    assert sleeping(number) == []


def test_a_program_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    program = {"name": "a", "shell": "sleep 60", "never_ready": True, "ready_seconds": 0.5}

    with supervised(tmp_path, program) as it:
        assert "a was not ready after 0.5 s" in it.line()


def test_a_once_program_that_fails_stops_the_start(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    programs = (
        {"name": "migrate", "shell": "exit 1", "once": True, "first": True},
        {"name": "later", "shell": f"echo x > {ran}; sleep 60"},
    )

    with supervised(tmp_path, *programs) as it:
        assert "migrate ended with status 1" in it.line()

    assert not ran.exists()


def test_a_signal_during_the_start_stops_what_was_started(tmp_path: Path) -> None:
    number, ran = sleeper(), tmp_path / "ran"
    programs = (
        {"name": "slow", "shell": f"exec sleep {number}", "never_ready": True, "first": True},
        {"name": "later", "shell": f"echo x > {ran}; sleep 60"},
    )

    with supervised(tmp_path, *programs) as it:
        assert eventually(lambda: sleeping(number))
        status = it.stop()

    assert status == 0
    assert sleeping(number) == []
    assert not ran.exists()
