"""Training, validation and test keep the same things apart as the folds do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import train_valid_test_split

CHAINS = tuple("C" * length for length in range(1, 21))
SCHEMES = {
    "mixed": ["pair"],
    "cell": ["cell"],
    "drug": ["drug"],
    "disjoint": ["cell", "drug"],
}


@pytest.fixture(scope="module")
def screen():
    """20 cells x 20 compounds, three spellings of each: 1200 rows."""
    return pd.DataFrame(
        [
            {"cell_line": f"cell {cell}", "smiles": text}
            for chain in CHAINS
            for cell in range(20)
            for text in (f"{chain}N", f"N{chain}", f"{chain}N.Cl")
        ]
    )


def _keys(X):
    cells, drugs = X["cell_line"].tolist(), compound_identities(X["smiles"]).tolist()
    pairs = list(zip(cells, drugs, strict=True))
    return {"cell": cells, "drug": drugs, "pair": pairs}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_parts_share_nothing_that_the_scheme_forbids(scheme, screen):
    parts = train_valid_test_split(screen, scheme, random_state=0)
    for key in SCHEMES[scheme]:
        values = _keys(screen)[key]
        held = [{values[row] for row in part} for part in parts]
        assert not held[0] & held[1]
        assert not held[0] & held[2]
        assert not held[1] & held[2]


@pytest.mark.parametrize(
    ("scheme", "n_rows"),
    [
        ("mixed", (960, 120, 120)),
        ("cell", (960, 120, 120)),
        ("drug", (960, 120, 120)),
        ("disjoint", (768, 12, 12)),
    ],
)
def test_parts_have_the_sizes_asked_for(scheme, n_rows, screen):
    parts = train_valid_test_split(screen, scheme, random_state=0)
    assert tuple(map(len, parts)) == n_rows


@pytest.mark.parametrize("scheme", SCHEMES)
def test_parts_do_not_depend_on_row_order(scheme, screen):
    order = np.random.default_rng(0).permutation(len(screen))
    parts = train_valid_test_split(screen, scheme, random_state=0)
    moved = train_valid_test_split(screen.iloc[order], scheme, random_state=0)
    for part, other in zip(parts, moved, strict=True):
        np.testing.assert_array_equal(part, np.sort(order[other]))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_groups_replace_the_columns(scheme, screen):
    columns = {"cell": "cell_line", "drug": "smiles"}
    groups = screen[columns.get(scheme, ["cell_line", "smiles"])].to_numpy()
    parts = train_valid_test_split(screen, scheme, random_state=0)
    others = train_valid_test_split(
        np.zeros((len(screen), 1)), scheme, random_state=0, groups=groups
    )
    for part, other in zip(parts, others, strict=True):
        np.testing.assert_array_equal(part, other)


def test_smallest_screen_gives_every_part_one_cell():
    X = pd.DataFrame({"cell_line": ["a", "b", "c"]})
    parts = train_valid_test_split(X, "cell", random_state=0)
    assert [len(part) for part in parts] == [1, 1, 1]


@pytest.mark.parametrize(
    "sizes", [(0.8, 0.2), (0.8, 0.1, 0.2), (0.9, 0.1, 0.0), "big", 1, (0.5, None, 0.5)]
)
def test_bad_sizes_are_refused(sizes, screen):
    with pytest.raises(InputError, match="three positive numbers with sum 1"):
        train_valid_test_split(screen, sizes=sizes)


def test_groups_of_another_length_are_refused(screen):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        train_valid_test_split(screen, "cell", groups=["a", "b", "c"])


def test_unknown_scheme_is_refused(screen):
    with pytest.raises(InputError, match="scheme must be one of"):
        train_valid_test_split(screen, "random")


def test_too_few_groups_and_empty_parts_are_refused():
    X = pd.DataFrame({"cell_line": list("abc"), "smiles": ["CCO", "CCN", "CCC"]})
    with pytest.raises(InputError, match="Three parts need at least 3 compounds"):
        train_valid_test_split(X.iloc[:2], "drug")
    with pytest.raises(InputError, match="set of the disjoint scheme is empty"):
        train_valid_test_split(X, "disjoint", random_state=1)
