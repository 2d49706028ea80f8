"""Result of the audit of a split, as text and as a table."""

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

_ALWAYS_FORBIDDEN = ("pretraining compounds", "repeated test rows")


@dataclass(frozen=True)
class SplitAudit:
    """What training and test set share, as returned by `audit_split`.

    `str(audit)` is a text report and `audit.to_frame()` a table.

    Attributes
    ----------
    scheme : str
        The scheme that the split was checked against.
    n_train, n_test : int
        Rows of the two sets.
    shared_rows : ndarray of shape (n_shared,), dtype=int64
        Row positions in both sets.
    repeated_rows : ndarray of shape (n_repeated,), dtype=int64
        Row positions that occur more than once within one set.
    repeated_test_rows : ndarray of shape (n_repeated,), dtype=int64
        Those of them in the test set, where each would count several times; always a
        violation. Training rows may be drawn more than once.
    shared_pairs : tuple of (str, str)
        (cell, compound) pairs with rows in both sets: leaking replicates.
    shared_cells : tuple of str
        Cell lines in both sets.
    alike_cells : tuple of (str, str)
        Cell lines of training and test that differ only in case or punctuation
        ("MCF-7", "MCF7"), be they one line or two (TT and T-T).
    respelled_cells : tuple of (str, str)
        Those of them that are the same line; forbidden where shared cell lines are.
        Not those that differ between digits, such as patients P1-1 and P11.
    shared_compounds : tuple of str
        Compounds in both sets, compared by identity, each in one spelling.
    related_compounds : tuple of (str, str)
        Compounds of training and test that differ but are related: tautomers that
        `compound_identity` does not merge, or mixtures with a drug in common. Never
        counted as a violation.
    shared_tissues : tuple of str
        Tissues in both sets; only for the scheme "tissue".
    nearest_tanimoto : Series of shape (n_test_compounds,) or None
        Similarity of every test compound to the nearest training compound, indexed by
        SMILES; None if the drug ids are not SMILES.
    merges : dict of str to tuple of str
        Identities with several spellings in the table, and these spellings.
    pretraining_compounds : tuple of str or None
        Test compounds used in pretraining; None if `pretraining` was not given.
    pretraining_cells : tuple of str or None
        Test cell lines used in pretraining; None if `pretraining` was not given.
        Forbidden where shared cell lines are.
    violations : tuple of str
        Descriptions of all violations of the scheme.
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
    repeated_test_rows: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )
    respelled_cells: tuple[tuple[str, str], ...] = ()
    shared_tissues: tuple[str, ...] = ()
    related_compounds: tuple[tuple[str, str], ...] = ()
    nearest_tanimoto: pd.Series | None = None
    merges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pretraining_compounds: tuple[str, ...] | None = None
    pretraining_cells: tuple[str, ...] | None = None

    @property
    def max_tanimoto(self) -> float:
        """Maximum similarity of a test compound to a training compound, or NaN."""
        if self.nearest_tanimoto is None:
            return float("nan")
        return float(self.nearest_tanimoto.max())

    @property
    def violations(self) -> tuple[str, ...]:
        """Descriptions of all violations of the scheme."""
        return tuple(
            f"{check['count']} {check['what']} (e.g. {check['examples']})"
            for check in self.to_frame().to_dict("records")
            if check["count"] and check["forbidden"]
        )

    @property
    def is_clean(self) -> bool:
        """Whether the split does not violate its scheme."""
        return not self.violations

    def to_frame(self) -> pd.DataFrame:
        """Return one row per check.

        Returns
        -------
        DataFrame of shape (n_checks, 4)
            Indexed by the check: `what` is checked, the `count`, whether it is
            `forbidden` by the scheme, and up to five `examples`.
        """
        found: dict[str, tuple[str, Any]] = {
            "rows": ("rows in training and test", self.shared_rows.tolist()),
            "repeats": ("rows repeated within a set", self.repeated_rows.tolist()),
            "repeated test rows": (
                "test rows that occur more than once",
                self.repeated_test_rows.tolist(),
            ),
            "pairs": ("(cell, compound) pairs in both sets", self.shared_pairs),
            "cells": ("cell lines in both sets", self.shared_cells),
            "alike cells": ("cell lines with nearly the same name", self.alike_cells),
            "respelled cells": (
                "cell lines in both sets by another spelling",
                self.respelled_cells,
            ),
            "compounds": ("compounds in both sets", self.shared_compounds),
            "related compounds": (
                "compounds with a tautomer or a mixture in the other set",
                self.related_compounds,
            ),
            "tissues": ("tissues in both sets", self.shared_tissues),
            "merges": ("compounds with several spellings", self.merges.values()),
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
        forbidden = {*FORBIDDEN[self.scheme], *_ALWAYS_FORBIDDEN}
        if "cells" in forbidden:
            forbidden |= {"respelled cells", "pretraining cells"}
        return pd.DataFrame(
            [
                (what, len(items), name in forbidden, list_offenders(_as_text(items)))
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
                examples = f": {check['examples']}" if count else ""
                lines.append(f"{mark} {count} {check['what']}{examples}")
        if self.nearest_tanimoto is not None:
            low, median, high = self.nearest_tanimoto.quantile([0.1, 0.5, 0.9])
            lines.append(
                "  nearest training compound of a test compound, Tanimoto: 10 % "
                f"{low:.2f}, median {median:.2f}, 90 % {high:.2f}, "
                f"max {self.max_tanimoto:.2f}"
            )
        return "\n".join(lines)


def _as_text(items: Iterable[Any]) -> list[str]:
    """Format findings as text: the parts of tuples are separated by a bar."""
    return [
        " | ".join(map(str, item)) if isinstance(item, tuple) else str(item)
        for item in items
    ]
