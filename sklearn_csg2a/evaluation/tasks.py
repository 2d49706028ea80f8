"""Tasks: what can be computed here or elsewhere, and what comes of it."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sklearn
import torch
from threadpoolctl import threadpool_limits

from sklearn_csg2a._version import __version__


class Task(Protocol):
    """Something to compute, which can be sent to another process."""

    @property
    def model(self) -> str:
        """Name of the model; tasks of one model are expected to take alike."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """What decides the result, by the columns of the table it is stored in."""

    def as_row(self) -> dict[str, Any]:
        """Return what is known before the task is done."""

    def do(self) -> Result:
        """Do the task."""


@dataclass(frozen=True)
class Result:
    """What came of a task: a row of its table, and arrays that may be kept."""

    task: Any
    row: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Failure:
    """A task that ended with an error."""

    task: Any
    error: str


Outcome = Result | Failure


def perform(task: Task, threads: int = 1) -> Outcome:
    """Do a task. An error ends this one, not those that follow."""
    try:
        with limited_threads(threads):
            return task.do()
    except Exception as error:  # noqa: BLE001 (reported, and counted at the end)
        return Failure(task, f"{type(error).__name__}: {error}")


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads, and put the former number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def describe_versions() -> str:
    """Name the versions that a result depends on."""
    return (
        f"sklearn_csg2a {__version__}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, "
        f"python {platform.python_version()}"
    )
