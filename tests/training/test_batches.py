"""Batches of a network that encodes compounds hold few of them, and every row."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_csg2a.nn import CSG2A, Molecules
from sklearn_csg2a.training.data import Batches, TreatmentDataset, TreatmentTensors
from sklearn_csg2a.training.device import seeded_initialisation
from sklearn_csg2a.treatments import Treatments

CPU = torch.device("cpu")


def dataset(compound_of_row, seed=0):
    """Return rows of given compounds at three doses; the target is the row."""
    n_rows = len(compound_of_row)
    n_compounds = int(np.max(compound_of_row)) + 1
    treatments = Treatments(
        row_labels=np.arange(n_rows).astype(object),
        cell_ids=np.arange(1).astype(object),
        cell_index=np.zeros(n_rows, dtype=np.int64),
        basal_expression=np.ones((1, 2), dtype=np.float32),
        genes=("A", "B"),
        genes_named=True,
        smiles=tuple("C" * (i + 1) for i in range(n_compounds)),
        compound_index=np.asarray(compound_of_row, dtype=np.int64),
        has_compounds=True,
        dose=(np.arange(n_rows) % 3).astype(float),
        time=np.ones(n_rows),
    )
    one_node = torch.ones(n_compounds)
    graphs = Molecules(one_node.long(), one_node[:, None], one_node, one_node)
    interactome = (torch.arange(2), torch.arange(2), torch.ones(2))
    with seeded_initialisation(0):
        csg2a = CSG2A(2, 2, 4, interactome)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return TreatmentDataset(
        TreatmentTensors.build(treatments, graphs, csg2a, CPU),
        torch.arange(n_rows),
        torch.arange(n_rows).unsqueeze(1),
        generator,
    )


def read(data, batch_size):
    """Return the rows and the distinct compounds of each batch."""
    compounds = data.tensors.condition_compound[data.tensors.condition_index]
    rows, chosen = [], []
    for batch, target in Batches(data, batch_size):
        rows.append(target[:, 0].tolist())
        chosen.append(batch.compound.chosen.tolist())
        assert sorted(chosen[-1]) == sorted(set(compounds[rows[-1]].tolist()))
        index = batch.compound.chosen[batch.compound.position[batch.condition_index]]
        assert index.tolist() == compounds[rows[-1]].tolist()
    return rows, chosen


counts = st.lists(st.integers(1, 40), min_size=1, max_size=12)


@given(counts, st.integers(2, 70), st.sampled_from([0, 1, None]))
def test_every_row_comes_once_and_compounds_come_together(counts, size, seed):
    compound_of_row = np.repeat(np.arange(len(counts)), counts)
    compound_of_row = np.random.default_rng(0).permutation(compound_of_row)
    rows, chosen = read(dataset(compound_of_row, seed), size)
    assert sorted(chain.from_iterable(rows)) == list(range(sum(counts)))
    assert all(len(batch) > 1 for batch in rows) or sum(counts) == 1
    n_portions = (
        sum(max(1, n // 8) for n in counts) if seed is not None else len(counts)
    )
    # a batch may cut a portion: both halves are encoded then
    assert sum(map(len, chosen)) <= n_portions + len(rows)
    if min(counts) >= 8:
        assert max(map(len, chosen)) <= (size + 1) // 8 + 2


def test_batches_follow_from_the_seed_and_change_from_epoch_to_epoch():
    compound_of_row = np.arange(200) % 5
    first, again, other = (dataset(compound_of_row, seed) for seed in (3, 3, 4))
    epochs = [read(first, 32)[0] for _ in range(2)]
    assert epochs == [read(again, 32)[0] for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert epochs[0] != read(other, 32)[0]


def test_rows_of_a_compound_meet_other_rows_in_every_epoch():
    data = dataset(np.arange(160) % 4)
    beside_row_0 = [
        {row for row in batch if row % 4 == 0}
        for _ in range(20)
        for batch in read(data, 16)[0]
        if 0 in batch
    ]
    assert len(set().union(*beside_row_0)) == 40


@pytest.mark.parametrize("n_rows", [33, 65])
def test_a_last_batch_of_one_row_is_merged(n_rows):
    rows, _ = read(dataset(np.arange(n_rows) % 3), 32)
    assert [len(batch) for batch in rows][-1] == 33
