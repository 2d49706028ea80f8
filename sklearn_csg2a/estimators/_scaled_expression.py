"""Expression scaled by a transformer that is fitted to the training cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from sklearn_csg2a.estimators._base import BaseCSG2A

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = ["ScalesExpression"]


class ScalesExpression(BaseCSG2A):
    """A model whose network takes scaled expression."""

    expression_scaler: Any

    def _fit_scaler(self, treatments: Treatments, train_rows: np.ndarray) -> Treatments:
        """Fit the expression scaler to the unique training cells; apply it to all."""
        self.scaler_ = None
        if self.expression_scaler is not None:
            cells = treatments.take(train_rows).basal_expression
            self.scaler_ = clone(self.expression_scaler).fit(cells)
        return self._scale_expression(treatments)

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X and apply the fitted scaler; members apply their own."""
        treatments = super()._read_for_predict(X)
        has_members = hasattr(self, "members_")
        return treatments if has_members else self._scale_expression(treatments)

    def _scale_expression(self, treatments: Treatments) -> Treatments:
        """Apply the fitted scaler, if there is one, to all cells."""
        if self.scaler_ is None:
            return treatments
        scaled = np.asarray(self.scaler_.transform(treatments.basal_expression))
        scaled = scaled.astype(np.float32)
        return replace(treatments, basal_expression=scaled, table_rows=None)
