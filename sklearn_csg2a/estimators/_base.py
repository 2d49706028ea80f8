"""What both estimators share: reading X, validation rows, training, state."""

from __future__ import annotations

import os
from abc import abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_csg2a._batches import TreatmentDataset, TreatmentTensors
from sklearn_csg2a._checkpoint import Checkpoint, digest
from sklearn_csg2a._device import resolve_device, use_one_thread_after_fork
from sklearn_csg2a._random import draw_seeds, seeded_initialisation
from sklearn_csg2a._training import TrainingSettings, train_network
from sklearn_csg2a._validation import validate_plain
from sklearn_csg2a._version import __version__
from sklearn_csg2a.chem import encode_compounds, resolve_encoder
from sklearn_csg2a.estimators._state import NetworkState
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import csg2a_part, set_dropout_generator
from sklearn_csg2a.treatments import is_plain, read_treatments

if TYPE_CHECKING:
    from torch import nn

    from sklearn_csg2a._training import BestWeights, TrainingNet
    from sklearn_csg2a.treatments import Treatments

__all__ = ["BaseCSG2A"]

_SEEDS = ("network", "batches", "dropout", "validation")


class BaseCSG2A(NetworkState, RegressorMixin, BaseEstimator):
    """Fit and predict with a CSG2A network; see the two public estimators."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "expression": [pd.DataFrame, None],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "attention": [StrOptions({"paper", "released", "off"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 2, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation": [
            Interval(Real, 0, 1, closed="neither"),
            HasMethods(["split", "get_n_splits"]),
        ],
        "missing_genes": [StrOptions({"error", "zero"})],
        "on_invalid_smiles": [StrOptions({"raise", "nan"})],
        "default_dose": [Interval(Real, 0, None, closed="left")],
        "default_time": [Interval(Real, 0, None, closed="left")],
        "columns": [dict, None],
        "device": [str, torch.device],
        "precision": [StrOptions({"float32", "bf16"})],
        "warm_start": ["boolean"],
        "callbacks": [list, None],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> BaseCSG2A:
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
        treatments = self._read_for_fit(X)
        response = self._read_target(y, treatments)
        if treatments.n_rows < 2:
            msg = "Found n_samples=1; training needs at least 2 treatments."
            raise InputError(msg)
        seeds = dict(zip(_SEEDS, draw_seeds(self.random_state, 4), strict=True))
        train_rows, valid_rows = self._split(X, y, treatments.n_rows, seeds)
        location, scale = _center_and_spread(response[train_rows])
        device = resolve_device(self.device)
        encodings = self._fit_encoder(treatments)
        network = self._start_network(treatments, encodings, response, seeds)
        generators = _generators(seeds, device)
        set_dropout_generator(network, generators["dropout"])
        network.to(device)
        tensors = self._tensors(treatments, encodings, network, device)
        target = (response - location) / np.where(scale == 0, 1.0, scale)
        train = self._dataset(tensors, train_rows, target, generators["batches"])
        valid = (
            None
            if valid_rows is None
            else self._dataset(tensors, valid_rows, target, None)
        )
        checkpoint = self._open_checkpoint(treatments, response, seeds, generators)
        settings = TrainingSettings(
            max_epochs=self.max_epochs,
            batch_size=self._batch_size(len(train_rows)),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=self.patience,
            device=device,
            precision=self.precision,
            verbose=int(self.verbose),
            callbacks=list(self.callbacks or []),
            checkpoint=checkpoint,
        )
        net, best = train_network(network, train, valid, settings)
        set_dropout_generator(network, None)
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        self._remember(treatments, location, scale, net, best, seeds)
        return self

    def _read_for_fit(self, X: Any) -> Treatments:
        """Read X and set what scikit-learn records of it."""
        use_one_thread_after_fork()
        plain = is_plain(X, self.columns, self.expression)
        if plain:
            validate_plain(self, X, reset=True)
        treatments = read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            genes=self._genes_to_read(plain=plain),
            missing_genes=self.missing_genes,
            default_dose=self.default_dose,
            default_time=self.default_time,
            estimator_name=type(self).__name__,
        )
        if not plain:
            validate_data(self, X, reset=True, skip_check_array=True)
        return treatments

    def _genes_to_read(self, *, plain: bool) -> tuple[str, ...] | None:
        """Return the genes that fit must find; None takes those that are there."""
        del plain
        return None

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X as the fitted model knows it."""
        check_is_fitted(self)
        use_one_thread_after_fork()
        if not self._has_compounds and is_plain(X, self.columns, None):
            validate_plain(self, X, reset=False)
        return read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            genes=tuple(self.genes_),
            missing_genes=self.missing_genes,
            on_invalid_smiles=self.on_invalid_smiles,
            default_dose=self.default_dose,
            default_time=self.default_time,
            has_compounds=self._has_compounds,
            estimator_name=type(self).__name__,
        )

    @abstractmethod
    def _read_target(self, y: Any, treatments: Treatments) -> np.ndarray:
        """Return the response as float64 (rows, outputs)."""

    @abstractmethod
    def _build_network(
        self, treatments: Treatments, compound_dim: int, n_outputs: int
    ) -> nn.Module:
        """Return the untrained network, on the CPU."""

    def _split(
        self, X: Any, y: Any, n_rows: int, seeds: dict[str, int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return training and validation rows; None where nothing is held out."""
        if not self.early_stopping:
            return np.arange(n_rows), None
        if not isinstance(self.validation, Real):
            train, valid = map(np.asarray, next(iter(self.validation.split(X, y))))
            if len(train) < 2 or len(valid) < 1:
                msg = (
                    f"validation={self.validation!r} gives {len(train)} training and "
                    f"{len(valid)} validation rows of {n_rows}; training needs at "
                    "least 2 and validation 1. Use fewer folds, more rows or a "
                    "fraction."
                )
                raise InputError(msg)
            return train, valid
        n_valid = round(float(self.validation) * n_rows)
        if n_valid < 1 or n_rows - n_valid < 2:
            return np.arange(n_rows), None
        order = np.random.RandomState(seeds["validation"]).permutation(n_rows)
        return np.sort(order[n_valid:]), np.sort(order[:n_valid])

    def _batch_size(self, n_train: int) -> int:
        """Resolve "auto": about 100 steps an epoch, between 32 and 512 rows."""
        if self.batch_size == "auto":
            return int(np.clip(2 ** round(np.log2(max(n_train / 100, 1))), 32, 512))
        return int(self.batch_size)

    def _fit_encoder(self, treatments: Treatments) -> np.ndarray:
        """Fit the compound encoder and return its encodings (compounds, dim)."""
        self._has_compounds = treatments.has_compounds
        if not treatments.has_compounds:
            self.encoder_ = None
            return np.zeros((1, 0), dtype=np.float32)
        encoder = resolve_encoder(self.compound_encoder)
        self.encoder_ = encoder.fit(list(treatments.smiles))
        return self._encode(treatments)

    def _encode(self, treatments: Treatments) -> np.ndarray:
        """Return one encoding per compound, a single empty one without any."""
        if not treatments.has_compounds:
            return np.zeros((1, 0), dtype=np.float32)
        return encode_compounds(self.encoder_, list(treatments.smiles))

    def _start_network(
        self,
        treatments: Treatments,
        encodings: np.ndarray,
        response: np.ndarray,
        seeds: dict[str, int],
    ) -> nn.Module:
        """Return a new network, or the fitted one under warm_start."""
        if self.warm_start and hasattr(self, "net_"):
            if tuple(self.genes_) != tuple(treatments.genes):
                msg = "warm_start=True needs the genes of the first fit; they differ."
                raise InputError(msg)
            network = self.net_.module_
            condition = csg2a_part(network).condition
            first = len(self._location), condition.compound_dim
            now = response.shape[1], encodings.shape[1]
            if first != now:
                msg = (
                    "warm_start=True needs the outputs and the compound encoding of "
                    f"the first fit: {first[0]} outputs and {first[1]} numbers per "
                    f"compound; now {now[0]} and {now[1]}."
                )
                raise InputError(msg)
            return network
        with seeded_initialisation(seeds["network"]):
            return self._build_network(
                treatments, encodings.shape[1], response.shape[1]
            )

    def _tensors(
        self,
        treatments: Treatments,
        encodings: np.ndarray,
        network: nn.Module,
        device: torch.device,
    ) -> TreatmentTensors:
        """Move the treatments to the device, by unique cell and condition."""
        return TreatmentTensors.build(
            treatments, encodings, csg2a_part(network), device
        )

    @staticmethod
    def _dataset(
        tensors: TreatmentTensors,
        rows: np.ndarray,
        target: np.ndarray,
        generator: torch.Generator | None,
    ) -> TreatmentDataset:
        """Return a data set of some rows."""
        device = tensors.basal.device
        return TreatmentDataset(
            tensors,
            torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(device),
            torch.from_numpy(target[rows].astype(np.float32)).to(device),
            generator,
        )

    def _open_checkpoint(
        self,
        treatments: Treatments,
        response: np.ndarray,
        seeds: dict[str, int],
        generators: dict[str, torch.Generator],
    ) -> Checkpoint | None:
        """Return the checkpoint of this fit, if one is asked for."""
        if self.checkpoint is None:
            return None
        left_out = {"expression", "interactome", "checkpoint", "verbose", "callbacks"}
        parameters = {
            f"parameter {name}": repr(value)
            for name, value in self.get_params(deep=False).items()
            if name not in left_out
        }
        fingerprint = {
            "estimator": type(self).__name__,
            "version": __version__,
            "torch": torch.__version__,
            "genes": digest(np.asarray(treatments.genes, dtype=str)),
            "compounds": digest(np.asarray(treatments.smiles, dtype=str)),
            "treatments": digest(
                treatments.basal_expression,
                treatments.cell_index,
                treatments.compound_index,
                treatments.dose,
                treatments.time,
            ),
            "y": digest(response),
            "seeds": str(sorted(seeds.items())),
            **parameters,
        }
        return Checkpoint(self.checkpoint, fingerprint, generators)

    def _remember(
        self,
        treatments: Treatments,
        location: np.ndarray,
        scale: np.ndarray,
        net: TrainingNet,
        best: BestWeights,
        seeds: dict[str, int],
    ) -> None:
        """Set the fitted attributes."""
        self._genes_named = treatments.genes_named
        self._location, self._scale = location, scale
        self._dropout_seed = seeds["dropout"]
        self.net_ = net
        self.device_ = str(net.device)
        self.interrupted_ = net.was_interrupted
        self.n_iter_ = len(net.history)
        self.best_epoch_ = best.best_epoch
        self.history_ = _history_table(net, float(scale.flat[0]) ** 2)

    def _predict_tensors(self, treatments: Treatments) -> TreatmentTensors:
        """Return the tensors of new treatments."""
        network = self.net_.module_
        device = torch.device(self.device_)
        return self._tensors(treatments, self._encode(treatments), network, device)

    def _predict_rows(
        self, X: Any, predict: Any, *, perturbed: bool = False
    ) -> np.ndarray:
        """Apply `predict(treatments)` to the valid rows; NaN in the others."""
        treatments = self._read_for_predict(X)
        valid = treatments.compound_index >= 0
        if valid.all():
            return predict(treatments)
        values = predict(treatments.take(valid)) if valid.any() else None
        csg2a = csg2a_part(self.net_.module_)
        width = csg2a.n_outputs if perturbed else len(self._location)
        result = np.full((treatments.n_rows, width), np.nan)
        if values is not None:
            result[valid] = values
        return result

    def _to_units(self, centered: torch.Tensor) -> np.ndarray:
        """Return float64 predictions in the units of y."""
        values = centered.cpu().numpy().astype(np.float64)
        return self._location + self._scale * values

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of the estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of estimators among them.

        Returns
        -------
        params : dict of str to any
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=deep)
        # the attribute is callable too; the parameter is what was passed
        params["attention"] = vars(self)["attention"]
        return params


def _generators(
    seeds: dict[str, int], device: torch.device
) -> dict[str, torch.Generator]:
    """Return the private generators of a fit."""
    return {
        "batches": torch.Generator().manual_seed(seeds["batches"]),
        "dropout": torch.Generator(device).manual_seed(seeds["dropout"]),
    }


def _center_and_spread(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each output and one spread for all, both (outputs,)."""
    location = response.mean(axis=0)
    centered = response - location
    # a constant output must come back exactly, not within rounding of its mean
    constant = (response == response[0]).all(axis=0)
    location = np.where(constant, response[0], location)
    spread = 0.0 if constant.all() else float(np.sqrt(np.mean(centered**2)))
    return location, np.full(response.shape[1], spread)


def _history_table(net: TrainingNet, squared_scale: float) -> pd.DataFrame:
    """Return one row per epoch; losses are in the squared units of y."""
    table = pd.DataFrame(
        [
            {
                "epoch": position + 1,
                **{
                    name: row[name] * factor
                    for name, factor in (
                        ("train_loss", squared_scale),
                        ("valid_loss", squared_scale),
                        ("learning_rate", 1.0),
                        ("dur", 1.0),
                    )
                    if name in row
                },
            }
            for position, row in enumerate(net.history)
        ]
    )
    return table.rename(columns={"dur": "seconds"})
