"""Dates among gene symbols: what spreadsheets make of MARCH1, SEPT2 and DEC1."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np

__all__ = ["is_date"]

# As spreadsheets write them, in a few languages, shortened or not.
_MONTHS = """
    jan feb mar apr may jun jul aug sep sept oct nov dec
    january february march april june july august september october november december
    mär mrz mai okt dez
    janv févr mars avr juin juil août déc ene abr ago dic gen giu lug set ott mag
"""
_MONTH = f"(?:{'|'.join(_MONTHS.split())})\\.?"
_YEAR = r"(?:\d{4}|\d{2})"
_CLOCK = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?"
_DATES = [
    re.compile(f"{form}{_CLOCK}$", re.IGNORECASE)
    for form in (
        rf"\d{{1,2}}[-./ ] ?{_MONTH}(?:[-./ ]{_YEAR})?",  # 2-Mar, 1. Sep, 1-Dec-24
        rf"{_YEAR}[-./ ]{_MONTH}(?:[-./ ]\d{{1,2}})?",  # 2024-Mar-01
        r"\d{4}[-./]\d{1,2}[-./]\d{1,2}",  # 2024-03-01
        rf"\d{{1,2}}[-./]\d{{1,2}}[-./]{_YEAR}",  # 3/1/2024, 01.03.2024
    )
]
# Mar-02 is a date; sep-1, in small letters, is a gene of the worm.
_MONTH_FIRST = re.compile(rf"{_MONTH}[-./ ]\d{{1,4}}$", re.IGNORECASE)


def is_date(name: Any) -> bool:
    """Tell whether the name of a column is a date, as such or as text.

    Symbols such as MARCH1, SEPT2, DEC1 and OCT4 are none.
    """
    if isinstance(name, (dt.date, dt.time, np.datetime64)):
        return True
    if not isinstance(name, str):
        return False
    text = name.strip()
    if text[:1].isupper() and _MONTH_FIRST.match(text):
        return True
    return text[:1].isdigit() and any(form.match(text) for form in _DATES)
