"""A study: tasks that run once, with results stored as they arrive.

The hashes of a task cover everything that determines its result. A stored result of
the same task and hashes is reused, so a study can be interrupted at any time and
restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO

from sklearn_csg2a._utils.interrupts import STOPPED
from sklearn_csg2a.evaluation.progress import Progress
from sklearn_csg2a.evaluation.store import Key, Table
from sklearn_csg2a.evaluation.tasks import Failure, Outcome, Result, Task
from sklearn_csg2a.evaluation.workers import Workers


def is_valid(row: Mapping[str, str], hashes: Mapping[str, str]) -> bool:
    """Whether a stored row is of the same data, fold and configuration."""
    return all(row[name] == value for name, value in hashes.items())


def is_stored(
    task: Task, table: Table, stored: Mapping[Key, Mapping[str, str]]
) -> bool:
    """Whether there is a result of the same task with the same hashes."""
    row = stored.get(table.key_of(task.as_row()))
    return row is not None and is_valid(row, task.hashes)


class Study:
    """Run tasks and store their results as they arrive.

    Parameters
    ----------
    workers : Workers
        Where tasks are run.
    keep : callable
        Stores a result: its row, and its arrays if needed.
    stream : text stream, default=None
        Where progress is shown; None is stderr.
    """

    def __init__(
        self,
        workers: Workers,
        keep: Callable[[Result], None],
        stream: TextIO | None = None,
    ) -> None:
        self.workers = workers
        self.keep = keep
        self.stream = stream
        self.failures: list[Failure] = []

    def start(self, tasks: Iterable[Task], stored: Iterable[Mapping[str, str]]) -> None:
        """Announce the tasks; the times in `stored` rows are used for estimates."""
        self.progress = Progress(
            tasks, stored, jobs=self.workers.n_jobs, stream=self.stream
        )

    def do(self, tasks: Sequence[Task]) -> None:
        """Run tasks of any kind."""
        for outcome in self.workers.run(tasks):
            self.record(outcome)

    def record(self, outcome: Outcome) -> None:
        """Store an outcome and show it."""
        if isinstance(outcome, Failure):
            self.failures.append(outcome)
        else:
            self.keep(outcome)
        self.progress.show(outcome)

    def run(self, tasks: Sequence[Task], stored: Iterable[Mapping[str, str]]) -> int:
        """Run tasks in order; return the exit status, 130 after Ctrl-C."""
        self.start(tasks, stored)
        try:
            self.do(tasks)
        except KeyboardInterrupt:
            self.progress.finish(STOPPED)
            return 130
        self.progress.finish()
        return 1 if self.failures else 0
