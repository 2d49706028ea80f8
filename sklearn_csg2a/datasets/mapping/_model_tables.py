"""Lists of cell lines with their ids: columns and lookup."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text_tables import plain_column, read_text_table
from sklearn_csg2a.exceptions import InputError

__all__ = ["KINDS", "Lookup", "ModelTable", "spell_id"]

# Rows by an id or a name.
Lookup = dict[str, list[int]]

_EXPECTED = (
    "a list of cell lines with their ids: DepMap's Model.csv or sample_info.csv, or "
    "model_list.csv of the Cell Model Passports"
)

# The kinds of ids and their column names, in plain spelling.
KINDS = ("depmap", "sanger", "cosmic", "rrid", "ccle", "name")
_COLUMNS = {
    "depmap": ("modelid", "depmapid", "broadid", "arxspanid", "cellline"),
    "sanger": ("modelid", "sangermodelid", "sangerid", "sidm", "cellline"),
    "cosmic": ("cosmicid", "cosmicidentifier", "cosmic", "cosmicsampleid"),
    "rrid": ("rrid", "cellosaurusid", "cellosaurus"),
    "ccle": ("ccleid", "cclename"),
    "name": (
        *("celllinename", "modelname", "samplename", "celllinedisplayname"),
        *("cellline", "name"),
    ),
    "stripped": ("strippedcelllinename", "strippedname", "displayname"),
    "synonym": ("synonyms", "synonym", "alias", "aliases", "othernames"),
}
# Both DepMap and Sanger use "model id", and any id may be in "cell line".
_LOOKS = {"depmap": r"ACH-\d+", "sanger": r"SIDM\d+", "name": r"(?!ACH-\d|SIDM\d)"}
_VAGUE = ("modelid", "cellline")
# Columns that may contain several ids per cell, and the separators.
_SEPARATED = {
    "depmap": r"[;,|\s]+",
    "sanger": r"[;,|\s]+",
    "cosmic": r"[;,|\s]+",
    "rrid": r"[;,|\s]+",
    "synonym": r"\s*[;,|]\s*",
}
_PREFIX = re.compile(r"^(RRID|COSMIC)\s*:\s*", flags=re.IGNORECASE)
_WHOLE_FLOAT = re.compile(r"(\d+)\.0+")


def spell_id(value: Any) -> str:
    """Write an id as text: 906826.0 as 906826, RRID:CVCL_0132 as CVCL_0132."""
    text = _PREFIX.sub("", str(value).strip())
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole[1] if whole else text


class ModelTable:
    """A list of cell lines; rows are numbered, values of a kind are lists of text."""

    def __init__(self, models: pd.DataFrame | str | os.PathLike[str]) -> None:
        if isinstance(models, str | os.PathLike):
            self.source = str(models)
            table = read_text_table(models, _EXPECTED)
        elif isinstance(models, pd.DataFrame):
            self.source = "models"
            table = models
        else:
            msg = (
                f"models must be a DataFrame or a path, not {type(models).__name__}; "
                f"{_EXPECTED} was expected."
            )
            raise InputError(msg)
        self.table = table.reset_index() if _has_ids(table.index) else table
        self.columns = self._sort_columns()
        if not set(self.columns) & set(KINDS):
            msg = (
                f"{self.source} has the columns "
                f"{list_offenders(map(repr, self.table.columns))}; {_EXPECTED} was "
                "expected."
            )
            raise InputError(msg)

    def _sort_columns(self) -> dict[str, list[Any]]:
        """Return the columns of each kind, the best known name first."""
        found: dict[str, list[Any]] = {}
        for kind, names in _COLUMNS.items():
            columns = [
                column
                for name in names
                for column in self.table.columns
                if plain_column(column) == name and self._looks_like(kind, column)
            ]
            if columns:
                found[kind] = columns
        return found

    def _looks_like(self, kind: str, column: Any) -> bool:
        """Tell whose ids a "model id" column has; other names are unambiguous."""
        if kind not in _LOOKS:
            return True
        entries = self.table[column].dropna().astype(str)
        if entries.empty:
            return plain_column(column) not in _VAGUE
        return bool(entries.str.match(_LOOKS[kind], case=False).any())

    def values(self, kind: str, column: Any) -> list[list[str]]:
        """Return the ids of each row in a column, possibly several."""
        separator = _SEPARATED.get(kind)
        return [
            []
            if pd.isna(entry)
            else [
                spell_id(part)
                for part in (
                    re.split(separator, str(entry)) if separator else [str(entry)]
                )
                if part.strip()
            ]
            for entry in self.table[column].astype(object)
        ]

    def rows_by(self, kinds: Iterable[str], spell: Callable[[str], str]) -> Lookup:
        """Return the rows by each id or name of some kinds, in one spelling."""
        found: Lookup = {}
        for kind in kinds:
            for column in self.columns.get(kind, ()):
                self.add_column(found, kind, column, spell)
        return found

    def add_column(
        self, found: Lookup, kind: str, column: Any, spell: Callable[[str], str]
    ) -> None:
        """Add the rows by each id of one column to `found`."""
        for row, values in enumerate(self.values(kind, column)):
            for value in values:
                key = spell(value)
                if key and row not in found.setdefault(key, []):
                    found[key].append(row)

    def targets(self, to: str) -> list[list[str]]:
        """Return the requested ids of each row: of a kind, or in a column."""
        kind, column = self.find(to, "to")
        return self.values(kind, column)

    def find(self, name: str, parameter: str) -> tuple[str, Any]:
        """Return the kind and the column given by a parameter."""
        if name in self.table.columns:
            return self.kind_of(name), name
        plain = plain_column(name)
        kinds = [k for k in _COLUMNS if plain == k or plain in _COLUMNS[k]]
        if not kinds:
            msg = (
                f"{parameter}={name!r} is neither one of {', '.join(KINDS)} nor a "
                f"column of {self.source}."
            )
            raise InputError(msg)
        for kind in kinds:
            if kind in self.columns:
                return kind, self.columns[kind][0]
        there = ", ".join(kind for kind in KINDS if kind in self.columns)
        msg = f"{parameter}={name!r}: {self.source} has no such ids, only {there}."
        raise InputError(msg)

    def kind_of(self, column: Any) -> str:
        """Return the kind of a column, '' if unknown."""
        return next((k for k, found in self.columns.items() if column in found), "")

    def entities(self) -> np.ndarray:
        """Return the number of the cell line of each row; rows with an id agree."""
        for kind in ("depmap", "sanger"):
            if kind in self.columns:
                ids = self.values(kind, self.columns[kind][0])
                keys = [
                    value[0] if value else f"row {row}" for row, value in enumerate(ids)
                ]
                return pd.factorize(np.array(keys, dtype=object))[0]
        return np.arange(len(self.table))

    def labels(self) -> list[str]:
        """Name each row by its name and its id, for messages."""
        kinds = [
            next((kind for kind in some if kind in self.columns), None)
            for some in (
                ("name", "stripped", "ccle"),
                ("depmap", "sanger", "cosmic", "rrid"),
            )
        ]
        parts = [self.values(kind, self.columns[kind][0]) for kind in kinds if kind]
        return [
            " ".join(values[0] for values in row if values)
            for row in zip(*parts, strict=True)
        ]


def _has_ids(index: pd.Index) -> bool:
    return not isinstance(index, pd.RangeIndex)
