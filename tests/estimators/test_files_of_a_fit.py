"""Through how many files of the package one fit passes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

import sklearn_csg2a

PACKAGE = Path(sklearn_csg2a.__file__).parent
MOST_FILES = {  # with compounds that no cache knows yet
    "_utils": 1,
    "chem": 4,
    "encoders": 2,
    "estimators": 3,
    "nn": 4,
    "training": 5,
    "treatments": 6,
}
MOST_IN_ALL = 25


def trace_files(function):
    """Return the files of the package whose functions a call runs, on any thread."""
    files = set()

    def note(frame, event, arg):
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    earlier = sys.getprofile(), threading.getprofile()
    sys.setprofile(note)
    threading.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(earlier[0])
        threading.setprofile(earlier[1])
    paths = {Path(name) for name in files}
    return {p.relative_to(PACKAGE).as_posix() for p in paths if PACKAGE in p.parents}


@pytest.mark.parametrize("left_out", [[], ["dose", "time"]])
def test_a_fit_passes_through_few_files_of_the_rooms_it_needs(
    response, screen, left_out
):
    model = response(expression=screen.expression)
    X = screen.light.drop(columns=left_out)
    files = trace_files(lambda: model.fit(X, screen.y))
    rooms = [name.split("/")[0] for name in files]
    assert set(rooms) <= set(MOST_FILES)
    for room, most in MOST_FILES.items():
        assert rooms.count(room) <= most, sorted(files)
    assert len(files) <= MOST_IN_ALL, sorted(files)
