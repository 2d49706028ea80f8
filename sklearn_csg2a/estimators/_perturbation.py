"""PerturbationRegressor: predict perturbed expression from treatments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.choices import (
    AttentionForm,
    CompoundEncoder,
    MissingGenes,
    OnInvalidSmiles,
    Precision,
)
from sklearn_csg2a.estimators._base import BaseCSG2A
from sklearn_csg2a.estimators._networks import (
    build_csg2a,
    csg2a_config,
    csg2a_from_state,
)
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.inference import predict_perturbed
from sklearn_csg2a.treatments import read_response

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from sklearn_csg2a.nn import CSG2A
    from sklearn_csg2a.treatments import Treatments

__all__ = ["PerturbationRegressor"]


class PerturbationRegressor(BaseCSG2A):
    """Predict how compounds change gene expression.

    The first step of CSG2A: a network whose first layer is made of gene-gene
    attention, conditioned on basal expression, compound structure, dose and time
    and guided by an interactome, learns perturbed expression. Fitted, it is handed
    to :class:`DrugResponseRegressor` in a `sklearn.frozen.FrozenEstimator`.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression; index cell ids, columns gene symbols. Rows of X are looked
        up in it by ``cell_line``. None: X carries one column per gene.
    interactome : DataFrame, array, sparse array or None, default=None
        Edges (columns source, target and optionally score between 0 and 1), or a
        symmetric (n_genes, n_genes) adjacency in gene order. None: self loops only.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="auto"
        From a list of SMILES to a 2-D array. "auto" is the Morgan fingerprint.
    train_encoder : bool, default=False
        Train the network of a `MATEncoder` along with the rest; `compound_encoder`
        is "mat" or a MATEncoder, whose weights are where it starts.
    attention : {"paper", "gated", "released", "off"}, default="paper"
        How the attention acts: the matrix-vector product of the paper, the same
        beside a path around it, the row sums of the published code, or not at all.
    hidden_dim : int, default=64
        Width of a gene's query vector.
    dropout : float, default=0.1
        Probability that a hidden value is zeroed in training.
    gene_dropout : float, default=0.0
        Probability that a gene of a cell is hidden in training. About 0.5 keeps the
        network from memorising cell lines, which helps with new ones.
    max_epochs : int, default=100
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Treatments per step. "auto" takes about 100 steps an epoch, between 32 and
        512 treatments each.
    learning_rate : float, default=3e-3
        First learning rate of AdamW.
    weight_decay : float, default=1e-4
        Weight decay of AdamW.
    early_stopping : bool, default=True
        Hold out treatments, keep the weights of the best epoch on them, and stop
        after `patience` epochs without a better one.
    patience : int, default=20
        Epochs without improvement before training stops.
    validation : float or splitter, default=0.1
        The fraction of treatments held out at random, or a splitter whose first
        split is used: with `DrugBlindKFold` the best epoch is judged on unseen
        compounds. A fraction holds out all rows of a pair of cell and compound, of any
        dose and time, or none of them; too few rows leave nothing held out. A splitter
        that shuffles with ``random_state=None``, of this package or of scikit-learn,
        follows `random_state`; any other seed is its own (splitters of this package
        have 0 by default).
    missing_genes : {"error", "zero"}, default="error"
        What to do where X lacks genes of the model; zero is the population median
        in robust-z space.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What predict does with SMILES that cannot be read; fit always raises.
    default_dose : float, default=10.0
        Dose in uM where X has no column ``dose``.
    default_time : float, default=72.0
        Time in hours where X has no column ``time``.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
        Dose and time under another name must be there in fit and may be absent in
        predict; the cell line may be absent wherever X has gene columns.
    device : str, default="auto"
        "auto" takes CUDA where there is one. "accelerate" takes the device that
        `accelerate launch` assigns and trains with all its processes, each on its
        share of every batch; `random_state` must be an integer.
    precision : {"float32", "bf16"}, default="float32"
        "bf16" runs the matrix products of training in bfloat16, which is faster
        where the processor has such instructions. Weights, norms and predictions
        stay in float32.
    compile : bool, default=False
        Run training steps through `torch.compile`. Compiling takes a while at first,
        so it is for long fits; on a CPU it needs a C++ compiler.
    warm_start : bool, default=False
        Start from a copy of the fitted weights instead of new ones; genes are
        matched to those of the first fit by name.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : path, default=None
        File written after each epoch; a fit with the same data and parameters
        resumes from it. Needs an integer `random_state`: with any other, no later
        fit draws the same random numbers.
    random_state : int, RandomState instance or None, default=None
        Decides first weights, batches, dropout and validation rows. Process-wide
        random states are never touched.
    verbose : int, default=0
        1 shows one progress line.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes, in the order the network knows them.
    net_ : skorch.NeuralNetRegressor
        The trained net; ``net_.module_`` is the torch module.
    encoder_ : transformer or None
        The fitted compound encoder. With `train_encoder`, a MATEncoder that holds
        the trained weights.
    history_ : DataFrame of shape (n_iter_, n_columns)
        One row per epoch: train_loss and valid_loss in squared units of y,
        learning_rate, seconds.
    best_epoch_ : int
        Epoch whose weights were kept, from 1; 0 if the fit was interrupted before
        the end of the first.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device of the network.
    interrupted_ : bool
        Whether the fit was stopped from the keyboard.
    n_features_in_ : int
        Number of columns of X in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in fit, if all are strings.

    See Also
    --------
    DrugResponseRegressor : Predict ln IC50, with or without this pretraining.

    Notes
    -----
    With basal expression g and chemical condition D, both (genes,), the network
    computes ``y = W relu(LayerNorm(A g))``, ``A = Q Q^T / sqrt(h) + A_PPI`` and
    ``Q = diag(g) W_gene + diag(D) W_comp`` (paper, Appendix A.1). A is never built;
    see :class:`sklearn_csg2a.nn.GeneGeneAttention`. The loss is the mean squared
    error over all outputs.

    With `train_encoder`, each compound of a batch is encoded once, whatever the
    number of its cells, doses and times. To have fewer compounds than rows in a
    batch, rows of one compound are dealt at random into groups of about eight, and
    batches are made of such groups.

    References
    ----------
    Bang, D., Koo, B. and Kim, S. (2025). Transfer Learning of Condition-Specific
    Perturbation in Gene Interactions. ICML Workshop on Multi-modal Foundation Models
    and Large Language Models for Life Sciences.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> X, Y = screen.perturbation.X[:200], screen.perturbation.Y[:200]
    >>> model = PerturbationRegressor(
    ...     expression=screen.expression, interactome=screen.interactome,
    ...     max_epochs=2, random_state=0)
    >>> model.fit(X, Y).score(X, Y) > 0.3
    True
    """

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        interactome: Any = None,
        compound_encoder: CompoundEncoder = "auto",
        train_encoder: bool = False,
        attention: AttentionForm = "paper",
        hidden_dim: int = 64,
        dropout: float = 0.1,
        gene_dropout: float = 0.0,
        max_epochs: int = 100,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-4,
        early_stopping: bool = True,
        patience: int = 20,
        validation: Any = 0.1,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        default_dose: float = 10.0,
        default_time: float = 72.0,
        columns: dict[str, str] | None = None,
        device: str = "auto",
        precision: Precision = "float32",
        compile: bool = False,  # noqa: A002 (torch's name)
        warm_start: bool = False,
        callbacks: list[Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.expression = expression
        self.interactome = interactome
        self.compound_encoder = compound_encoder
        self.train_encoder = train_encoder
        self.attention = attention
        self.hidden_dim = hidden_dim
        self.dropout = dropout
        self.gene_dropout = gene_dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation = validation
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.default_dose = default_dose
        self.default_time = default_time
        self.columns = columns
        self.device = device
        self.precision = precision
        self.compile = compile
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @steady_threads()
    def predict(self, X: Any) -> np.ndarray:
        """Predict perturbed expression.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        Y : ndarray of shape (n_treatments, n_outputs) or (n_treatments,)
            In the units of the Y given to fit, which also decides the shape.
            Does not depend on the other rows of X, to the last bit.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        check_is_fitted(self)
        n_outputs = len(self._location)
        values = self._predict_rows(X, self._predict_treatments, n_outputs)
        return values[:, 0] if self._single_output else values

    def perturbation_distance(self, X: Any) -> np.ndarray:
        """Measure how far each treatment is predicted to move its cell.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        distance : ndarray of shape (n_treatments,)
            Euclidean distance between basal and predicted expression (paper,
            Appendix C.2).

        Raises
        ------
        InputError
            If the model does not predict one value per gene.
        """
        treatments = self._read_for_predict(X)
        perturbed = self.predict(X).reshape(treatments.n_rows, -1)
        if perturbed.shape[1] != treatments.n_genes:
            msg = (
                f"The model predicts {perturbed.shape[1]} outputs for "
                f"{treatments.n_genes} genes; a distance needs one output per gene."
            )
            raise InputError(msg)
        basal = treatments.basal_expression[treatments.cell_index]
        return np.linalg.norm(perturbed - basal, axis=1)

    def _predict_treatments(self, treatments: Treatments) -> np.ndarray:
        """Predict validated treatments, (rows, outputs)."""
        tensors = self._predict_tensors(treatments)
        return self._to_units(predict_perturbed(self.net_.module_, tensors))

    def _read_target(self, y: Any, treatments: Treatments) -> np.ndarray:
        """Read perturbed expression; remember whether it was one column."""
        response = read_response(
            y,
            treatments,
            multi_output=True,
            ln_ic50=False,
            estimator_name=type(self).__name__,
        )
        self._single_output = response.ndim == 1
        return response.reshape(len(response), -1)

    def _build_network(
        self, treatments: Treatments, compound_dim: int, n_outputs: int
    ) -> CSG2A:
        """Return a new network."""
        return build_csg2a(self, treatments, compound_dim, n_outputs)

    def _network_config(self) -> dict[str, Any]:
        """Return what rebuilds the network."""
        return csg2a_config(self.net_.module_)

    @classmethod
    def _network_from_state(
        cls, config: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> CSG2A:
        """Rebuild the network; weights are loaded afterwards."""
        return csg2a_from_state(config, arrays)

    def __sklearn_tags__(self) -> Tags:
        """Declare several outputs."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
