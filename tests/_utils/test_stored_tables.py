"""What skops cannot write comes back from arrays and text as it was."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_csg2a._utils.stored_tables import (
    StoredTable,
    StoresTables,
    restore_tables,
    store_tables,
)

NUMBERS = np.arange(6.0).reshape(3, 2)
TABLES = {
    "numbers": pd.DataFrame(NUMBERS, index=list("abc"), columns=["G1", "G2"]),
    "float32 without names": pd.DataFrame(NUMBERS.astype(np.float32)),
    "several types": pd.DataFrame(
        {
            "text": ["a", None, "c"],
            "number": [1, 2, 3],
            "class": pd.Categorical(["x", "y", "x"], ordered=True),
            "seen": [True, False, True],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "day": pd.to_datetime(["2024-01-01", "2024-01-02", None]),
        }
    ),
    "objects": pd.DataFrame({"a": pd.Series(["x", 1, None], dtype=object)}),
    "text that ends with NUL": pd.DataFrame(
        {"a": pd.Series(["x\0", "y"], dtype=object)}
    ),
    "equal column names": pd.DataFrame(NUMBERS, columns=["G1", "G1"]),
    "no rows": pd.DataFrame({"a": [], "b": []}),
    "no columns": pd.DataFrame(index=["a", "b"]),
    "levels": pd.DataFrame(
        NUMBERS, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    ),
    "named labels": pd.DataFrame(
        NUMBERS, index=pd.Index([3, 1, 2], name="cell"), columns=pd.Index([0, 5])
    ),
    "column": pd.Series([1.5, 2.5], index=["a", "b"], name="ln_ic50"),
    "labels": pd.Index(["TP53", "EGFR"], name="gene"),
    "range": pd.RangeIndex(2, 10, 3, name="row"),
}


def _through_parts(table):
    make, arguments = StoredTable(table).__reduce__()
    return make(*arguments).value


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_from_its_parts(name):
    table = TABLES[name]
    back = _through_parts(table)
    if isinstance(table, pd.DataFrame):
        pd.testing.assert_frame_equal(back, table, check_exact=True)
    elif isinstance(table, pd.Series):
        pd.testing.assert_series_equal(back, table, check_exact=True)
    else:
        pd.testing.assert_index_equal(back, table, exact=True)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_a_sparse_matrix_comes_back_from_its_parts(form, kind):
    matrix = getattr(sparse, f"{form}_{kind}")(np.diag([1.0, 0.0, 3.0]))
    back = _through_parts(matrix)
    assert type(back) is type(matrix)
    np.testing.assert_array_equal(back.toarray(), matrix.toarray())


class _Holder(StoresTables):
    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.mark.parametrize("through", [pickle.dumps, copy.deepcopy, copy.copy])
def test_pickle_and_copy_keep_one_table_one(through):
    table = TABLES["numbers"]
    both = [_Holder(table=table, in_a_dict={"a": [table]}), _Holder(table=table)]
    copied = pickle.loads(pickle.dumps(both)) if through is pickle.dumps else None
    copied = copied or [through(one) for one in both]
    pd.testing.assert_frame_equal(copied[0].table, table)
    assert copied[0].in_a_dict["a"][0] is copied[0].table
    if through is not copy.deepcopy:
        assert copied[1].table is copied[0].table


def test_values_without_tables_stay_the_same_objects():
    value = {"a": [1, (2, "b")], 3: {"c": None}}
    assert store_tables(value) is value
    assert restore_tables(value) is value
