"""The parts of the paper's figures and tables, each as rows of one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.models.paper import KINDS
from benchmarks.studies.paper.maps import (
    READOUTS,
    mechanisms,
    mechanisms_of,
    other_similarities,
    zero_shot,
)
from benchmarks.studies.paper.pathways import (
    attention_pathways,
    calibration,
    expression_pathways,
)
from benchmarks.studies.paper.responses import patients, stored
from benchmarks.studies.paper.setting import Row, Setting

__all__ = ["PARTS", "Setting", "stored"]

PARTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "zero_shot": zero_shot,
    "other_similarities": other_similarities,
    **{
        f"mechanisms_{method}{'_contrast' if contrast else ''}": partial(
            mechanisms, method=method, contrast=contrast
        )
        for method, contrast in READOUTS
    },
    **{
        f"mechanisms_of_{kind.replace(' ', '_')}": partial(mechanisms_of, kind=kind)
        for kind in KINDS
    },
    "attention_pathways": attention_pathways,
    "expression_pathways": expression_pathways,
    "calibration": calibration,
    "patients": patients,
}
