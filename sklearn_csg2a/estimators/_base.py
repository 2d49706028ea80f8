"""Shared parts of both estimators: reading X, training, prediction."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.choices import (
    AttentionForm,
    MissingGenes,
    OnInvalidSmiles,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import (
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_csg2a.encoders._resolve import encode_compounds, fit_alone, resolve_encoder
from sklearn_csg2a.estimators._inspection import (
    attention_maps,
    top_interactions,
)
from sklearn_csg2a.estimators._members import fit_members
from sklearn_csg2a.estimators._prediction import average, predict_by_member
from sklearn_csg2a.estimators._preparation import (
    RowsOfFit,
    SharedEncodings,
    build_tensors,
    chosen,
    prepare,
)
from sklearn_csg2a.estimators._trained_encoder import (
    keep_trained,
    network_to_train,
    read_molecules,
)
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.nn import csg2a_part, set_dropout_generator
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.checkpoint import check_resumable
from sklearn_csg2a.training.device import (
    seeded_initialisation,
    use_one_thread_after_fork,
)
from sklearn_csg2a.training.loop import history_table, train_network
from sklearn_csg2a.training.parameters import TRAINING_CONSTRAINTS
from sklearn_csg2a.training.state import NetworkState
from sklearn_csg2a.treatments._grid import predict_grid
from sklearn_csg2a.treatments._read import TreatmentRegressor, require_two_rows

if TYPE_CHECKING:
    from typing import Self

    from torch import nn

    from sklearn_csg2a.estimators._preparation import Preparation
    from sklearn_csg2a.estimators._readouts import Method
    from sklearn_csg2a.nn import MAT, Molecules
    from sklearn_csg2a.training.data import TreatmentTensors
    from sklearn_csg2a.training.net import BestWeights, TrainingNet
    from sklearn_csg2a.treatments import Treatments

__all__ = ["BaseCSG2A"]


class BaseCSG2A(NetworkState, TreatmentRegressor):
    """Fit and predict with a CSG2A network; see the two public estimators."""

    encoder_: Any
    _encoder_is_trained = False  # whether a fit changed the weights of `encoder_`

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TRAINING_CONSTRAINTS,
        "expression": [pd.DataFrame, None],
        "interactome": "no_validation",
        "compound_encoder": "no_validation",
        "train_encoder": ["boolean"],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "attention": [StrOptions(options(AttentionForm))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "gene_dropout": [Interval(Real, 0, 1, closed="left")],
        "missing_genes": [StrOptions(options(MissingGenes))],
        "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
        "default_dose": [Interval(Real, 0, None, closed="left")],
        "default_time": [Interval(Real, 0, None, closed="left")],
        "columns": [dict, None],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(Real, 0, 1, closed="right")],
        "compile": ["boolean"],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_treatments,) or (n_treatments, n_outputs)
            What to predict, in the row order of X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        InputError
            If X or y cannot be used; the message names row, column and value.
        DivergedError
            If the training loss stops being finite.
        CheckpointError
            If `checkpoint` belongs to another fit.
        """
        if self.checkpoint is not None:
            check_resumable(self.random_state)
        use_one_thread_after_fork()
        with steady_threads():
            return self._fit_a_copy(X, y)

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Read X and y, then train a new network or the fitted one."""
        treatments = self._read_for_fit(X)
        response = self._read_target(X, y, treatments)
        require_two_rows(treatments)
        rows = RowsOfFit(X, y, treatments, response)
        self._check_continues()
        if self.n_members > 1:
            fit_members(self, rows)
            return
        self.__dict__.pop("members_", None)
        preparation = prepare(self, rows)
        self._keep(preparation, *train_network(*preparation.training))

    def _read_for_fit(self, X: Any) -> Treatments:
        """Read X; a fit that continues needs the genes of the first one."""
        try:
            treatments = super()._read_for_fit(X)
        except GeneMismatchError as error:
            if not self._continues:
                raise
            msg = f"warm_start=True needs the genes of the first fit. {error}"
            raise GeneMismatchError(msg) from error
        self._fitted_ranges = treatments.ranges
        return treatments

    def _amount_defaults(self) -> dict[str, float]:
        """Return dose and time for an X without them."""
        return {"default_dose": self.default_dose, "default_time": self.default_time}

    @property
    def _continues(self) -> bool:
        """Whether `fit` continues from fitted weights."""
        return self.warm_start and hasattr(self, "net_")

    def _check_continues(self) -> None:
        """Refuse to continue the fit of another number of networks."""
        n_first = len(getattr(self, "members_", [self]))
        if self._continues and n_first != self.n_members:
            msg = (
                "warm_start=True needs the number of networks of the first fit, "
                f"{n_first}; now n_members={self.n_members}."
            )
            raise InputError(msg)

    def _genes_to_read(self, *, plain: bool) -> tuple[str, ...] | None:
        """Return the genes that X must have in `fit`; None: any."""
        return tuple(self.genes_) if self._continues and not plain else None

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X for the fitted model."""
        use_one_thread_after_fork()
        return super()._read_for_predict(X)

    def _known_part_of(self, treatments: Treatments) -> np.ndarray:
        """Return what is added to the predictions of the network, (rows,)."""
        return np.zeros(treatments.n_rows)

    @abstractmethod
    def _read_target(self, X: Any, y: Any, treatments: Treatments) -> np.ndarray:
        """Return the response as float64 (rows, outputs)."""

    @abstractmethod
    def _build_network(
        self, treatments: Treatments, compound_dim: int, n_outputs: int
    ) -> nn.Module:
        """Return the untrained network, on the CPU."""

    def _fit_scaler(self, treatments: Treatments, train_rows: np.ndarray) -> Treatments:
        """Return the treatments with the expression that the network takes."""
        del train_rows
        return treatments

    def _read_compounds(
        self,
        treatments: Treatments,
        train_rows: np.ndarray,
        device: torch.device,
        encodings: SharedEncodings,
    ) -> tuple[np.ndarray | Molecules, int, MAT | None]:
        """Set the encoder; return its output or graphs, their width, a trained part."""
        continues = self._continues and self._encoder_is_trained
        if not (continues and treatments.has_compounds):
            self.encoder_ = encodings.fit_encoder(self, treatments, train_rows)
        self._encoder_is_trained = continues or self.train_encoder
        if not self.train_encoder:
            encoded = encodings.encode(self, treatments)
            return encoded, encoded.shape[1], None
        mat = network_to_train(self.encoder_)
        molecules = read_molecules(self.encoder_, treatments.smiles, device)
        return molecules, mat.d_model, mat

    def _fit_encoder(self, treatments: Treatments, train_rows: np.ndarray) -> Any:
        """Return the encoder, fitted on the training rows; None without compounds."""
        if not treatments.has_compounds:
            return None
        encoder = resolve_encoder(chosen(self, "compound_encoder"))
        return fit_alone(encoder, list(treatments.take(train_rows).smiles))

    def _encode(self, treatments: Treatments) -> np.ndarray:
        """Return the encodings of the compounds; without any, a single empty one."""
        if not treatments.has_compounds:
            return np.zeros((1, 0), dtype=np.float32)
        return encode_compounds(self.encoder_, list(treatments.smiles))

    def _start_network(
        self,
        treatments: Treatments,
        compound_dim: int,
        response: np.ndarray,
        seeds: dict[str, int],
    ) -> nn.Module:
        """Return a new network, or a copy of the fitted one under warm_start."""
        if self._continues:
            if tuple(self.genes_) != tuple(treatments.genes):
                msg = "warm_start=True needs the genes of the first fit; they differ."
                raise InputError(msg)
            network = copy.deepcopy(self.net_.module_)
            first = len(self._location), csg2a_part(network).condition.compound_dim
            now = response.shape[1], compound_dim
            if first != now:
                msg = (
                    "warm_start=True needs the outputs and the compound encoding of "
                    f"the first fit: {first[0]} outputs and {first[1]} numbers per "
                    f"compound; now {now[0]} and {now[1]}."
                )
                raise InputError(msg)
            return network
        with seeded_initialisation(seeds["network"]):
            return self._build_network(treatments, compound_dim, response.shape[1])

    def _keep(
        self, preparation: Preparation, net: TrainingNet, best: BestWeights
    ) -> None:
        """Set the fitted attributes."""
        set_dropout_generator(net.module_, None)
        if preparation.mat is not None:
            self.encoder_ = keep_trained(self.encoder_, preparation.mat, net)
        treatments, scale = preparation.treatments, preparation.scale
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        self._genes_named = treatments.genes_named
        self._location, self._scale = preparation.location, scale
        self._dropout_seed = preparation.dropout_seed
        self.net_ = net
        self.device_ = str(net.device)
        self.interrupted_ = net.was_interrupted
        self.n_iter_ = len(net.history)
        self.best_epoch_ = best.best_epoch
        self.history_ = history_table(net, float(scale.flat[0]) ** 2)

    def _predict_tensors(
        self, treatments: Treatments, encodings: SharedEncodings | None = None
    ) -> TreatmentTensors:
        """Return the tensors of new treatments."""
        device = torch.device(self.device_)
        encoded = (encodings or SharedEncodings()).encode(self, treatments)
        return build_tensors(treatments, encoded, self.net_.module_, device)

    @steady_threads()
    def predict_members(self, X: Any) -> np.ndarray:
        """Predict by each network alone.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        y : ndarray of shape (n_treatments, n_members) or \
                (n_treatments, n_outputs, n_members)
            In the units of the y given to fit. `predict` returns their mean.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        check_is_fitted(self)
        shape = len(self._location), len(getattr(self, "members_", [self]))

        def predict(treatments: Treatments) -> np.ndarray:
            values = predict_by_member(self, treatments)
            return np.stack(values, axis=-1).reshape(treatments.n_rows, -1)

        values = self._predict_rows(X, predict, shape[0] * shape[1])
        values = values.reshape(-1, *shape)
        return values[:, 0] if self._has_one_column else values

    @property
    def _has_one_column(self) -> bool:
        """Whether predictions are (rows,) in place of (rows, outputs)."""
        return True

    @abstractmethod
    def _predict_network(self, tensors: TreatmentTensors) -> np.ndarray:
        """Predict by the network of this model alone, (rows, outputs)."""

    def _predict_treatments(self, treatments: Treatments) -> np.ndarray:
        """Predict validated treatments, (rows, outputs)."""
        return average(predict_by_member(self, treatments))

    def _scale_expression(self, treatments: Treatments) -> Treatments:
        """Return the treatments with the expression that the network takes."""
        return treatments

    def attention_maps(
        self, X: Any, aggregate: Literal["mean"] | None = "mean", by: str | None = None
    ) -> Any:
        """Build the gene-gene attention of treatments.

        ``A = Q Q^T / sqrt(h) + A_PPI`` (paper, Appendix A.1), in the scale that
        the network applies it. `fit` and `predict` never build this matrix; pass few
        rows if `aggregate` is None.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        aggregate : {"mean", None}, default="mean"
            Average over treatments, or one matrix per treatment.
        by : str, default=None
            Column of X; with ``aggregate="mean"`` one average per value of it.

        Returns
        -------
        attention : DataFrame, dict of DataFrame, or ndarray
            A (n_genes, n_genes) table labelled by gene; with `by` a dict from
            value to table; with ``aggregate=None`` an array of shape
            (n_treatments, n_genes, n_genes).

        Raises
        ------
        InputError
            If the model has no attention, or `by` is not a column of X or has no
            value in some row.
        """
        return attention_maps(self, X, aggregate, by)

    def top_interactions(
        self,
        X: Any,
        k: int = 1000,
        by: str | None = "smiles",
        method: Method | None = None,
    ) -> pd.DataFrame:
        """Rank gene pairs by the influence of one gene on the other.

        Maps are averaged over the treatments of each group and ranked by the absolute
        value, each pair once, without the diagonal.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        k : int, default=1000
            Number of pairs per group, or all if there are fewer.
        by : str, default="smiles"
            Column of X that groups the treatments, renamed as `columns` says; None,
            or plain X without compounds, makes one group.
        method : {"covariation", "jacobian", "integrated_gradients", "attention", \
                "learned_attention"}, default=None
            See :func:`sklearn_csg2a.inspection.top_interactions`, which does the same.

        Returns
        -------
        interactions : DataFrame
            Columns: `by` (if given), gene_i, gene_j, score, learned (only "attention":
            without the interactome) and in_interactome. gene_i acts on gene_j.

        Raises
        ------
        InputError
            If the model does not have the readout, `k` is not a positive number, or
            `by` is not a column of X or lacks a value.
        """
        return top_interactions(self, X, k, by, method)

    def predict_grid(self, cells: Any = None, smiles: Any = None) -> pd.DataFrame:
        """Predict every cell with every compound.

        Parameters
        ----------
        cells : sequence of str, or DataFrame of shape (n_cells, n_genes), default=None
            Ids in `expression`, or basal expression itself (index: ids). None: all
            cells of `expression`.
        smiles : sequence of str, dict, Series or DataFrame, default=None
            Compounds, with or without names. None: those of the training rows.

        Returns
        -------
        grid : DataFrame
            As `sklearn_csg2a.patients.predict_grid` returns it.

        Raises
        ------
        InputError
            If a cell or compound is unknown, or a string is given for a list.
        """
        return predict_grid(self, cells, smiles)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network of the first member, which the member has."""
        state = super().__getstate__()
        if "members_" in state:
            state = {k: value for k, value in state.items() if k != "_network"}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the network of the first member."""
        super().__setstate__(state)
        if "members_" in state:
            self.net_ = self.members_[0].net_

    def _to_units(self, centered: torch.Tensor) -> np.ndarray:
        """Return float64 predictions in the units of y."""
        return self._location + self._scale * centered.cpu().numpy().astype(np.float64)
