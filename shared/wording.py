"""Wording: numbers and units as a person reads them in a picture, and the caution beside them."""

import math

CAUTION = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"

_DIGITS = 3
_SURE = 0.999
_UNITS = {
    "1": "",
    "{count}": "",  # the quantity's name says what is counted, and from where to where it is scored
    "{score}": "",
    "um": "micrometres",  # the font of the pictures has neither a micro sign nor a raised 2
    "mm2": "square mm",
    "[arb'U]": "arbitrary units",
}


def rounded(value: float) -> str:
    """Return ``value`` with three significant digits and no exponent: 94.7601 is ``94.8``."""
    if not value:
        return "0"
    decimals = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_in_words(ucum: str, meaning: str) -> str:
    """Return the unit as a word; empty where a number says all without."""
    return _UNITS.get(ucum, meaning)


def amount(value: float, ucum: str, meaning: str) -> str:
    """Return e.g. ``12.9 %``, ``20.8 micrometres`` or ``1.97``.

    A share short of one is never written as one: 0.9996 is ``more than 0.999``.
    """
    if ucum == "1" and _SURE < value < 1:
        return f"more than {_SURE}"
    unit = "%" if ucum == "%" else unit_in_words(ucum, meaning)
    return f"{rounded(value)} {unit}".rstrip()
