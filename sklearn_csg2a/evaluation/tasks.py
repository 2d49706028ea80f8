"""Tasks, which can be run in any process, and their results."""

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
    """A computation that can be sent to another process."""

    @property
    def model(self) -> str:
        """Name of the model; tasks of one model are assumed to take similar times."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """Hashes of what determines the result, by column of the result table."""

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the task runs."""

    def do(self) -> Result:
        """Run the task."""


@dataclass(frozen=True)
class Result:
    """Result of a task: a row of its table, and optional arrays."""

    task: Any
    row: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Failure:
    """A task that ended with an error."""

    task: Any
    error: str


Outcome = Result | Failure


def perform(task: Task, threads: int | None = 1) -> Outcome:
    """Run a task; an exception is returned as a failure.

    `threads` is their number; None leaves it as it is.
    """
    try:
        if threads is None:
            return task.do()
        with limited_threads(threads):
            return task.do()
    except Exception as error:  # noqa: BLE001 (reported, and counted at the end)
        return Failure(task, f"{type(error).__name__}: {error}")


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Set the number of threads temporarily."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def describe_versions() -> str:
    """Return the versions that a result depends on."""
    return (
        f"sklearn_csg2a {__version__}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, "
        f"python {platform.python_version()}"
    )
