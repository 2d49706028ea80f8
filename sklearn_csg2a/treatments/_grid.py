"""Grids: every cell with every compound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders, name_row, quote_names
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.chem import compound_identities, smiles_problem
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.treatments._cells import match_genes, read_gene_values
from sklearn_csg2a.treatments._columns import (
    QUANTITIES,
    as_frame,
    find_near_columns,
    label_rows,
    refuse_duplicates,
)
from sklearn_csg2a.treatments._inside import (
    allows_invalid_smiles,
    default_amounts,
    find_compounds,
    find_expression,
    find_genes,
    find_names,
    find_reference,
)

__all__ = ["CellTable", "Grid", "predict_grid", "read_cell_table", "read_named"]

_VALUES_AT_ONCE = 2**24  # numbers of the rows that a model is given: 128 MB


def predict_grid(model: Any, cells: Any = None, compounds: Any = None) -> pd.DataFrame:
    """Predict every cell with every compound.

    Parameters
    ----------
    model : regressor
        A fitted model whose X follows the column contract, or an ensemble, search or
        pipeline of such models.
    cells : DataFrame of shape (n_cells, n_genes) or sequence of str, default=None
        Basal expression (index: ids), or ids in the table `expression` of the model.
        None: all cells of that table.
    compounds : dict, Series, DataFrame or sequence of str, default=None
        SMILES by name; or a table with the columns ``smiles`` and ``drug`` or ``name``,
        where ``dose`` in uM and ``time`` in hours may be given, too; or SMILES without
        names. None: all compounds that the model was fitted with.

    Returns
    -------
    grid : DataFrame
        Of shape (n_cells, n_compounds), where the model has one output: the index holds
        the ids of the cells and the columns the names of the compounds, their SMILES
        where they have no names. With several outputs, one row per cell and compound.

    Raises
    ------
    InputError
        If cells or compounds cannot be used, or are not given and the model does not
        hold them.
    InvalidSmilesError
        If a SMILES is invalid, unless the model has ``on_invalid_smiles="nan"``.
    NotFittedError
        If the model is not fitted.

    Notes
    -----
    Dose and time are `default_dose` and `default_time` of the model, where it has them
    and `compounds` does not.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.patients import predict_grid
    >>> screen = make_screen(n_cells=8, n_compounds=8, random_state=0)
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> model.fit(screen.X, screen.y)
    PairwiseKernelRidge(...)
    >>> predict_grid(model).shape
    (8, 8)
    >>> grid = predict_grid(model, ["CELL002"], {"aspirin": "CC(=O)Oc1ccccc1C(=O)O"})
    >>> grid.index.tolist(), grid.columns.tolist()
    (['CELL002'], ['aspirin'])
    """
    if hasattr(model, "fit"):
        check_is_fitted(model)
    named = read_named(compounds, model)
    table = read_cell_table(cells, model, name="cells")
    grid = Grid(table, named)
    values = grid.apply(model, model.predict)
    ids, names = table.ids, list(named.index)
    if values.ndim == 1:
        return pd.DataFrame(
            values.reshape(len(ids), len(names)), index=ids, columns=names
        )
    index = pd.MultiIndex.from_product([ids, names], names=["cell_line", "smiles"])
    return pd.DataFrame(values, index=index)


@dataclass(frozen=True, eq=False)
class CellTable:
    """Ids of cells, and their expression where a model need not know them."""

    name: str  # of the argument
    ids: list[Any]
    genes: pd.DataFrame | None

    def for_reader(self, reader: Any) -> tuple[list[Any], pd.DataFrame | None]:
        """Return ids and genes as a model is to read them.

        An id that the model would look up in a table of its own, where another cell
        has it, gets another name. An error where genes are missing or NaN.
        """
        known = find_expression(reader)
        if self.genes is None or self.genes is known:
            return self.ids, None
        needed = find_genes(reader)
        if needed is not None:
            self.read_genes(*needed)
        if known is None:
            return self.ids, self.genes
        names = set(known.index)
        return [
            _new_name(cell, names)
            if cell in names and not _is_same(self.genes.iloc[i], known.loc[cell])
            else cell
            for i, cell in enumerate(self.ids)
        ], self.genes

    def read_genes(self, needed: Sequence[str], missing_genes: str) -> pd.DataFrame:
        """Return the genes that a model needs, as float32, in their order.

        Genes that are missing or no finite numbers are refused, by the names of cells.
        """
        genes: Any = self.genes  # not None where genes are needed
        at = match_genes(genes.columns, needed, missing_genes, self.name, genes.index)
        labels = label_rows(genes)
        found = at[at >= 0]
        values = read_gene_values(
            genes,
            None,
            found,
            name=self.name,
            where=lambda i, gene: f"{name_row(i, labels)}, column {gene!r}",
            advice="Fill these values, or drop the cells.",
        )
        return pd.DataFrame(values, index=genes.index, columns=genes.columns[found])


@dataclass(frozen=True, eq=False)
class Grid:
    """Every cell with every compound: rows of X for those who read them."""

    cells: CellTable
    compounds: pd.DataFrame  # index: names; smiles, and dose and time where given

    def apply(self, reader: Any, function: Callable[[pd.DataFrame], Any]) -> np.ndarray:
        """Return what a function gives for all rows, cell by cell."""
        with one_warning_of_a_kind():
            parts = [np.asarray(function(X)) for X in self._blocks(reader)]
        return np.concatenate(parts)

    def _blocks(self, reader: Any) -> Iterator[pd.DataFrame]:
        """Yield X of some cells at a time, in the words of its reader."""
        ids, genes = self.cells.for_reader(reader)
        names = find_names(reader)
        treated = self.compounds.rename(columns=names).reset_index(drop=True)
        for quantity, default in default_amounts(reader).items():
            if quantity not in self.compounds:
                treated[names[quantity]] = default
        width = 1 if genes is None else genes.shape[1]
        size = max(_VALUES_AT_ONCE // (len(treated) * max(width, 1)), 1)
        for start in range(0, len(ids), size):
            positions = np.arange(start, min(start + size, len(ids)))
            at = np.repeat(positions, len(treated))
            X = pd.concat([treated] * len(positions), ignore_index=True)
            X.insert(0, names["cell_line"], [ids[i] for i in at])
            if genes is not None:
                own = genes.drop(columns=list(X.columns), errors="ignore").iloc[at]
                X = pd.concat([X, own.reset_index(drop=True)], axis=1)
            yield X


def read_cell_table(cells: Any, model: Any, *, name: str) -> CellTable:
    """Read cells given as a table of genes, as ids, or as None for all of the model."""
    if cells is None:
        cells = find_expression(model)
        if cells is None:
            raise InputError(
                f"{type(model).__name__} holds no table 'expression', as a model that "
                f"was loaded without it or fitted with one column per gene: pass "
                f"{name}=, a DataFrame with cells as index and genes as columns."
            )
    frame = as_frame(cells)
    if frame is None:
        ids, frame = _read_ids(cells, name), None
    else:
        ids = list(frame.index)
    if not ids:
        raise InputError(f"{name} is empty; expected at least one cell.")
    refuse_duplicates(pd.Index(ids), f"ids in {name}")
    missing = [i for i, cell in enumerate(ids) if pd.isna(cell)]
    if missing:
        rows = list_offenders(missing, lambda i: f"row {i}")
        raise InputError(f"{name} has no id in {rows}; name these cells in its index.")
    return CellTable(name, ids, frame)


def read_named(compounds: Any, model: Any) -> pd.DataFrame:
    """Return the column smiles by name, and dose and time where they are given.

    Without `compounds`, those that the model was fitted with, each once.
    """
    if compounds is None:
        return _list_known(model)
    named = _as_named(compounds)
    if named.empty:
        raise InputError("compounds is empty; expected at least one compound.")
    missing = np.flatnonzero(named.index.isna())
    if len(missing):
        rows = list_offenders(missing, lambda i: f"row {i} ({named['smiles'].iloc[i]})")
        raise InputError(f"compounds has no name in {rows}; name or drop these.")
    named.index = named.index.map(str)
    named = named[~named.reset_index().duplicated().to_numpy()]
    refuse_duplicates(named.index, "names of different treatments in compounds")
    if not allows_invalid_smiles(model):
        _refuse_invalid(named["smiles"])
    return named


def _list_known(model: Any) -> pd.DataFrame:
    """Return the compounds of a fit, under the names that are kept or their SMILES."""
    kept = find_reference(model)
    if kept is not None:
        names = pd.Index(list(kept["compounds"]), dtype=object)
        return pd.DataFrame({"smiles": list(kept["compounds"].values())}, index=names)
    known = find_compounds(model)
    if not known:
        why = "keeps no compounds" if known is None else "was fitted without compounds"
        raise InputError(
            f"{type(model).__name__} {why}: pass compounds=, such as a dict of names "
            "and SMILES."
        )
    first = pd.Series(compound_identities(known)).drop_duplicates().index
    smiles = [known[i] for i in first]
    return pd.DataFrame({"smiles": smiles}, index=smiles)


def _as_named(compounds: Any) -> pd.DataFrame:
    """Return a table with the column smiles and names as index."""
    if isinstance(compounds, str):
        raise InputError(
            f"smiles={compounds!r} is a string; give a list, [{compounds!r}]."
        )
    frame = as_frame(compounds)
    if frame is not None:
        return _read_table(frame)
    if isinstance(compounds, (Mapping, pd.Series)):
        items = list(compounds.items())
        index = pd.Index([name for name, _ in items], dtype=object)
        smiles = [value for _, value in items]
        return pd.DataFrame({"smiles": smiles}, index=index, dtype=object)
    try:
        smiles = list(compounds)
    except TypeError as error:
        raise InputError(
            f"compounds is a {type(compounds).__name__}; expected SMILES by name (a "
            "dict, Series or DataFrame) or a list of SMILES."
        ) from error
    return pd.DataFrame({"smiles": smiles}, index=pd.Index(smiles, dtype=object))


def _read_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Read names, SMILES, dose and time from the columns of a table."""
    if "smiles" not in frame.columns:
        near = find_near_columns("smiles", frame.columns)
        rename = f"compounds.rename(columns={{{near[0]!r}: 'smiles'}})" if near else ""
        raise InputError(
            "compounds has no column 'smiles'. Columns present: "
            f"{quote_names(frame.columns)}."
            + (f" If {near[0]!r} is meant, pass {rename}." if near else "")
        )
    refuse_duplicates(frame.columns, "column names in compounds")
    kept = ["smiles", *(name for name in QUANTITIES if name in frame.columns)]
    own = next((name for name in ("drug", "name") if name in frame.columns), None)
    names = frame.index if own is None else pd.Index(frame[own], dtype=object)
    if own is None and isinstance(frame.index, pd.RangeIndex):
        names = pd.Index(frame["smiles"], dtype=object)
    return frame[kept].set_axis(names, axis=0)


