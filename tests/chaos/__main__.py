"""Chaos: every role is killed at random and at every failpoint; nothing may be lost or doubled.

Run by ``make chaos``. On the last database (``--long``: on each) every role is restarted in turn
while studies arrive (SIGTERM, as a roll-out does it); then on each comes the storm of kills (of
workers, outside their failpoints, on the last only). The books are balanced after either.
500 jobs in all by default, and the control run: in 15 minutes on two quiet cores.
Exit status 1: something was lost, doubled or wrong, too few failpoints fired, or the control run
without the outbox lost nothing, so that the test proves nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from shared.db.engine import Database
from shared.failpoints import FAILPOINTS
from tests.chaos.books import Books, balance, ended_jobs
from tests.chaos.control import control
from tests.chaos.disturbances import SLOW, Disturber, arming, schedule
from tests.chaos.leftovers import remove_leftovers
from tests.chaos.rolling import roll
from tests.chaos.sender import Sender, samples
from tests.database import postgresql_url
from tests.integration.exposure import names_canary, rows, texts
from tests.integration.running import running_pipeline

_ROLLED = 0.2
"""This share of the studies arrives while the roles are restarted in turn."""

_CONTROLLED = 500
"""Jobs of the control run, whatever the storm's: so many that its workers hardly keep pace."""

_AHEAD = 0.1
"""This share of the studies waits at any time, so that there is work to disturb."""


def main() -> int:
    """Return the exit status."""
    options = _options()
    _say(f"seed {options.seed}, {options.jobs} jobs on each database, load as it is")
    good = True
    for name in options.database:
        with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
            good &= _storm(name, Path(folder), options)
    if options.control:
        good &= _compare(options)
    _say("chaos: passed" if good else "chaos: FAILED")
    return 0 if good else 1


def _storm(name: str, folder: Path, options: argparse.Namespace) -> bool:
    start = time.monotonic()
    data, marks = folder / "data", folder / "marks"
    data.mkdir()
    marks.mkdir()
    rolls = options.long or name == options.database[-1]
    rolled = round(_ROLLED * options.jobs) if rolls else 0
    first = samples(rolled, f"{name}-rolling-{options.seed}")
    queue = samples(options.jobs - rolled, f"{name}-{options.seed}")
    with _database(name, folder) as url:
        environment = {
            "CUTIS_WORKER_MODELS": '["inflammation"]',
            "CUTIS_WORKER_THREADS_PER_ACTOR": "1",
            "CUTIS_LOCAL_LONGEST_RESTART_SECONDS": "1",
            "CUTIS_MAX_ATTEMPTS": "12",
            "CUTIS_MAX_CRASHES": "12",
            # Who was hit five times shall not rest for half a minute when all others are done.
            "CUTIS_RETRY_BACKOFF_SECONDS": "0.25",
            "CUTIS_FAILPOINTS": arming(options.seed),
            "CUTIS_FAILPOINT_MARKS": str(marks),
            "CUTIS_LOG_LEVEL": "WARNING",
        } | ({"CUTIS_DATABASE_URL": url} if url else {})
        spared = frozenset[str]() if rolls else SLOW
        planned = schedule(options.seed, 2 * options.long + 1, spared)
        for one in FAILPOINTS:  # none fires before its turn
            (marks / one).touch()
        with running_pipeline(data, **environment) as pipeline:
            database = Database(url or f"sqlite:///{data / 'cutis.db'}")
            spool, pacs = data / "spool", pipeline.orthanc
            before = Sender(first, pipeline.addresses.listener)
            good = True
            if rolls:
                back = roll(pipeline.process.pid, before)
                before.finish(120)
                good = _rest(database, rolled, options)
                books = balance(first, before.answers, database, spool, pacs)
                _report_rolling(name, books, back, before, time.monotonic() - start)
                good &= not books.wrongs
            disturber = Disturber(planned, pipeline.process.pid, data, marks, database)
            sender = Sender(queue, pipeline.addresses.listener)
            _disturb(sender, disturber, options.minutes * 60)
            sender.finish(120)
            stormed = time.monotonic() - start
            good &= _rest(database, options.jobs, options)
            answers = before.answers | sender.answers
            books = balance(first + queue, answers, database, spool, pacs)
            remove_leftovers(books, database, spool)
            left = (*texts(data / "logs"), *texts(data / "redis"), *rows(database))
            left = (*left, *texts(pipeline.addresses.scratch))
            books.counts["places that were searched for patients' names"] = len(left)
            books.check("places with a patient's name", names_canary(left))
            if not names_canary(texts(spool)):  # else there was nothing to be found
                books.wrongs.append("no name went through")
            database.dispose()
    _report(name, books, disturber, sender)
    _say(
        f"  {stormed:.0f} s until the last study was sent, {time.monotonic() - start:.0f} s in all"
    )
    fired = sum(one in FAILPOINTS for one in disturber.done)
    enough = fired >= min(25, len(FAILPOINTS)) or options.jobs < 100
    return good and enough and not books.wrongs


