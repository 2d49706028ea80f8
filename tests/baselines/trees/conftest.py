"""Cell lines of the tests of trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

N_CELLS = 30


@pytest.fixture
def expression():
    rng = np.random.default_rng(0)
    cells = [f"c{i}" for i in range(N_CELLS)]
    genes = [f"g{i}" for i in range(6)]
    return pd.DataFrame(rng.normal(size=(N_CELLS, 6)), cells, genes, dtype=np.float32)