def _refuse_invalid(smiles: pd.Series) -> None:
    """Raise InvalidSmilesError naming the compounds."""
    problems = ((name, smiles_problem(value)) for name, value in smiles.items())
    bad = [(name, problem) for name, problem in problems if problem]
    if bad:
        listed = list_offenders(bad, lambda one: f"{one[0]!r}: {one[1]}")
        raise InvalidSmilesError(
            f"compounds has {len(bad)} without a valid SMILES: {listed}. Correct or "
            "drop them."
        )


def _read_ids(cells: Any, name: str) -> list[Any]:
    """Read a list of ids."""
    if isinstance(cells, str):
        raise InputError(f"{name}={cells!r} is a string; give a list, [{cells!r}].")
    if isinstance(cells, pd.Series) and pd.api.types.is_numeric_dtype(cells.dtype):
        raise InputError(
            f"{name} is a Series of numbers; for one cell pass its genes as a row, "
            f"{name}.to_frame().T."
        )
    if not isinstance(cells, (Sequence, np.ndarray, pd.Index, pd.Series)) or (
        isinstance(cells, np.ndarray) and cells.ndim != 1
    ):
        raise InputError(
            f"{name} is a {type(cells).__name__}; expected a DataFrame with cells as "
            "index and genes as columns, or a list of ids."
        )
    return list(cells)


def _is_same(row: pd.Series, known: pd.Series) -> bool:
    """Tell whether two profiles have the same values in the genes of both."""
    shared = known.index.intersection(row.index)
    left, right = (
        pd.to_numeric(one[shared], errors="coerce").to_numpy(np.float32)
        for one in (row, known)
    )
    return len(shared) > 0 and np.array_equal(left, right)


def _new_name(cell: Any, taken: set[Any]) -> str:
    """Return a name that no known cell has."""
    name = f"{cell} (given)"
    while name in taken:
        name += "'"
    return name
