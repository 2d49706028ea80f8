"""A run: fits that are not stored yet, with their settings as they are or tuned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TextIO

from sklearn_csg2a.evaluation.evaluate import FoldTask
from sklearn_csg2a.evaluation.plan import by_fold
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import Study, is_stored
from sklearn_csg2a.evaluation.tasks import Failure, Result
from sklearn_csg2a.evaluation.tuning import Candidate, Search, choose
from sklearn_csg2a.evaluation.workers import Workers


class Run(Study):
    """Fit models to folds and store the results.

    Parameters
    ----------
    workers : Workers
        Where models are fitted.
    table : Table
        Of the results.
    scores : Table, default=None
        Of the candidates of searches; needed if there are any.
    save : callable, default=None
        Stores the arrays of a result.
    again : bool, default=False
        Whether stored results are computed again.
    stream : text stream, default=None
        Where progress is shown; None is stderr.
    """

    def __init__(
        self,
        workers: Workers,
        table: Table,
        *,
        scores: Table | None = None,
        save: Callable[[Result], None] | None = None,
        again: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        super().__init__(workers, self._keep, stream)
        self.table = table
        self.scores = scores
        self.save = save
        self.again = again
        self.n_new = 0

    def do_all(
        self, tasks: Iterable[FoldTask], searches: Iterable[Search] = ()
    ) -> None:
        """Run what is not stored yet; Ctrl-C stops, and finished results are kept."""
        rows = self.table.read()
        wanted = partial(self._is_wanted, table=self.table, stored=rows)
        tasks = list(filter(wanted, tasks))
        searches = [search for search in searches if wanted(search.task)]
        candidates = self._list_candidates(searches)
        scores = {} if self.scores is None else self.scores.read()
        self.start(
            [*tasks, *(s.task for s in searches), *chain.from_iterable(candidates)],
            [*rows.values(), *scores.values()],
        )
        self.do(tasks)
        for to_judge, of_fold in zip(candidates, by_fold(searches), strict=True):
            self.do(to_judge)
            self._do_best(of_fold)

    def _is_wanted(
        self, task: Any, table: Table, stored: dict[Any, dict[str, str]]
    ) -> bool:
        """Whether a task has to be run: no valid row of it is stored."""
        return self.again or not is_stored(task, table, stored)

    def _list_candidates(self, searches: Sequence[Search]) -> list[list[Candidate]]:
        """Return the candidates of each fold that have no valid score."""
        if self.scores is None:
            return []
        wanted = partial(self._is_wanted, table=self.scores, stored=self.scores.read())
        return [
            [item for search in of_fold for item in filter(wanted, search.candidates)]
            for of_fold in by_fold(searches)
        ]

    def _do_best(self, searches: Iterable[Search]) -> None:
        """Fit the best candidate of each search."""
        if self.scores is None:
            return
        best = [choose(search, self.scores) for search in searches]
        for failure in best:
            if isinstance(failure, Failure):
                self.record(failure)
        self.do([task for task in best if isinstance(task, FoldTask)])

    def _keep(self, result: Result) -> None:
        """Store a score, or a result with its arrays."""
        if isinstance(result.task, Candidate):
            if self.scores is not None:
                self.scores.add([result.row])
            return
        if self.save is not None:
            self.save(result)
        self.table.add([result.row])
        self.n_new += 1
