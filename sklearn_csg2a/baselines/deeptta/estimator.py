"""DeepTTA: a transformer on the substructures of a compound."""

from __future__ import annotations

import os
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
from sklearn_csg2a.baselines.deeptta.network import DeepTTANetwork
from sklearn_csg2a.baselines.deeptta.subwords import Subwords
from sklearn_csg2a.chem import canonical_smiles
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["DeepTTA"]


class DeepTTA(DeepResponse):
    """Transformer on substructures of the compound, dense layers on expression.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    corpus : list of str, default=None
        SMILES of many compounds, from which the vocabulary of substructures is learned.
        None: the training compounds.
    min_frequency : int, default=5
        Two substructures are merged into a longer one if they occur side by side at
        least this often in the corpus; as published, 1,500 in two million compounds.
    vocabulary : (path, path), default=None
        Files of an existing vocabulary, in the format of the published ESPF: the list
        of merges, and the table of tokens. None: the vocabulary is learned.
    max_tokens : int, default=50
        Maximum number of substructures of a compound; the others are left out.
    n_layers : int, default=8
        Number of layers of the transformer.
    dropout : float, default=0.1
        Dropout of the transformer and the head.
    max_epochs : int, default=100
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 64, or fewer if an epoch would have
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
    tokens_ : list of str
        The vocabulary of substructures; empty without compounds.
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
    Precily : A mean of word vectors instead of the transformer.
    GraphDRP : A graph network instead of the transformer.

    Notes
    -----
    What differs from the published model: the vocabulary is learned from `corpus` by
    the published procedure, byte pair encoding, unless `vocabulary` is given;
    compounds are written as RDKit's canonical SMILES; a string with a character
    outside the vocabulary is an error, where the published code replaces the whole
    compound by a single token; expression is standardised over the training cells.
    Dose and time are ignored. Rows of a compound in a batch share the dropout of its
    transformer. The published learning rate is constant.

    References
    ----------
    Jiang, L. et al. (2022). DeepTTA: a transformer-based model for predicting cancer
    drug response. Briefings in Bioinformatics 23, bbac100.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import DeepTTA
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = DeepTTA(
    ...     expression=screen.expression, n_layers=1, max_epochs=10,
    ...     learning_rate=1e-3, random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "corpus": ["array-like", None],
        "min_frequency": [Interval(Integral, 1, None, closed="left")],
        "vocabulary": [tuple, None],
        "max_tokens": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = DeepTTANetwork
    _largest_batch_size = 64

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        corpus: Sequence[str] | None = None,
        min_frequency: int = 5,
        vocabulary: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None = None,
        max_tokens: int = 50,
        n_layers: int = 8,
        dropout: float = 0.1,
        max_epochs: int = 100,
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
        self.corpus = corpus
        self.min_frequency = min_frequency
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
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

    def _fit_compounds(self, training: Treatments, seed: int) -> None:
        self.tokens_: list[str] = []
        if not self._has_compounds:
            return
        if self.vocabulary is not None:
            self._subwords = Subwords.read(*_two_paths(self.vocabulary))
        else:
            corpus = training.smiles
            if self.corpus is not None:
                corpus = tuple(canonical_smiles(text) for text in self.corpus)
            self._subwords = Subwords.learn(corpus, self.min_frequency)
        self.tokens_ = self._subwords.tokens

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        return {
            "n_genes": tensors.cells.shape[1],
            "n_tokens": len(self.tokens_),
            "max_tokens": self.max_tokens,
            "n_layers": self.n_layers,
            "dropout": self.dropout,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        return self._subwords.encode(smiles, self.max_tokens)


def _two_paths(vocabulary: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the paths of the merges and of the tokens."""
    if len(vocabulary) != 2 or not all(
        isinstance(path, str | os.PathLike) for path in vocabulary
    ):
        msg = (
            f"vocabulary={vocabulary!r} must be the paths of two files: the list of "
            "merges, and the table of tokens."
        )
        raise InputError(msg)
    return vocabulary
