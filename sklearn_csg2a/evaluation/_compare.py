"""Judge any regressors on any table, beside the naive models."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.interrupts import STOPPED
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind, warn_of_input
from sklearn_csg2a.evaluation._comparison import Comparison, say_failures
from sklearn_csg2a.evaluation.candidates import Candidates, name_models
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.evaluate import FoldTask
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.evaluation.plan import Plan
from sklearn_csg2a.evaluation.results import COLUMNS, KEY, NUMBER_COLUMNS
from sklearn_csg2a.evaluation.runs import Run
from sklearn_csg2a.evaluation.schemes import make_scheme_folds
from sklearn_csg2a.evaluation.store import MemoryTable, Table
from sklearn_csg2a.evaluation.study import is_stored
from sklearn_csg2a.evaluation.tasks import Failure
from sklearn_csg2a.evaluation.workers import Backend
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import NoiseCeiling, replicate_noise
from sklearn_csg2a.metrics._ceiling import check_noise
from sklearn_csg2a.treatments import read_identifiers, read_response
from sklearn_csg2a.treatments._columns import as_frame

__all__ = ["compare"]

LOST = "Stopped. Give store= the path of a file to keep finished results."
# Of stored fits: with the hashes, tables and settings of models stand side by side.
_STORED_BY = (*KEY, "data_hash", "split_hash", "config_hash")
_OF_TISSUES = frozenset({"TissueMean", "TissueDrugMean"})


def compare(
    models: Any,
    X: Any,
    y: Any,
    *,
    schemes: str | Sequence[Any] | Mapping[str, Any] = (
        "mixed",
        "cell",
        "drug",
        "disjoint",
    ),
    n_splits: int = 10,
    n_folds: int | None = None,
    seeds: Sequence[int] = (0,),
    columns: Mapping[str, str] | None = None,
    ceiling: float | NoiseCeiling | None = None,
    store: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    name: str = "data",
    verbose: int = 0,
) -> Comparison:
    """Judge regressors by what is new in the test rows, beside naive models.

    Every model is fitted to the same folds of each scheme. The naive models, which
    know no more than the ids of a row, are always among the models compared.

    Parameters
    ----------
    models : regressor, list of regressors, or dict of str to regressor
        Any regressors of scikit-learn that take rows of `X`; they are cloned. Those
        of a list are named by their classes, unless it holds (name, regressor).
        Before a regressor of numbers, put
        :class:`~sklearn_csg2a.encoders.PairFeatures` in a pipeline.
    X : DataFrame of shape (n_rows, n_columns)
        One row per treatment, with the columns ``cell_line`` and ``smiles``. Further
        columns are passed to the models; ``tissue`` adds naive models.
    y : array-like of shape (n_rows,)
        Response, such as ln IC50.
    schemes : str, sequence or dict, default=("mixed", "cell", "drug", "disjoint")
        What the test rows hold that is new: pairs, cell lines, compounds, or both.
        "tissue" and "cluster" (of similar compounds) are known, too. A dict gives
        splitters of your own by name, or lists of their splits; for groups of a
        column, such as plates, ``{"plate": ClusterBlindKFold(5, by="plate")}``.
    n_splits : int, default=10
        Number of folds of each scheme.
    n_folds : int, default=None
        Run the first folds only; None runs all.
    seeds : sequence of int, default=(0,)
        Each model is fitted with each seed, which is set wherever it or a part of it
        has a `random_state`. Models without any are fitted once. The folds stay the
        same.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``. Tell
        the models, too, which see X as it is.
    ceiling : float or NoiseCeiling, default=None
        Standard deviation of a single measurement, in the unit of `y`, beyond which
        no model can get. None estimates it from repeated measurements, where `X` has
        at least 10 of them: rows of one pair at the same dose and time.
    store : str or path, default=None
        CSV file that finished fits are added to. A fit with the same data, fold, name
        and settings that is stored there is not repeated; fits of other tables or
        settings stay in the file.
    n_jobs : int, default=None
        Number of fits at the same time, by the backend of joblib: processes of this
        machine, or what ``joblib.parallel_config`` names, such as Dask. None is 1,
        unless that says otherwise; -1 uses all processors.
    name : str, default="data"
        Name of the data, the title of the report.
    verbose : int, default=0
        Whether to show progress with the time left.

    Returns
    -------
    comparison : Comparison
        `table`, `tests`, `folds`, `plot()` and `report(path)`.

    Raises
    ------
    InputError
        If X, y or a parameter cannot be used; the message says what to do.

    Warns
    -----
    UserWarning
        If a model cannot be fitted to a fold, or returns something else than finite
        numbers; the other models are compared. `Comparison.failures` lists the errors.

    See Also
    --------
    sklearn_csg2a.encoders.PairFeatures : Makes any regressor a model of drug response.
    sklearn_csg2a.model_selection.audit_split : What training and test set share.

    Notes
    -----
    Skill is measured against the best that is known of the test rows from ids alone:
    mean effects for pairs, the mean of the drug for new cell lines, the mean of the
    cell line for new compounds and the overall mean for both; mean effects for
    splitters of your own. Intervals and tests are over folds, by the corrected
    resampled t-test, because folds share training rows.

    Ctrl-C stops; with `store`, the same call continues where it was stopped.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_csg2a import compare
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.encoders import PairFeatures
    >>> screen = make_screen(n_cells=10, n_compounds=12, n_genes=30, random_state=0)
    >>> ridge = make_pipeline(PairFeatures(screen.expression), Ridge(10.0))
    >>> result = compare({"ridge": ridge}, screen.X, screen.y,
    ...                  schemes=("cell", "drug"), n_splits=3)
    >>> found = result.table.query("model == 'ridge'")
    >>> found[["scheme", "n_folds", "naive_model"]].values.tolist()
    [['cell', 3, 'DrugMean'], ['drug', 3, 'CellMean']]
    """
    named = name_models(models)
    seeds = _read_seeds(seeds)
    table = _open_table(store)
    with one_warning_of_a_kind():
        data = _read_table(X, y, columns, name)
        noise = _read_noise(ceiling, data)
        source = Candidates(data, named)
        plan = Plan(
            source,
            make_scheme_folds(data, schemes, n_splits, n_folds),
            [*_naive_ladder(data), *named],
            partial(source.seeds_of, seeds=seeds),
        )
        tasks = plan.list_tasks()
        run = Run(Backend(n_jobs, source), table, stream=_stream(verbose))
        _do(run, tasks)
    failures = _list_failures(run.failures)
    _warn_of_failures(failures)
    return Comparison(_read_rows(table, tasks), named, failures, noise, name)


def _read_table(X: Any, y: Any, columns: Mapping[str, str] | None, name: str) -> Bunch:
    """Read X and y: X as models see it, and with the column names of the contract."""
    frame = as_frame(X)
    if frame is None:
        msg = (
            "compare needs X as a DataFrame with the columns 'cell_line' and 'smiles', "
            f"not a {type(X).__name__}."
        )
        raise InputError(msg)
    renamed = dict(columns or {})
    absent = [own for own in renamed.values() if own not in frame.columns]
    if absent:
        msg = (
            f"columns names columns that X does not have: "
            f"{list_offenders(absent, repr)}. Columns present: "
            f"{list_offenders(frame.columns, repr)}."
        )
        raise InputError(msg)
    hidden = [n for n in renamed if n in frame.columns and renamed[n] != n]
    rows = frame.drop(columns=hidden).rename(
        columns={own: contract for contract, own in renamed.items()}
    )
    if "cell_line" not in rows.columns or "smiles" not in rows.columns:
        wanted = [n for n in ("cell_line", "smiles") if n not in rows.columns]
        msg = (
            f"X has no column {list_offenders(wanted, repr)}. Columns present: "
            f"{list_offenders(frame.columns, repr)}. Name the one that is meant: "
            f"columns={{{wanted[0]!r}: '<its name>'}}."
        )
        raise InputError(msg)
    found = read_identifiers(rows, estimator_name="compare")
    response = read_response(
        y, found.n_rows, found.row_labels, estimator_name="compare"
    )
    return Bunch(
        X=frame,
        rows=rows,
        y=pd.Series(response, index=frame.index),
        pairs=_code_pairs(rows, found.cell, found.compound),
        ids=np.arange(found.n_rows),
        hash=hash_parts(frame.columns, *(frame[one] for one in frame), response),
        name=name,
    )


def _code_pairs(rows: pd.DataFrame, cell: Any, compound: Any) -> np.ndarray:
    """Return the same code for rows of one pair at one dose and time: (n_rows,)."""
    keys = pd.DataFrame({"cell": cell, "compound": compound})
    for amount in ("dose", "time"):
        if amount in rows.columns:
            keys[amount] = rows[amount].to_numpy()
    return keys.groupby(list(keys), dropna=False).ngroup().to_numpy()


def _read_noise(ceiling: float | NoiseCeiling | None, data: Bunch) -> float | None:
    """Return the noise of a measurement: given, or from replicates if there are any."""
    if isinstance(ceiling, NoiseCeiling):
        return ceiling.noise
    if ceiling is not None:
        return check_noise(ceiling)
    try:
        noise = replicate_noise(data.y, data.pairs)
    except InputError:  # too few repeated measurements
        return None
    return noise or None


def _read_seeds(seeds: Any) -> list[int]:
    """Return distinct seeds as integers."""
    listed = list(seeds) if isinstance(seeds, Iterable) else [seeds]
    wrong = [one for one in listed if not isinstance(one, int | np.integer)]
    if wrong or not listed:
        msg = f"seeds must be integers, such as (0, 1, 2); got {seeds!r}."
        raise InputError(msg)
    return list(dict.fromkeys(int(one) for one in listed))


def _naive_ladder(data: Bunch) -> list[str]:
    """Return the naive models of the columns that there are."""
    has_tissue = "tissue" in data.rows.columns
    return [name for name in NAIVE_MODELS if has_tissue or name not in _OF_TISSUES]


def _open_table(store: str | os.PathLike[str] | None) -> Table:
    """Return the table of results: a file, or one in memory."""
    if store is None:
        return MemoryTable(Path(), _STORED_BY, COLUMNS)
    path = Path(store)
    if path.is_dir():
        msg = f"store={str(path)!r} is a folder; give the path of a CSV file in it."
        raise InputError(msg)
    table = Table(path, _STORED_BY, COLUMNS, NUMBER_COLUMNS)
    table.read()  # an error now, not after the first fit
    return table


def _stream(verbose: int) -> TextIO | None:
    """Return where progress is shown: stderr, or nowhere."""
    return None if verbose else io.StringIO()


def _do(run: Run, tasks: Iterable[FoldTask]) -> None:
    """Run the fits; end the progress line."""
    try:
        run.do_all(tasks)
    except KeyboardInterrupt:
        run.progress.finish(LOST if isinstance(run.table, MemoryTable) else STOPPED)
        raise
    run.progress.finish()


def _read_rows(table: Table, tasks: Sequence[FoldTask]) -> pd.DataFrame:
    """Return the stored rows of the fits that were asked for."""
    stored = table.read()
    return pd.DataFrame(
        [
            stored[table.key_of(task.as_row())]
            for task in tasks
            if is_stored(task, table, stored)
        ],
        columns=list(COLUMNS),
    )


def _list_failures(failures: Iterable[Failure]) -> pd.DataFrame:
    """Return one row for each fit that failed."""
    columns = ["model", "scheme", "fold", "seed", "error"]
    rows = [{**failure.task.as_row(), "error": failure.error} for failure in failures]
    return pd.DataFrame(rows, columns=columns)


def _warn_of_failures(failures: pd.DataFrame) -> None:
    """Say which models failed, and why at first."""
    if len(failures):
        shown = list_offenders(say_failures(failures))
        msg = (
            f"Some fits failed and are missing from the comparison: {shown}. "
            f"{_hint(failures)}Comparison.failures lists them all."
        )
        warn_of_input("failed fits", msg)


def _hint(failures: pd.DataFrame) -> str:
    """Say what a regressor of numbers needs, if one was given ids and SMILES."""
    if not failures["error"].str.contains("could not convert string to float").any():
        return ""
    return (
        "Put PairFeatures before a regressor of numbers: "
        "make_pipeline(PairFeatures(expression), regressor). "
    )
