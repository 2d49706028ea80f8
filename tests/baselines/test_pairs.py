"""In which order the deep baselines take the rows of an epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_csg2a.baselines import PathDNN
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.training.data import block_order


def _screen(n_cells, n_compounds, n_rows, seed):
    """Return the cells and compounds of distinct pairs, in random order."""
    shuffle = torch.Generator().manual_seed(seed)
    pairs = torch.randperm(n_cells * n_compounds, generator=shuffle)[:n_rows]
    return pairs // n_compounds, pairs % n_compounds


@settings(deadline=None)
@given(
    n_cells=st.integers(1, 30),
    n_compounds=st.integers(1, 30),
    share=st.floats(0.01, 1),
    rows_of_block=st.integers(1, 200),
    shuffled=st.booleans(),
)
def test_blocks_hold_every_row_once(
    n_cells, n_compounds, share, rows_of_block, shuffled
):
    n_rows = max(1, round(share * n_cells * n_compounds))
    cells, compounds = _screen(n_cells, n_compounds, n_rows, 0)
    generator = torch.Generator().manual_seed(0) if shuffled else None
    order = block_order(cells, compounds, rows_of_block, generator)
    assert torch.equal(order.sort().values, torch.arange(n_rows))


def test_a_batch_of_blocks_holds_few_cells_and_compounds():
    cells, compounds = _screen(400, 300, 48_000, 0)
    order = block_order(cells, compounds, 1000, torch.Generator().manual_seed(0))
    batches = order.split(1000)
    assert np.mean([len(cells[rows].unique()) for rows in batches]) < 130
    assert np.mean([len(compounds[rows].unique()) for rows in batches]) < 130
    one_by_one = torch.randperm(48_000, generator=torch.Generator())[:1000]
    assert len(cells[one_by_one].unique()) > 350


def test_which_rows_meet_in_a_block_changes_from_epoch_to_epoch():
    cells, compounds = _screen(100, 100, 6_000, 0)
    generator = torch.Generator().manual_seed(0)
    epochs = [block_order(cells, compounds, 200, generator)[:200] for _ in range(2)]
    both = np.intersect1d(*epochs)
    assert len(both) < 50


@pytest.mark.slow
def test_blocks_learn_a_screen_as_rows_do():
    screen = make_screen(n_cells=20, n_compounds=20, n_genes=24, random_state=0)
    X, y = screen.X, screen.y

    def fit(batching):
        model = PathDNN(
            expression=screen.expression,
            batching=batching,
            max_epochs=20,
            batch_size=40,
            learning_rate=1e-2,
            random_state=0,
        )
        return model.fit(X, y)

    by_rows, by_blocks, again = fit("rows"), fit("blocks"), fit("blocks")
    for model in (by_rows, by_blocks):
        assert np.corrcoef(model.predict(X), y)[0, 1] > 0.8
    assert np.array_equal(by_blocks.predict(X), again.predict(X))
    assert not np.array_equal(by_blocks.predict(X), by_rows.predict(X))
