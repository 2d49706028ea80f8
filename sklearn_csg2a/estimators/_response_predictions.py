"""What a fitted response model predicts: the response and what leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._inspection import InspectableCSG2A
from sklearn_csg2a.nn.threads import steady_threads
from sklearn_csg2a.training.inference import (
    dropout_spread,
    predict_perturbed,
    predict_response,
)

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = ["PredictingResponse"]

_DROPOUT_PASSES = 30


class PredictingResponse(InspectableCSG2A):
    """Predictions of a fitted response network."""

    @steady_threads()
    def predict(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        return_std : bool, default=False
            Whether to return the standard deviation over 30 passes with dropout
            left on (Monte-Carlo dropout; off in a frozen pretrained part). It shows
            where the model is unsure, and is not a calibrated interval.

        Returns
        -------
        y : ndarray of shape (n_treatments,)
            In the units of the y given to fit, ln uM for ln IC50. Does not depend
            on the other rows of X, to the last bit.
        std : ndarray of shape (n_treatments,)
            Only if `return_std` is True. The passes are the same for all rows and
            calls, so it does not depend on the other rows of X either.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if not return_std:
            return self._predict_rows(X, self._predict_treatments, 1)[:, 0]
        values, std = self._predict_rows(X, self._predict_with_std, 2).T
        return values.copy(), std.copy()

    @steady_threads()
    def predict_perturbation(self, X: Any) -> np.ndarray:
        """Predict the perturbed expression on the way to the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        Y : ndarray of shape (n_treatments, n_outputs)
            In the units of the pretraining. Without pretraining it is a hidden
            state of the network, not an expression.
        """
        check_is_fitted(self)
        n_outputs = self.net_.module_.csg2a.n_outputs
        return self._predict_rows(X, self._perturb_treatments, n_outputs)

    def _predict_treatments(self, treatments: Treatments) -> np.ndarray:
        """Predict validated treatments, (rows, 1)."""
        tensors = self._predict_tensors(treatments)
        return self._to_units(predict_response(self.net_.module_, tensors))

    def _predict_with_std(self, treatments: Treatments) -> np.ndarray:
        """Return prediction and standard deviation under dropout, (rows, 2)."""
        tensors = self._predict_tensors(treatments)
        network = self.net_.module_
        values = self._to_units(predict_response(network, tensors))
        spread = dropout_spread(network, tensors, _DROPOUT_PASSES, self._dropout_seed)
        return np.hstack([values, self._scale * spread.cpu().numpy()])

    def _perturb_treatments(self, treatments: Treatments) -> np.ndarray:
        """Return perturbed expression of validated treatments, (rows, outputs)."""
        network = self.net_.module_
        centered = predict_perturbed(network, self._predict_tensors(treatments))
        csg2a = network.csg2a
        return (csg2a.location + csg2a.scale * centered).cpu().numpy().astype(float)
