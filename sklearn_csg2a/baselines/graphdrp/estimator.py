"""GraphDRP: a graph network on the compound, convolutions on expression."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from sklearn_csg2a._utils.choices import (
    Batching,
    GraphConvolution,
    MissingGenes,
    OnInvalidSmiles,
    Precision,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import Interval, StrOptions
from sklearn_csg2a.baselines.deep._base import DeepResponse
from sklearn_csg2a.baselines.graphdrp.network import GraphDRPNetwork
from sklearn_csg2a.chem.graphs.atoms import (
    N_ATOM_FEATURES,
    atom_graph,
    pad_atom_graphs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairTensors

__all__ = ["GraphDRP"]

_SLOPE = 0.1  # of the sigmoid of ln IC50
_MARGIN = 1e-6


class GraphDRP(DeepResponse):
    """Graph network on the compound, 1-D convolutions on basal expression.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    conv : {"gin", "gcn", "gat", "gat_gcn"}, default="gin"
        Graph layers of the compound: isomorphism, convolution, attention, or
        attention and then convolution.
    target_transform : {"sigmoid0.1", "none"}, default="sigmoid0.1"
        "sigmoid0.1" predicts ``1 / (1 + exp(-0.1 * y))`` with a sigmoid output, as
        published, and transforms predictions back. It is meant for ln IC50 in ln uM.
        "none" predicts the standardised y, without the sigmoid.
    dropout : float, default=0.5
        Dropout of the head.
    max_epochs : int, default=300
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 1024, or fewer if an epoch would
        have fewer than twelve steps, but at least 16.
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
        learning_rate and seconds. With ``target_transform="sigmoid0.1"``, losses are
        those of the transformed y.
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
    DRPreter : Graph networks on the compound and on pathways.

    Notes
    -----
    What differs from the published model: cells are described by expression,
    standardised over the training cells, instead of mutations and copy numbers; pass
    such a table as `expression` to use it. The convolutions run along the order of
    the columns, which has no meaning in either case. Fewer than 118 genes are padded
    with zeros. Dose and time are ignored. Towers run once per cell and compound of a
    batch, so rows of a compound share its dropout; batch norm weights compounds by
    their rows. The published learning rate is constant.

    References
    ----------
    Nguyen, T. et al. (2022). Graph convolutional networks for drug response
    prediction. IEEE/ACM Transactions on Computational Biology and Bioinformatics 19,
    146-154.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import GraphDRP
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = GraphDRP(expression=screen.expression, max_epochs=1, random_state=0)
    >>> model = model.fit(screen.X, screen.y)

    The graph of a compound, and so the prediction, is the same for all its spellings.

    >>> cell_line = screen.expression.index[0]
    >>> X = pd.DataFrame({"cell_line": cell_line, "smiles": ["CCO", "OCC"]})
    >>> first, second = model.predict(X)
    >>> bool(first == second)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "conv": [StrOptions(options(GraphConvolution))],
        "target_transform": [StrOptions({"sigmoid0.1", "none"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = GraphDRPNetwork
    _largest_batch_size = 1024

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        conv: GraphConvolution = "gin",
        target_transform: Literal["sigmoid0.1", "none"] = "sigmoid0.1",
        dropout: float = 0.5,
        max_epochs: int = 300,
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
        self.conv = conv
        self.target_transform = target_transform
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

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        return {
            "n_genes": tensors.cells.shape[1],
            "n_atom_features": (
                N_ATOM_FEATURES["graphdrp"] if self._has_compounds else 0
            ),
            "conv": self.conv,
            "dropout": self.dropout,
            "squash": self._squashes,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        return pad_atom_graphs([atom_graph(text, "graphdrp") for text in smiles])

    def _fit_target(self, response: np.ndarray, train_rows: np.ndarray) -> np.ndarray:
        self._squashes = self.target_transform == "sigmoid0.1"
        if not self._squashes:
            return super()._fit_target(response, train_rows)
        training = response[train_rows]
        self._only_value = float(training[0]) if np.ptp(training) == 0 else None
        return 0.5 + 0.5 * np.tanh(0.5 * _SLOPE * response)

    def _to_units(self, outputs: np.ndarray) -> np.ndarray:
        if not self._squashes:
            return super()._to_units(outputs)
        if self._only_value is not None:
            return np.full(outputs.shape, self._only_value)
        inside = np.clip(outputs, _MARGIN, 1 - _MARGIN)
        return np.log(inside / (1 - inside)) / _SLOPE

    def _squared_scale(self) -> float:
        return 1.0 if self._squashes else super()._squared_scale()
