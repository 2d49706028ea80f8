"""What an audit of a split finds, as text and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.offenders import list_offenders

FORBIDDEN = {
    "mixed": ("rows", "pairs"),
    "cell": ("rows", "pairs", "cells"),
    "tissue": ("rows", "pairs", "cells", "tissues"),
    "drug": ("rows", "pairs", "compounds"),
    "cluster": ("rows", "pairs", "compounds"),
    "disjoint": ("rows", "pairs", "cells", "compounds"),
}


@dataclass(frozen=True)
class SplitAudit:
    """What a split shares, as returned by `audit_split`.

    `str(audit)` is a report to read and `audit.to_frame()` a table.

    Attributes
    ----------
    scheme : str
        The scheme the split was judged by.
    n_train, n_test : int
        Rows of the two sets.
    shared_rows : ndarray of int
        Row positions in both sets.
    repeated_rows : ndarray of int
        Row positions that occur more than once within one set.
    shared_pairs : tuple of (str, str)
        (cell, compound) pairs with rows in both sets: leaking replicates.
    shared_cells : tuple of str
        Cell lines in both sets.
    alike_cells : tuple of (str, str)
        Cell lines of training and test that differ in case or punctuation alone
        ("MCF-7", "MCF7"): perhaps the same line. Reported, never a violation.
    shared_compounds : tuple of str
        Compounds in both sets, compared by identity, each shown in one spelling.
    related_compounds : tuple of (str, str)
        Compounds of training and test that are no one compound and yet related:
        tautomers in a wider sense than the identity joins, or mixtures with a drug in
        common. Reported, never a violation.
    shared_tissues : tuple of str
        Tissues in both sets; looked up for the scheme "tissue" alone.
    nearest_tanimoto : Series of shape (n_test_compounds,) or None
        Similarity of every test compound to the nearest training compound, indexed by
        SMILES; None where drug ids are not SMILES.
    merges : dict of str to tuple of str
        Identities that the table spells in several ways, with the spellings.
    pretraining_compounds : tuple of str or None
        Test compounds that pretraining has seen; None if not asked.
    pretraining_cells : tuple of str or None
        Test cell lines that pretraining has seen; None if not asked.
    violations : tuple of str
        What the scheme forbids and the split does, in words.
    """

    scheme: str
    n_train: int
    n_test: int
    shared_rows: NDArray[np.int64]
    repeated_rows: NDArray[np.int64]
    shared_pairs: tuple[tuple[str, str], ...]
    shared_cells: tuple[str, ...]
    alike_cells: tuple[tuple[str, str], ...]
    shared_compounds: tuple[str, ...]
    shared_tissues: tuple[str, ...] = ()
    related_compounds: tuple[tuple[str, str], ...] = ()
    nearest_tanimoto: pd.Series | None = None
    merges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pretraining_compounds: tuple[str, ...] | None = None
    pretraining_cells: tuple[str, ...] | None = None

    @property
    def max_tanimoto(self) -> float:
        """Similarity of the most similar test compound; NaN where not known."""
        if self.nearest_tanimoto is None:
            return float("nan")
        return float(self.nearest_tanimoto.max())

    @property
    def violations(self) -> tuple[str, ...]:
        """What the scheme forbids and the split does, in words."""
        return tuple(
            f"{check['count']} {check['what']} (e.g. {check['examples']})"
            for check in self.to_frame().to_dict("records")
            if check["count"] and check["forbidden"]
        )

    @property
    def is_clean(self) -> bool:
        """Whether the split keeps the promise of its scheme."""
        return not self.violations

    def to_frame(self) -> pd.DataFrame:
        """Return one row per check.

        Returns
        -------
        DataFrame of shape (n_checks, 4)
            Indexed by the check: `what` in words, `count`, whether the scheme has it
            `forbidden`, and up to five `examples`.
        """
        found: dict[str, tuple[str, Any]] = {
            "rows": ("rows in training and test", self.shared_rows.tolist()),
            "repeats": ("rows repeated within a set", self.repeated_rows.tolist()),
            "pairs": ("(cell, compound) pairs in both sets", self.shared_pairs),
            "cells": ("cell lines in both sets", self.shared_cells),
            "alike cells": ("cell lines of nearly one name", self.alike_cells),
            "compounds": ("compounds in both sets", self.shared_compounds),
            "related compounds": (
                "compounds with a tautomer or a mixture in the other set",
                self.related_compounds,
            ),
            "tissues": ("tissues in both sets", self.shared_tissues),
            "merges": ("compounds spelled in several ways", self.merges.values()),
        }
        if self.pretraining_compounds is not None:
            found["pretraining compounds"] = (
                "test compounds seen in pretraining",
                self.pretraining_compounds,
            )
        if self.pretraining_cells is not None:
            found["pretraining cells"] = (
                "test cell lines seen in pretraining",
                self.pretraining_cells,
            )
        forbidden = {*FORBIDDEN[self.scheme], "pretraining compounds"}
        return pd.DataFrame(
            [
                (what, len(items), name in forbidden, list_offenders(_shown(items)))
                for name, (what, items) in found.items()
            ],
            columns=["what", "count", "forbidden", "examples"],
            index=pd.Index(found, name="check"),
        )

    def __str__(self) -> str:
        verdict = "clean" if self.is_clean else "VIOLATED"
        lines = [
            f"Split audit, scheme {self.scheme!r}: {verdict}",
            f"  {self.n_train} training rows, {self.n_test} test rows",
        ]
        for check in self.to_frame().to_dict("records"):
            count, forbidden = check["count"], check["forbidden"]
            if count or forbidden:
                mark = "!" if count and forbidden else " "
                shown = f": {check['examples']}" if count else ""
                lines.append(f"{mark} {count} {check['what']}{shown}")
        if self.nearest_tanimoto is not None:
            low, median, high = self.nearest_tanimoto.quantile([0.1, 0.5, 0.9])
            lines.append(
                "  nearest training compound of a test compound, Tanimoto: 10 % "
                f"{low:.2f}, median {median:.2f}, 90 % {high:.2f}, "
                f"max {self.max_tanimoto:.2f}"
            )
        return "\n".join(lines)


def _shown(items: Iterable[Any]) -> list[str]:
    """Write findings as text: tuples with a bar between their parts."""
    return [
        " | ".join(map(str, item)) if isinstance(item, tuple) else str(item)
        for item in items
    ]
