"""PathDNN: dense layers, the first of them masked by pathways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from sklearn_csg2a.baselines.deep._gene_sets import (
    choose_gene_sets,
    membership,
    nest_modules,
)
from sklearn_csg2a.baselines.pathdnn.network import PathDNNNetwork
from sklearn_csg2a.chem import canonical_smiles
from sklearn_csg2a.encoders import MorganEncoder, encode_compounds
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["PathDNN"]

_N_MODULES = 100


class PathDNN(DeepResponse):
    """Dense network whose first layer connects pathways only to their genes.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    gene_sets : dict of str to list of str, default=None
        Genes of each pathway, as returned by `load_gene_sets`. None groups the genes
        into at most 100 modules with similar expression across the training cells; if
        there are 20 modules or fewer, they are grouped again into half as many, and so
        on.
    targets : dict of str to list of str, default=None
        Target genes of each compound, by SMILES in any spelling; needs `gene_sets`.
        Compounds that are not in it have no target. None: compounds are described by
        Morgan fingerprints (radius 2, 2048 bits), which enter after the pathways.
    min_genes : int, default=5
        Pathways with fewer genes of the model are left out.
    hidden : tuple of int, default=(256, 256)
        Widths of the hidden layers after the pathways.
    dropout : float, default=0.2
        Dropout of the hidden layers after the pathways.
    max_epochs : int, default=60
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" is 128, or fewer if an epoch would have
        fewer than twelve steps, but at least 16.
    batching : {"rows", "blocks"}, default="rows"
        How the rows of a step are drawn: independently, as published, or in blocks of
        random cells and random compounds, for which each encoder runs on far fewer
        inputs.
    learning_rate : float, default=2e-4
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
    targets_ : list of str
        Target genes in use; empty with fingerprints.
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
    DRPreter : Pathways as graphs.
    sklearn_csg2a.datasets.load_gene_sets : Gene sets to use.

    Notes
    -----
    What differs from the published model: pathways and targets are those given,
    instead of those of KEGG and of a table without gene names; expression is
    standardised over the training cells; the initial weights of a pathway are scaled by
    the number of its genes. Settings and early stopping are those of an independent
    re-implementation for ln IC50; the published ones are 549 epochs of 512 rows, a
    learning rate of 1e-4 and a weight decay of 1e-4. With `targets`, compounds
    without any cannot be distinguished. Dose and time are ignored.

    References
    ----------
    Deng, L. et al. (2020). Pathway-guided deep neural network toward interpretable and
    predictive modeling of drug sensitivity. Journal of Chemical Information and
    Modeling 60, 4497-4505.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import PathDNN
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = PathDNN(
    ...     expression=screen.expression, max_epochs=10, learning_rate=1e-3,
    ...     random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.2
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "gene_sets": [Mapping, None],
        "targets": [Mapping, None],
        "min_genes": [Interval(Integral, 1, None, closed="left")],
        "hidden": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = PathDNNNetwork
    _largest_batch_size = 128

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        gene_sets: Mapping[str, Sequence[str]] | None = None,
        targets: Mapping[str, Sequence[str]] | None = None,
        min_genes: int = 5,
        hidden: tuple[int, ...] = (256, 256),
        dropout: float = 0.2,
        max_epochs: int = 60,
        batch_size: int | Literal["auto"] = "auto",
        batching: Batching = "rows",
        learning_rate: float = 2e-4,
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
        self.targets = targets
        self.min_genes = min_genes
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
        self.gene_sets_, pathways = choose_gene_sets(
            self.gene_sets,
            training.genes,
            self.min_genes,
            lambda: nest_modules(self._cell_inputs(training), _N_MODULES, seed),
        )
        self._members = membership(pathways, training.n_genes)

    def _fit_compounds(self, training: Treatments, seed: int) -> None:
        self.targets_: list[str] = []
        if self.targets is None or not self._has_compounds:
            return
        if self.gene_sets is None:
            msg = "targets needs gene_sets, which tell the pathways of a target."
            raise InputError(msg)
        self._targets_of = {
            canonical_smiles(smiles): set(genes)
            for smiles, genes in self.targets.items()
        }
        full = {name: set(self.gene_sets[name]) for name in self.gene_sets_}
        found = _targets_of(training.smiles, self._targets_of)
        self.targets_ = sorted(found & set().union(*full.values()))
        if not self.targets_:
            msg = (
                "No training compound has a target that is in any of the gene_sets. "
                "Use the same gene symbols in targets and gene_sets, or targets=None."
            )
            raise InputError(msg)
        holds_target = [
            [gene in members for gene in self.targets_] for members in full.values()
        ]
        self._members = np.hstack([self._members, np.array(holds_target, np.float32)])

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        uses_bits = bool(tensors.compounds) and not self.targets_
        return {
            "members": self._members,
            "n_targets": len(self.targets_),
            "n_bits": tensors.compounds[0].shape[1] if uses_bits else 0,
            "widths": tuple(int(width) for width in self.hidden),
            "dropout": self.dropout,
        }

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        if not self.targets_:
            return (encode_compounds(MorganEncoder(), list(smiles)),)
        table = [
            [gene in self._targets_of.get(text, ()) for gene in self.targets_]
            for text in smiles
        ]
        return (np.array(table, dtype=np.float32),)


def _targets_of(smiles: Iterable[str], targets: Mapping[str, set[str]]) -> set[str]:
    """Return the target genes of all compounds together."""
    return set().union(*(targets.get(text, set()) for text in smiles))
