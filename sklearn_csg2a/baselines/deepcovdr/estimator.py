"""DeepCoVDR: message passing and two transformers on the atoms of a compound."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from sklearn_csg2a._utils.choices import (
    Batching,
    MissingGenes,
    OnInvalidSmiles,
    Precision,
)
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines.deep._base import DeepResponse
from sklearn_csg2a.baselines.deepcovdr.network import DeepCoVDRNetwork
from sklearn_csg2a.chem.graphs.bonds import (
    N_ATOM_BOND_FEATURES,
    bond_graph,
    pad_bond_graphs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["DeepCoVDR"]


class DeepCoVDR(DeepResponse):
    """Message passing on the compound, and a transformer that joins it to the cell.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    n_layers : int, default=8
        Number of layers of each of the two transformers.
    dropout : float, default=0.1
        Dropout of the transformers and the head.
    max_epochs : int, default=10
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 32, or fewer if an epoch would have
        fewer than twelve steps, but at least 16.
    batching : {"rows", "blocks"}, default="rows"
        How the rows of a step are drawn: independently, as published, or in blocks of
        random cells and random compounds, for which each encoder runs on far fewer
        inputs.
    learning_rate : float, default=1e-4
        Initial learning rate of AdamW.
    weight_decay : float, default=0.0
        Weight decay of AdamW.
    early_stopping : bool, default=True
        Hold out rows, keep the weights of the epoch with the smallest error on them,
        and stop after `patience` epochs without improvement.
    refit : bool, default=False
        After early stopping, train a new network on all rows, as many epochs as were
        best. Takes up to twice as long.
    patience : int, default=20
        Number of epochs without improvement after which training stops.
    validation : float or splitter, default=0.1
        Fraction of rows held out at random, keeping the rows of a pair of cell and
        compound together, or a splitter whose first split is used. A splitter that
        shuffles with ``random_state=None`` follows `random_state`.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    device : str, default="auto"
        Device of the network; "auto" is CUDA if there is one, otherwise the CPU.
    precision : {"float32", "bf16"}, default="float32"
        "bf16" computes the matrix products of training in bfloat16. Weights and
        predictions stay in float32.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, batches, dropout and validation rows.
    verbose : int, default=0
        If 1, show one progress line.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    net_ : skorch.NeuralNetRegressor
        The trained network; ``net_.module_`` is the torch module.
    history_ : DataFrame of shape (n_iter_, n_columns)
        One row per epoch: epoch, train_loss and valid_loss in squared units of y,
        learning_rate and seconds.
    best_epoch_ : int
        Epoch whose weights were kept, counted from 1; 0 if the fit was interrupted
        before the end of the first one.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device of the network.
    interrupted_ : bool
        Whether the fit was stopped from the keyboard.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    DeepTTA : A transformer on substructures, without a second one.
    DRPreter : A transformer that joins pathways to the compound.

    Notes
    -----
    This is the stage on cancer cells; the published transfer to SARS-CoV-2 is left
    out, and so is the filter by genes of Vero cells. Expression is standardised in
    each cell, over its genes, as published. The output at the first atom of
    the canonical SMILES represents the compound. As published, the state of a cell does
    not depend on the compound; parts of the published network without any effect are
    left out. The second transformer runs on the atoms of every row, not once per unique
    compound: on a CPU, an epoch of 80,000 rows takes minutes. Rows of a compound in a
    batch share the dropout of the first one. Dose and time are ignored. The published
    learning rate is constant.

    References
    ----------
    Huang, Z. et al. (2023). DeepCoVDR: deep transfer learning with graph transformer
    and cross-attention for predicting COVID-19 drug response. Bioinformatics 39,
    i475-i483.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.baselines import DeepCoVDR
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = DeepCoVDR(
    ...     expression=screen.expression, n_layers=1, max_epochs=1, random_state=0)
    >>> predicted = model.fit(screen.X, screen.y).predict(screen.X)

    Each cell is standardised by itself, so that the scale of its values has no effect.

    >>> model = model.set_params(expression=1.1 * screen.expression)
    >>> np.allclose(predicted, model.predict(screen.X), atol=1e-4)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = DeepCoVDRNetwork
    _largest_batch_size = 32

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        n_layers: int = 8,
        dropout: float = 0.1,
        max_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        batching: Batching = "rows",
        learning_rate: float = 1e-4,
        weight_decay: float = 0.0,
        early_stopping: bool = True,
        refit: bool = False,
        patience: int = 20,
        validation: Any = 0.1,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        device: str = "auto",
        precision: Precision = "float32",
        callbacks: list[Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.expression = expression
        self.n_layers = n_layers
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.batching = batching
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.refit = refit
        self.patience = patience
        self.validation = validation
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.device = device
        self.precision = precision
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _fit_cells(self, training: Treatments, seed: int) -> None:
        """Fit nothing: each cell is standardised by itself."""

    def _cell_inputs(self, treatments: Treatments) -> np.ndarray:
        values = treatments.basal_expression.astype(np.float64)
        centered = values - values.mean(axis=1, keepdims=True)
        n_free = max(values.shape[1] - 1, 1)
        spread = np.sqrt((centered**2).sum(axis=1, keepdims=True) / n_free)
        return (centered / np.where(spread > 0, spread, 1.0)).astype(np.float32)

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        return {
            "n_genes": tensors.cells.shape[1],
            "n_features": N_ATOM_BOND_FEATURES if self._has_compounds else (0, 0),
            "n_layers": self.n_layers,
            "dropout": self.dropout,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        return pad_bond_graphs([bond_graph(text) for text in smiles])
