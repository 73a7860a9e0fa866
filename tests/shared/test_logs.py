"""What goes wrong while a patient's bytes are in hand is logged without them."""

import subprocess
import sys

CODE = """
import structlog
from shared.logs import configure_logs

configure_logs("listener")


def parse(data_set):
    raise ValueError("cannot read")


try:
    parse(b"Canary^Name")
except ValueError:
    structlog.get_logger().exception("instance refused")
"""


def test_a_traceback_does_not_show_what_was_being_read() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert "cannot read" in done.stderr
    assert '"filename"' in done.stderr
    assert "Canary" not in done.stderr