def _disturb(sender: Sender, disturber: Disturber, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    sender.start()
    while disturber.share < 1 and time.monotonic() < deadline:
        disturber.step()
        sender.allow(_AHEAD + (1 - _AHEAD) * disturber.share)
        time.sleep(0.3)
    disturber.end()


def _rest(database: Database, expected: int, options: argparse.Namespace) -> bool:
    """Wait until as many jobs as expected have ended; give up when nothing moves any more."""
    last, since = -1, time.monotonic()
    while True:
        ended = ended_jobs(database)
        if ended >= expected:
            return True
        if ended != last:
            last, since = ended, time.monotonic()
        if time.monotonic() - since > options.patience:
            _say(f"  gave up: {ended} of {expected} jobs have ended")
            return False
        time.sleep(1)


def _report_rolling(
    name: str, books: Books, back: dict[str, float], sender: Sender, seconds: float
) -> None:
    _say(f"{name}, each role restarted in turn under load:")
    _say(f"  back at work after: {', '.join(f'{one} {took:.0f} s' for one, took in back.items())}")
    _report_books(books, sender)
    _say(f"  {seconds:.0f} s with the start of the pipeline")


def _report(name: str, books: Books, disturber: Disturber, sender: Sender) -> None:
    fired = sorted(one for one in disturber.done if one in FAILPOINTS)
    others = sorted((one, n) for one, n in disturber.done.items() if one not in FAILPOINTS)
    _say(f"{name}, storm:")
    _say(f"  {', '.join(f'{one} {count}x' for one, count in others)}")
    _say(f"  failpoints fired: {len(fired)} of {len(FAILPOINTS)}")
    if disturber.never_fired:
        _say(f"  never fired: {', '.join(disturber.never_fired)}")
    _report_books(books, sender)


def _report_books(books: Books, sender: Sender) -> None:
    _say(f"  sent again after no good answer: {sender.refusals}")
    for what, count in books.counts.items():
        _say(f"  {what}: {count}")
    for one in books.wrongs[:20]:
        _say(f"  WRONG {one}")


def _compare(options: argparse.Namespace) -> bool:
    start = time.monotonic()
    runs = (("direct", False), ("direct", True), ("outbox", True))
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        found = control(runs, Path(folder), jobs=_CONTROLLED, seed=options.seed)
    lost = {one: found[one].lost for one in runs}
    for mode, kill in runs:
        _say(f"control, {mode}: {found[mode, kill]}")
    _say(f"  {time.monotonic() - start:.0f} s")
    # What is lost without kills is not lost by them: the comparison would be worth nothing.
    return not lost["direct", False] and lost["direct", True] > 0 and not lost["outbox", True]


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        with nullcontext():
            yield ""
        return
    folder.chmod(0o755)
    with postgresql_url(folder / "postgresql") as url:
        yield url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--database", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--jobs", type=int, default=250, help="studies on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=4.0, help="longest storm, each database")
    parser.add_argument("--patience", type=float, default=90.0, help="longest standstill, s")
    parser.add_argument("--long", action="store_true", help="three times the kills, an hour")
    parser.add_argument("--no-control", dest="control", action="store_false")
    options = parser.parse_args()
    if options.long:
        options.minutes = 60.0
    return options


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
