"""P26: a device without enough memory is named with sizes and what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_csg2a.exceptions import DeviceMemoryError
from sklearn_csg2a.nn import CSG2A
from sklearn_csg2a.nn.blocks import ROWS

OUT_OF_MEMORY = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB left."
)


class SmallDevice(Callback):
    """Have no memory for a batch."""

    def on_batch_begin(self, net, **_):
        raise OUT_OF_MEMORY


def test_P26_a_batch_that_does_not_fit_is_named_with_a_smaller_one(response, screen):
    model = response(
        expression=screen.expression, batch_size=32, callbacks=[SmallDevice()]
    )
    message = r"a batch of 32 of \d+ rows .*allocate 2.00 GiB.* batch_size=16"
    with pytest.raises(DeviceMemoryError, match=message):
        model.fit(screen.light, screen.y)
    assert not hasattr(model, "net_")


@pytest.fixture
def limit(monkeypatch):
    """Let the device hold so many rows of a prediction at once."""
    seen = []

    def set_limit(n_rows):
        whole = CSG2A.perturb

        def perturb(self, cells, conditions, cell_index, condition_index):
            seen.append(len(cell_index))
            if len(cell_index) > n_rows:
                raise OUT_OF_MEMORY
            return whole(self, cells, conditions, cell_index, condition_index)

        monkeypatch.setattr(CSG2A, "perturb", perturb)
        return seen

    return set_limit


def test_P26_a_prediction_is_tried_once_more_by_half(perturbation, screen, limit):
    model = perturbation(expression=screen.expression).fit(screen.light, screen.Y)
    expected = model.predict(screen.light)
    seen = limit(ROWS // 2)
    np.testing.assert_allclose(model.predict(screen.light), expected, rtol=1e-4)
    assert set(seen) == {ROWS, ROWS // 2}
    limit(ROWS // 2 - 1)
    with pytest.raises(DeviceMemoryError, match=f"{ROWS // 2} of .* rows at once"):
        model.predict(screen.light)
