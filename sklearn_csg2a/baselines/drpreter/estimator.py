"""DRPreter: pathway graphs of expression, a graph network, and a transformer."""

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
from sklearn_csg2a.baselines.deep._base import DeepResponse
from sklearn_csg2a.baselines.deep._gene_sets import choose_gene_sets, group_genes
from sklearn_csg2a.baselines.drpreter.network import DRPreterNetwork
from sklearn_csg2a.chem.graphs.atoms import (
    N_ATOM_FEATURES,
    atom_graph,
    pad_atom_graphs,
)
from sklearn_csg2a.treatments._genes import read_interactome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from scipy import sparse

    from sklearn_csg2a.baselines.deep._data import PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["DRPreter"]

_N_MODULES = 34  # the number of published pathways
_MIN_GENES_PER_MODULE = 20  # on average


class DRPreter(DeepResponse):
    """Pathway graphs and a compound graph, joined by a transformer.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    gene_sets : dict of str to list of str, default=None
        Genes of each pathway, as returned by `load_gene_sets`. None groups the genes
        into modules with similar expression across the training cells: one for every 20
        genes, at most 34. Pathways share their weights, so the network tells genes
        apart by their position in a pathway, which needs large modules.
    interactome : DataFrame, array, sparse array or None, default=None
        Edges (columns source and target), or a symmetric (n_genes, n_genes) adjacency
        matrix in gene order. None: self-loops only. Only edges inside a pathway are
        used.
    min_genes : int, default=5
        Pathways with fewer genes of the model are left out.
    dropout : float, default=0.1
        Dropout of the towers and the head.
    max_epochs : int, default=300
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 128, or fewer if an epoch would have
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
    GraphDRP : Without pathways.
    sklearn_csg2a.datasets.load_gene_sets : Gene sets to use.

    Notes
    -----
    What differs from the published model: pathways are those given, instead of 34
    cancer pathways of KEGG, which may not be redistributed; expression is
    standardised over the training cells, not over all; the edges of a pathway join its
    own genes, and no token is masked, as the published code intends but does not do;
    compounds keep their stereochemistry. The optional stage on similarity graphs, which
    uses the test set, is left out. The attention is the published one, but that
    among pathways is computed once per cell. Dose and time are
    ignored. Rows of a compound in a batch share its dropout; batch norm weighs
    compounds by their rows. The published learning rate is constant, and so is the
    published patience of 100.

    References
    ----------
    Shin, J. et al. (2022). DRPreter: interpretable anticancer drug response prediction
    using knowledge-guided graph neural networks and transformer. International Journal
    of Molecular Sciences 23, 13919.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import DRPreter
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = DRPreter(expression=screen.expression, max_epochs=1, random_state=0)
    >>> model = model.fit(screen.X, screen.y)

    Without `gene_sets`, 20 genes make a module on average.

    >>> len(model.genes_), len(model.gene_sets_)
    (120, 6)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "gene_sets": [Mapping, None],
        "interactome": "no_validation",
        "min_genes": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = DRPreterNetwork
    _largest_batch_size = 128

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        gene_sets: Mapping[str, Sequence[str]] | None = None,
        interactome: Any = None,
        min_genes: int = 5,
        dropout: float = 0.1,
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
        self.gene_sets = gene_sets
        self.interactome = interactome
        self.min_genes = min_genes
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
        n_modules = max(training.n_genes // _MIN_GENES_PER_MODULE, 1)
        self.gene_sets_, pathways = choose_gene_sets(
            self.gene_sets,
            training.genes,
            self.min_genes,
            lambda: group_genes(
                self._cell_inputs(training), min(n_modules, _N_MODULES), seed
            ),
        )
        self._pathways = list(pathways.values())
        adjacency = read_interactome(
            self.interactome, training.genes, genes_named=training.genes_named
        )
        self._edges = _edges_inside(self._pathways, adjacency)

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        del tensors
        return {
            "pathways": self._pathways,
            "edges": self._edges,
            "n_atom_features": (
                N_ATOM_FEATURES["drpreter"] if self._has_compounds else 0
            ),
            "dropout": self.dropout,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        return pad_atom_graphs([atom_graph(text, "drpreter") for text in smiles])


def _edges_inside(
    pathways: Sequence[Sequence[int]], adjacency: sparse.coo_array
) -> list[tuple[int, int]]:
    """Return the edges inside pathways, as numbers of nodes over all pathways."""
    table = adjacency.tocsr()
    edges: list[tuple[int, int]] = []
    first = 0
    for members in pathways:
        block = table[members][:, members].tocoo()
        is_edge = block.row != block.col
        source, target = block.row[is_edge] + first, block.col[is_edge] + first
        edges += zip(source.tolist(), target.tolist(), strict=True)
        first += len(members)
    return edges
