"""What the random forest and gradient boosting share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.trees._columns import list_factors
from sklearn_csg2a.encoders._pair_layout import PairLayout

if TYPE_CHECKING:
    import numpy as np

    from sklearn_csg2a.baselines.trees._columns import Factor
    from sklearn_csg2a.baselines.trees._trees import Trees
    from sklearn_csg2a.treatments import Treatments

__all__ = ["TreeResponse"]


class TreeResponse(FeatureRegressor):
    """Trees on the features of unique cell lines, compounds, doses and times."""

    random_state: Any
    trees_: Any

    @abstractmethod
    def _grow(self, factors: list[Factor], response: np.ndarray, seed: int) -> Trees:
        """Return trees fitted to the response, (n_rows,)."""

    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        (seed,) = draw_seeds(self.random_state, 1)
        encodings = self._fit_encoder(treatments)
        self._layout = PairLayout(treatments, encodings)
        factors = list_factors(self._layout, treatments, encodings)
        self.trees_ = self._grow(factors, response, seed)

    def _predict(self, treatments: Treatments) -> np.ndarray:
        encodings = self._encode(treatments)
        return self.trees_.predict(list_factors(self._layout, treatments, encodings))
