"""A study: tasks that are done once, and written down as they come.

A task says what decides its result by hashes. A stored result of the same task and
hashes is kept and not made again; a study may be stopped at any moment and started
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sklearn_csg2a.evaluation.progress import Progress
from sklearn_csg2a.evaluation.store import Key, Table
from sklearn_csg2a.evaluation.tasks import Failure, Outcome, Result, Task
from sklearn_csg2a.evaluation.workers import Workers

STOPPED = "Stopped. Start again to go on: what was finished is kept."


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
    """Do tasks and write down what comes of them, as it comes.

    Parameters
    ----------
    workers : Workers
        Where tasks are done.
    keep : callable
        What to do with a result: store its row, and what else there is to keep.
    """

    def __init__(self, workers: Workers, keep: Callable[[Result], None]) -> None:
        self.workers = workers
        self.keep = keep
        self.n_failed = 0

    def start(self, tasks: Iterable[Task], stored: Iterable[Mapping[str, str]]) -> None:
        """Say which tasks there will be; `stored` rows tell how long each takes."""
        self.progress = Progress(tasks, stored, jobs=self.workers.n_jobs)

    def do(self, tasks: Sequence[Task]) -> None:
        """Do tasks of any kind."""
        for outcome in self.workers.run(tasks):
            self.record(outcome)

    def record(self, outcome: Outcome) -> None:
        """Keep an outcome and show it."""
        if isinstance(outcome, Failure):
            self.n_failed += 1
        else:
            self.keep(outcome)
        self.progress.show(outcome)

    def run(self, tasks: Sequence[Task], stored: Iterable[Mapping[str, str]]) -> int:
        """Do tasks in order; return the exit status, 130 after Ctrl-C."""
        self.start(tasks, stored)
        try:
            self.do(tasks)
        except KeyboardInterrupt:
            self.progress.finish(STOPPED)
            return 130
        self.progress.finish()
        return 1 if self.n_failed else 0
