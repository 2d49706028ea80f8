"""What a fit prepares before training: rows, scaled expression, networks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone

from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.encoders._resolve import fit_alone
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork, csg2a_part, set_dropout_generator
from sklearn_csg2a.training.checkpoint import open_checkpoint
from sklearn_csg2a.training.data import TreatmentDataset, TreatmentTensors
from sklearn_csg2a.training.device import join_processes
from sklearn_csg2a.training.inference import encode_conditions
from sklearn_csg2a.training.loop import TrainingSettings
from sklearn_csg2a.training.members import Training
from sklearn_csg2a.training.rows import (
    SMALLEST_BATCH,
    center_and_spread,
    choose_batch_size,
    draw_rows,
    split_rows,
)
from sklearn_csg2a.treatments._genes import read_interactome
from sklearn_csg2a.treatments._units import measure_scale

if TYPE_CHECKING:
    from scipy import sparse
    from torch import Tensor, nn

    from sklearn_csg2a.nn import MAT, Molecules
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "Preparation",
    "RowsOfFit",
    "ScalesExpression",
    "SharedEncodings",
    "adjacency_entries",
    "build_csg2a",
    "build_response",
    "build_tensors",
    "choose_length",
    "chosen",
    "prepare",
]

STEPS_PER_EPOCH = 37  # with which settings were chosen, on 75,000 rows
_MOST_EPOCHS = 2  # times the usual number, with few rows
_USUAL_SHARE = 0.1  # held out, if `validation` is not given
_SEEDS = ("network", "batches", "dropout", "validation", "rows")


class SharedEncodings:
    """Encoders and encodings of compounds, computed once for all members.

    An encoder is fitted once for the same training compounds.
    """

    def __init__(self) -> None:
        self._encoders: dict[tuple[str, ...], Any] = {}
        self._encodings: dict[int, tuple[Any, np.ndarray]] = {}  # by id of the encoder

    def fit_encoder(
        self, model: Any, treatments: Treatments, train_rows: np.ndarray
    ) -> Any:
        """Return the encoder that `model` fits to the compounds of training rows."""
        compounds = tuple(treatments.take(train_rows).smiles)
        if compounds not in self._encoders:
            fitted = model._fit_encoder(treatments, train_rows)
            self._encoders[compounds] = fitted
        return self._encoders[compounds]

    def encode(self, model: Any, treatments: Treatments) -> np.ndarray:
        """Return the encodings of all compounds by the encoder of `model`."""
        encoder = model.encoder_
        if id(encoder) not in self._encodings:
            encodings = model._encode(treatments)
            self._encodings[id(encoder)] = encoder, encodings
        return self._encodings[id(encoder)][1]


@dataclass
class RowsOfFit:
    """The rows of a fit, as given and as read."""

    X: Any
    y: Any
    treatments: Treatments
    response: np.ndarray  # (rows, outputs)
    encodings: SharedEncodings = field(default_factory=SharedEncodings)


@dataclass
class Preparation:
    """A training that is ready to start, and what prediction will need of it."""

    training: Training
    treatments: Treatments  # with the expression that the network takes
    location: np.ndarray  # (outputs,)
    scale: np.ndarray  # (outputs,)
    dropout_seed: int
    mat: MAT | None  # trained along with the network


def prepare(model: Any, rows: RowsOfFit) -> Preparation:
    """Split rows, scale expression, encode compounds, and start the network of `model`.

    Sets the fitted scaler and encoder of `model`.
    """
    # ruff: noqa: SLF001 (an estimator of this folder)
    drawn = draw_seeds(model.random_state, len(_SEEDS))
    seeds = dict(zip(_SEEDS, drawn, strict=True))
    train_rows, valid_rows = split_rows(
        model.validation if _stops_early(model) else None,
        rows.X,
        rows.y,
        rows.treatments,
        seeds["validation"],
    )
    train_rows = draw_rows(train_rows, model.max_samples, seeds["rows"])
    response = rows.response
    location, scale = center_and_spread(response[train_rows])
    treatments = model._fit_scaler(rows.treatments, train_rows)
    model._expression_scale = measure_scale(treatments.take(train_rows))
    processes = join_processes(model.device, model.random_state)
    device = processes.device
    compounds, width, mat = model._read_compounds(
        treatments, train_rows, device, rows.encodings
    )
    network = model._start_network(treatments, width, response, seeds)
    csg2a_part(network).condition.mat = mat
    generators = _generators(seeds, device)
    set_dropout_generator(network, generators["dropout"])
    network.to(device)
    tensors = build_tensors(treatments, compounds, network, device)
    target = (response - location) / np.where(scale == 0, 1.0, scale)
    take = partial(TreatmentDataset.take, tensors, target)
    batch_size, max_epochs = choose_length(model, len(train_rows))
    settings = TrainingSettings(
        max_epochs=max_epochs,
        batch_size=batch_size,
        learning_rate=chosen(model, "learning_rate"),
        weight_decay=model.weight_decay,
        patience=model.patience,
        device=device,
        precision=model.precision,
        verbose=int(model.verbose),
        loss_scale=float(scale.flat[0]) ** 2,
        callbacks=list(model.callbacks or []),
        checkpoint=None
        if model.checkpoint is None
        else open_checkpoint(
            model.checkpoint,
            kind=type(model).__name__,
            parameters=model.get_params(deep=False),
            treatments=treatments,
            compounds=compounds,
            response=response,
            rows=(train_rows, valid_rows),
            seeds=seeds,
            generators=generators,
        ),
        compile=model.compile,
        processes=processes,
    )
    training = Training(
        network,
        take(train_rows, generators["batches"]),
        None if valid_rows is None else take(valid_rows),
        settings,
    )
    return Preparation(training, treatments, location, scale, seeds["dropout"], mat)


def chosen(model: Any, name: str) -> Any:
    """Return a parameter of a model, or what it stands for if it is "auto"."""
    value = getattr(model, name)
    return _settings_of(model).get(name, value) if _is_auto(value) else value


def choose_length(model: Any, n_train: int) -> tuple[int, int]:
    """Return the number of rows per step, and of epochs.

    "auto" makes more epochs where batches cannot be small enough for the usual number
    of steps.
    """
    settings = _settings_of(model)
    if "batch_size" not in settings:
        return choose_batch_size(model.batch_size, n_train), model.max_epochs
    largest, epochs = settings["batch_size"], chosen(model, "max_epochs")
    size = choose_batch_size(model.batch_size, n_train, STEPS_PER_EPOCH, largest)
    if _is_auto(model.max_epochs):
        fewer_steps = SMALLEST_BATCH * STEPS_PER_EPOCH / n_train
        epochs = round(epochs * np.clip(fewer_steps, 1, _MOST_EPOCHS))
    return size, epochs


def _stops_early(model: Any) -> bool:
    """Whether rows are held out; "auto" does so if it is given which ones."""
    if not _is_auto(model.early_stopping):
        return bool(model.early_stopping)
    given = model.validation
    return not (isinstance(given, Real) and given == _USUAL_SHARE)


def _settings_of(model: Any) -> dict[str, Any]:
    """Return what parameters of a model stand for if they are "auto"."""
    return getattr(model, "_settings", {})


def _is_auto(value: Any) -> bool:
    """Whether a parameter is left to the model."""
    return isinstance(value, str) and value == "auto"


def build_tensors(
    treatments: Treatments,
    compounds: np.ndarray | Molecules,
    network: nn.Module,
    device: torch.device,
) -> TreatmentTensors:
    """Move treatments to the device; encode conditions once if that is frozen."""
    csg2a = csg2a_part(network)
    tensors = TreatmentTensors.build(treatments, compounds, csg2a, device)
    if isinstance(network, ResponseNetwork) and network.freeze:
        network.eval()
        tensors.encoded_conditions = encode_conditions(csg2a, tensors)
    return tensors


def build_csg2a(
    estimator: Any, treatments: Treatments, compound_dim: int, n_outputs: int
) -> CSG2A:
    """Return a new CSG2A network with an estimator's parameters."""
    adjacency = read_interactome(
        estimator.interactome, treatments.genes, genes_named=treatments.genes_named
    )
    return CSG2A(
        n_genes=treatments.n_genes,
        n_outputs=n_outputs,
        compound_dim=compound_dim,
        interactome=adjacency_entries(adjacency),
        hidden_dim=estimator.hidden_dim,
        attention=estimator.attention,
        dropout=chosen(estimator, "dropout"),
        gene_dropout=chosen(estimator, "gene_dropout"),
    )


