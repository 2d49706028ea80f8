"""Precily: dense layers on pathway scores and a mean of word vectors."""

from __future__ import annotations

from collections.abc import Mapping
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
from sklearn_csg2a.baselines._features import Standardizer
from sklearn_csg2a.baselines.deep._base import DeepResponse
from sklearn_csg2a.baselines.deep._gene_sets import (
    choose_gene_sets,
    group_genes,
    membership,
)
from sklearn_csg2a.baselines.precily.network import PrecilyNetwork
from sklearn_csg2a.baselines.precily.scores import WordVectors, score_gene_sets
from sklearn_csg2a.chem import canonical_smiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["Precily"]

_N_MODULES = 100


class Precily(DeepResponse):
    """Dense network on enrichment scores of pathways and vectors of SMILES words.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    gene_sets : dict of str to list of str, default=None
        Genes of each pathway, as returned by `load_gene_sets`. None groups the genes
        into at most 100 modules with similar expression across the training cells.
    min_genes : int, default=5
        Pathways with fewer genes of the model are left out.
    corpus : list of str, default=None
        SMILES of many compounds, from which the vectors of words are learned. None: the
        training compounds.
    n_components : int, default=100
        Width of the vector of a word; fewer if the corpus is too small.
    hidden : tuple of int, default=(140, 200)
        Widths of the hidden layers after the second layer of 512.
    dropout : float, default=0.1
        Dropout after the second and later layers.
    max_epochs : int, default=50
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 128, or fewer if an epoch would have
        fewer than twelve steps, but at least 16.
    batching : {"rows", "blocks"}, default="rows"
        How the rows of a step are drawn: independently, as published, or in blocks of
        random cells and random compounds, for which each encoder runs on far fewer
        inputs.
    learning_rate : float, default=1e-3
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
    gene_sets_ : dict of str to list of str
        Genes of each pathway in use.
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
    PathDNN : Pathways as a layer of the network.
    DeepTTA : A transformer on parts of SMILES strings.

    Notes
    -----
    The first layer is as wide as its input. What differs from the published model:
    pathways are those given, instead of MSigDB's canonical ones. Their scores are
    those of single-sample GSEA on expression standardised over the training cells, and
    are standardised in turn; in the published GSVA, test cells influence the scores
    of training cells. Words of eight characters have vectors from a singular value
    decomposition of their counts in the corpus, instead of word2vec on two million
    compounds. There is one network instead of the mean of five; see
    :class:`sklearn.ensemble.BaggingRegressor`. Dose and time are ignored.

    References
    ----------
    Chawla, S. et al. (2022). Gene expression based inference of cancer drug
    sensitivity. Nature Communications 13, 5680.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import Precily
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = Precily(expression=screen.expression, max_epochs=1, random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.1
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "gene_sets": [Mapping, None],
        "min_genes": [Interval(Integral, 1, None, closed="left")],
        "corpus": ["array-like", None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = PrecilyNetwork
    _largest_batch_size = 128

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        gene_sets: Mapping[str, Sequence[str]] | None = None,
        min_genes: int = 5,
        corpus: Sequence[str] | None = None,
        n_components: int = 100,
        hidden: tuple[int, ...] = (140, 200),
        dropout: float = 0.1,
        max_epochs: int = 50,
        batch_size: int | Literal["auto"] = "auto",
        batching: Batching = "rows",
        learning_rate: float = 1e-3,
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
        self.gene_sets = gene_sets
        self.min_genes = min_genes
        self.corpus = corpus
        self.n_components = n_components
        self.hidden = hidden
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
        super()._fit_cells(training, seed)
        inputs = super()._cell_inputs(training)
        self.gene_sets_, pathways = choose_gene_sets(
            self.gene_sets,
            training.genes,
            self.min_genes,
            lambda: group_genes(inputs, _N_MODULES, seed),
        )
        self._members = membership(pathways, training.n_genes)
        self._score_standardizer = Standardizer(score_gene_sets(inputs, self._members))

    def _cell_inputs(self, treatments: Treatments) -> np.ndarray:
        scores = score_gene_sets(super()._cell_inputs(treatments), self._members)
        return self._score_standardizer(scores).astype(np.float32)

    def _fit_compounds(self, training: Treatments, seed: int) -> None:
        if self._has_compounds:
            corpus = training.smiles
            if self.corpus is not None:
                corpus = tuple(canonical_smiles(text) for text in self.corpus)
            self._word_vectors = WordVectors(corpus, self.n_components, seed)

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        return {
            "n_pathways": tensors.cells.shape[1],
            "n_components": tensors.compounds[0].shape[1] if tensors.compounds else 0,
            "widths": tuple(int(width) for width in self.hidden),
            "dropout": self.dropout,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        return (self._word_vectors.encode(smiles),)
