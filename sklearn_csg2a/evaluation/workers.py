"""Where tasks are computed: in this process, in others, or on a Dask cluster.

Workers compute and send back what they found. This process alone writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from joblib import Parallel, delayed, parallel_config

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation.tasks import Failure, Outcome, perform


class Workers(Protocol):
    """Something that does tasks."""

    @property
    def n_jobs(self) -> int:
        """How many tasks it does at once."""

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they come."""


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; for one job, this process itself."""

    n_jobs: int
    threads: int

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they come."""
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
class Cluster:
    """The workers of a Dask cluster.

    Tasks go there through the client, not through joblib: joblib's Dask backend waits
    for ever for a task whose worker died of it. Here it counts as failed.
    """

    client: Any
    threads: int

    @property
    def n_jobs(self) -> int:
        """How many tasks the workers do at once."""
        return max(sum(self.client.nthreads().values()), 1)

    def run(self, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Yield the outcomes as they come; two tasks a worker are under way."""
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
        """Send a task; equal ones are done again."""
        return self.client.submit(perform, task, self.threads, pure=False)


def _outcome(future: Any, task: Any) -> Outcome:
    """Return what came of a future; one without a result has failed."""
    error = future.exception()
    if error is None:
        return future.result()
    return Failure(task, f"{type(error).__name__}: {error}")


@contextmanager
def open_workers(
    jobs: int, threads: int, scheduler: str | None = None
) -> Iterator[Workers]:
    """Give the processes of this machine, or the workers of a Dask scheduler."""
    if scheduler is None:
        yield Processes(jobs, threads)
        return
    connect = import_client()
    with connect(scheduler, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
        yield Cluster(client, threads)


def import_client() -> Callable[..., Any]:
    """Import Dask's client, which is optional."""
    distributed = import_optional(
        "distributed", extra="distributed", purpose='The backend "dask"'
    )
    return distributed.Client
