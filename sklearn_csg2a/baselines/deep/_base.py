"""Shared parts of the deep baselines: reading X, training, prediction."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch

from sklearn_csg2a._utils.choices import (
    Batching,
    MissingGenes,
    OnInvalidSmiles,
    Precision,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import (
    StrOptions,
    fit_context,
)
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.baselines._features import Standardizer
from sklearn_csg2a.baselines.deep._data import PairDataset, PairTensors
from sklearn_csg2a.baselines.deep._network import predict_pairs
from sklearn_csg2a.nn import set_dropout_generator
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.device import (
    resolve_device,
    seeded_initialisation,
    use_one_thread_after_fork,
)
from sklearn_csg2a.training.loop import (
    TrainingSettings,
    history_table,
    train_network,
)
from sklearn_csg2a.training.net import LastEpoch
from sklearn_csg2a.training.parameters import TRAINING_CONSTRAINTS
from sklearn_csg2a.training.rows import split_rows
from sklearn_csg2a.training.state import NetworkState
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._read import TreatmentRegressor, require_two_rows
from sklearn_csg2a.treatments._units import measure_scale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from torch import nn

    from sklearn_csg2a.treatments import Treatments

__all__ = ["DeepResponse"]

_MIN_STEPS_PER_EPOCH = 12  # unless a batch would have fewer rows than the minimum
_MIN_BATCH_SIZE = 16
_SEEDS = ("network", "batches", "dropout", "validation", "features")


class DeepResponse(NetworkState, TreatmentRegressor):
    """A regressor with one network tower for cells and one for compounds.

    The constructor of each subclass lists and sets all parameters, those of training
    too: their defaults differ, and scikit-learn, `help` and editors read a constructor.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TRAINING_CONSTRAINTS,
        "expression": [pd.DataFrame, None],
        "batching": [StrOptions(options(Batching))],
        "refit": ["boolean"],
        "columns": [dict, None],
        "missing_genes": [StrOptions(options(MissingGenes))],
        "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
    }
    _network_class: ClassVar[type[nn.Module]]
    _largest_batch_size: ClassVar[int]

    max_epochs: int
    batch_size: int | Literal["auto"]
    batching: Batching
    learning_rate: float
    weight_decay: float
    early_stopping: bool
    refit: bool
    patience: int
    validation: Any
    device: str | torch.device
    precision: Precision
    callbacks: list[Any] | None
    random_state: int | np.random.RandomState | None
    verbose: int

    history_: pd.DataFrame
    n_iter_: int
    interrupted_: bool

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        InputError
            If X or y cannot be used; the message names row, column and value.
        DivergedError
            If the training loss stops being finite.
        """
        use_one_thread_after_fork()
        with steady_threads():
            return self._fit_a_copy(X, y)

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Read X and y, then train a new network."""
        treatments = self._read_for_fit(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        require_two_rows(treatments)
        seeds = dict(
            zip(_SEEDS, draw_seeds(self.random_state, len(_SEEDS)), strict=True)
        )
        train_rows, valid_rows = split_rows(
            self.validation if self.early_stopping else None,
            X,
            y,
            treatments,
            seeds["validation"],
        )
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        best = self._train(treatments, response, train_rows, valid_rows, seeds)
        if self.refit and valid_rows is not None and not self.interrupted_:
            stages = self.history_, self.n_iter_
            all_rows = np.arange(treatments.n_rows)
            self._train(treatments, response, all_rows, None, seeds, best)
            self.history_, self.n_iter_ = stages

    def _train(
        self,
        treatments: Treatments,
        response: np.ndarray,
        train_rows: np.ndarray,
        valid_rows: np.ndarray | None,
        seeds: dict[str, int],
        n_epochs: int | None = None,
    ) -> int:
        """Fit features and a new network to some rows; return the best epoch.

        `n_epochs` ends the training early, at the learning rate of that epoch.
        """
        target = self._fit_target(response, train_rows)
        training = treatments.take(train_rows)
        self._expression_scale = measure_scale(training)
        self._fit_cells(training, seeds["features"])
        self._fit_compounds(training, seeds["features"])
        device = resolve_device(self.device)
        tensors = self._tensors(treatments, device)
        self._config = self._configure(tensors)
        with seeded_initialisation(seeds["network"]):
            network = self._network_class(**self._config)
        dropout = torch.Generator(device).manual_seed(seeds["dropout"])
        set_dropout_generator(network, dropout)
        network.to(device)
        shuffle = torch.Generator().manual_seed(seeds["batches"])
        batch_size = self._choose_batch_size(len(train_rows))
        last = [] if n_epochs is None else [("last_epoch", LastEpoch(n_epochs))]
        settings = TrainingSettings(
            max_epochs=self.max_epochs,
            batch_size=batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=self.patience,
            device=device,
            precision=self.precision,
            verbose=int(self.verbose),
            loss_scale=self._squared_scale(),
            callbacks=[*last, *(self.callbacks or [])],
        )
        net, best = train_network(
            network,
            self._training_data(
                _dataset(
                    tensors,
                    train_rows,
                    target,
                    batch_size if self.batching == "blocks" else None,
                    shuffle,
                )
            ),
            None
            if valid_rows is None
            else _dataset(tensors, valid_rows, target, rows_of_block=1024),
            settings,
        )
        set_dropout_generator(network, None)
        self.net_ = net
        self.device_ = str(net.device)
        self.interrupted_ = net.was_interrupted
        self.n_iter_ = len(net.history)
        self.best_epoch_ = best.best_epoch
        self.history_ = history_table(net, self._squared_scale())
        return best.best_epoch

    @steady_threads()
    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            In the unit of y; NaN in rows whose SMILES is invalid, if
            `on_invalid_smiles` is "nan".

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        use_one_thread_after_fork()
        return self._predict_rows(X, self._predict_treatments)

    def _predict_treatments(self, treatments: Treatments) -> np.ndarray:
        """Predict treatments whose compounds are valid, (n_rows,)."""
        tensors = self._tensors(treatments, torch.device(self.device_))
        outputs = predict_pairs(self.net_.module_, tensors)[:, 0]
        return self._to_units(outputs.cpu().numpy().astype(np.float64))

    @abstractmethod
    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        """Return the arguments of the network class; plain numbers and lists."""

    def _choose_batch_size(self, n_train: int) -> int:
        """Resolve "auto": smaller batches if an epoch would have few steps."""
        if self.batch_size == "auto":
            enough_steps = max(n_train // _MIN_STEPS_PER_EPOCH, _MIN_BATCH_SIZE)
            return min(self._largest_batch_size, enough_steps)
        return int(self.batch_size)

    def _fit_cells(self, training: Treatments, seed: int) -> None:
        """Fit the features of cells; here, mean and spread of each gene."""
        del seed
        self._standardizer = Standardizer(training.basal_expression)

    def _cell_inputs(self, treatments: Treatments) -> np.ndarray:
        """Return the inputs of the cell tower, (cells, ...) float32."""
        return self._standardizer(treatments.basal_expression).astype(np.float32)

    def _fit_compounds(self, training: Treatments, seed: int) -> None:
        """Fit the features of compounds; here, nothing."""

    @abstractmethod
    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Return the inputs of the compound tower, each (compounds, ...)."""

    def _training_data(self, rows: PairDataset) -> Any:
        """Return the rows as the network trains on them; here as they are."""
        return rows

    def _fit_target(self, response: np.ndarray, train_rows: np.ndarray) -> np.ndarray:
        """Return the target of the network in each row; here, y standardised."""
        training = response[train_rows]
        self._location, self._scale = float(training.mean()), float(training.std())
        if np.ptp(training) == 0:
            self._location, self._scale = float(training[0]), 0.0
        return (response - self._location) / (self._scale or 1.0)

    def _to_units(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of the network in the unit of y."""
        return self._location + self._scale * outputs

    def _squared_scale(self) -> float:
        """Return the factor from a loss to squared units of y, for the history."""
        return self._scale**2

    def _tensors(self, treatments: Treatments, device: torch.device) -> PairTensors:
        """Return the inputs of unique cells and compounds, on the device."""
        compounds = (
            self._compound_inputs(treatments.smiles) if self._has_compounds else ()
        )
        return PairTensors.build(
            self._cell_inputs(treatments),
            compounds,
            treatments.cell_index,
            treatments.compound_index,
            device,
        )

    @classmethod
    def _network_from_state(
        cls, config: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> nn.Module:
        """Rebuild the network of a pickled model."""
        del arrays
        return cls._network_class(**config)

    def _network_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the fitted network."""
        return self._config


def _dataset(
    tensors: PairTensors,
    rows: np.ndarray,
    target: np.ndarray,
    rows_of_block: int | None,
    generator: torch.Generator | None = None,
) -> Any:
    """Return a data set of some rows, in blocks of `rows_of_block` if given."""
    device = tensors.cell_index.device
    values = target[rows].astype(np.float32)[:, None]  # (rows, 1)
    return PairDataset(
        tensors,
        torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(device),
        torch.from_numpy(values).to(device),
        generator,
        rows_of_block,
    )