def build_response(estimator: Any, csg2a: CSG2A, *, freeze: bool) -> ResponseNetwork:
    """Return a new response head around a CSG2A network."""
    return ResponseNetwork(
        csg2a,
        _read_widths(chosen(estimator, "head_hidden")),
        *(chosen(estimator, n) for n in ("dropout", "gene_dropout", "bilinear_dim")),
        freeze=freeze,
    )


def adjacency_entries(adjacency: sparse.coo_array) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, columns and values as tensors, sorted by row."""
    order = np.lexsort((adjacency.col, adjacency.row))
    return (
        torch.from_numpy(adjacency.row[order].astype(np.int64)),
        torch.from_numpy(adjacency.col[order].astype(np.int64)),
        torch.from_numpy(adjacency.data[order].astype(np.float32)),
    )


class ScalesExpression:
    """A part of estimators whose network takes scaled expression."""

    expression_scaler: Any

    def _fit_scaler(self, treatments: Treatments, train_rows: np.ndarray) -> Treatments:
        """Fit the expression scaler to the unique training cells; apply it to all."""
        self.scaler_ = None
        if self.expression_scaler is not None:
            cells = treatments.take(train_rows).basal_expression
            self.scaler_ = fit_alone(clone(self.expression_scaler), cells)
        return self._scale_expression(treatments)

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X and apply the fitted scaler; members apply their own."""
        treatments = super()._read_for_predict(X)  # type: ignore[misc]
        has_members = hasattr(self, "members_")
        return treatments if has_members else self._scale_expression(treatments)

    def _scale_expression(self, treatments: Treatments) -> Treatments:
        """Apply the fitted scaler, if there is one, to all cells."""
        if self.scaler_ is None:
            return treatments
        scaled = np.asarray(self.scaler_.transform(treatments.basal_expression))
        scaled = scaled.astype(np.float32)
        read = treatments.basal_expression
        return replace(
            treatments, basal_expression=scaled, unscaled=read, table_rows=None
        )


def _read_widths(head_hidden: Any) -> tuple[int, ...]:
    """Return the hidden widths of a head, at least one."""
    widths = tuple(head_hidden)
    if not widths or any(not isinstance(w, Integral) or w < 1 for w in widths):
        msg = f"head_hidden={head_hidden!r}; expected widths such as (512, 64)."
        raise InputError(msg)
    return tuple(int(width) for width in widths)


def _generators(
    seeds: dict[str, int], device: torch.device
) -> dict[str, torch.Generator]:
    """Return the private generators of a fit."""
    return {
        "batches": torch.Generator().manual_seed(seeds["batches"]),
        "dropout": torch.Generator(device).manual_seed(seeds["dropout"]),
    }
