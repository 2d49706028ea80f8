"""The BLAS libraries that are found are all there are."""

from __future__ import annotations

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

from sklearn_csg2a._utils.blas import _BlasLibraries


def test_every_blas_library_is_found():
    assert linalg.norm(np.ones((4, 4))) == 4  # both are loaded
    found, expected = (
        {one.filepath for one in controller.lib_controllers if one.user_api == "blas"}
        for controller in (_BlasLibraries(), ThreadpoolController())
    )
    assert found == expected
    assert found
