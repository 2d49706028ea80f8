"""Where tasks run: in this process, in other processes, or on a Dask cluster.

Workers compute and return results; only this process writes files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation.tasks import Failure, Outcome, perform


class Workers(Protocol):
    """Interface of anything that runs tasks."""

    @property
    def n_jobs(self) -> int:
        """Number of tasks that run at the same time."""

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they arrive."""


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; with one job, the current process."""

    n_jobs: int
    threads: int

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they arrive."""
        if self.n_jobs == 1:
            for task in tasks:
                yield perform(task, self.threads)
            return
        with parallel_config("loky", inner_max_num_threads=self.threads):
            parallel = Parallel(
                self.n_jobs, return_as="generator_unordered", batch_size=1
            )
            yield from parallel(delayed(perform)(task, self.threads) for task in tasks)


@dataclass(frozen=True)
class Backend:
    """The backend of joblib: loky, or the one that `joblib.parallel_config` names.

    The data and models are sent apart from the tasks, so that a backend which keeps
    what it has sent, as Dask's does, sends them once.
    """

    jobs: int | None
    source: Any

    @property
    def n_jobs(self) -> int:
        """Number of tasks that run at the same time."""
        return max(effective_n_jobs(self.jobs), 1)

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they arrive."""
        parallel = Parallel(self.jobs, return_as="generator_unordered", batch_size=1)
        outcomes = parallel(
            delayed(_perform_with)(self.source, replace(task, source=None))
            for task in tasks
        )
        try:
            for outcome in outcomes:
                yield replace(outcome, task=replace(outcome.task, source=self.source))
        finally:
            outcomes.close()


def _perform_with(source: Any, task: Any) -> Outcome:
    """Run a task on data and models that were sent apart from it."""
    outcome = perform(replace(task, source=source), threads=None)
    return replace(outcome, task=task)


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask cluster.

    Tasks are submitted by the client, not by joblib: joblib's Dask backend waits
    forever for a task that killed its worker. Here such a task counts as failed.
    """

    client: Any
    threads: int

    @property
    def n_jobs(self) -> int:
        """Number of tasks that the workers run at the same time."""
        return max(sum(self.client.nthreads().values()), 1)

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they arrive; two tasks per worker are pending."""
        from distributed import as_completed  # noqa: PLC0415 (optional)

        waiting = iter(tasks)
        running = {
            self._submit(task): task for task in islice(waiting, 2 * self.n_jobs)
        }
        finished = as_completed(list(running), loop=self.client.loop)
        try:
            for future in finished:
                task = running.pop(future)
                yield _outcome(future, task)
                for more in islice(waiting, 1):
                    running[added := self._submit(more)] = more
                    finished.add(added)
        finally:
            self.client.cancel(list(running))

    def _submit(self, task: Any) -> Any:
        """Submit a task; equal tasks are not deduplicated."""
        return self.client.submit(perform, task, self.threads, pure=False)


def _outcome(future: Any, task: Any) -> Outcome:
    """Return the outcome of a future; a failure if it has no result."""
    error = future.exception()
    if error is None:
        return future.result()
    return Failure(task, f"{type(error).__name__}: {error}")


@contextmanager
def open_workers(
    jobs: int, threads: int, scheduler: str | None = None
) -> Iterator[Workers]:
    """Yield the processes of this machine, or the workers of a Dask scheduler."""
    if scheduler is None:
        yield Processes(jobs, threads)
        return
    connect = import_client()
    with connect(scheduler, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
        yield Cluster(client, threads)


def import_client() -> Callable[..., Any]:
    """Import the client of Dask, an optional dependency."""
    distributed = import_optional(
        "distributed", extra="distributed", purpose='The backend "dask"'
    )
    return distributed.Client
