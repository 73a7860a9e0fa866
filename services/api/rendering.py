"""Rendering: templates, and how values look in them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.api.advice import delay_advice, job_advice, quarantine_advice, refusal_advice


def render(template: str, values: Mapping[str, object]) -> str:
    """Return ``template`` filled with ``values``; every value is escaped."""
    return _TEMPLATES.get_template(template).render(values)


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"  # noqa: RUF001 - an en dash for "nothing", on purpose
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _size(count: int) -> str:
    value, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def _short(text: str, keep: int = 9) -> str:
    return text if len(text) <= 2 * keep + 1 else f"{text[:keep]}…{text[-keep:]}"


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(
    utc=_utc,
    duration=_duration,
    size=_size,
    short=_short,
    delay_advice=delay_advice,
    job_advice=job_advice,
    refusal_advice=refusal_advice,
    quarantine_advice=quarantine_advice,
)
