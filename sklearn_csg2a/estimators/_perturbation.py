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
from sklearn_csg2a.estimators._networks import csg2a_config, csg2a_from_state
from sklearn_csg2a.estimators._preparation import build_csg2a
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.inference import predict_perturbed
from sklearn_csg2a.treatments import read_response

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from sklearn_csg2a.nn import CSG2A
    from sklearn_csg2a.training.data import TreatmentTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["PerturbationRegressor"]


class PerturbationRegressor(BaseCSG2A):
    """Predict how compounds change gene expression.

    The first step of CSG2A: a network whose first layer is made of gene-gene
    attention, conditioned on basal expression, compound structure, dose and time
    and guided by an interactome, learns to predict perturbed expression. The fitted
    model is passed to :class:`DrugResponseRegressor` in a
    `sklearn.frozen.FrozenEstimator`.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    interactome : DataFrame, array, sparse array or None, default=None
        Edges (columns source and target), or a symmetric (n_genes, n_genes) adjacency
        matrix in gene order. None: self-loops only. Edges may have a score from 0 to 1.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="auto"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    train_encoder : bool, default=False
        Train the network of a `MATEncoder` along with the rest. `compound_encoder` is
        then "mat" or a MATEncoder, whose weights are the initial ones.
    attention : {"paper", "gated", "released", "off"}, default="paper"
        How the attention is applied: "paper", as the matrix-vector product of the
        paper; "gated", the same with a learned skip connection; "released", as the row
        sums of the published code; "off", not at all.
    hidden_dim : int, default=64
        Width of the query vector of a gene.
    dropout : float, default=0.1
        Probability that a hidden value is zeroed in training.
    gene_dropout : float, default=0.0
        Probability that a gene of a cell is hidden in training. About 0.5 keeps the
        network from memorising cell lines, which helps with new ones.
    max_epochs : int, default=100
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" makes about 100 steps per epoch, with
        32 to 512 rows each.
    learning_rate : float, default=3e-3
        Initial learning rate of AdamW.
    weight_decay : float, default=1e-4
        Weight decay of AdamW.
    early_stopping : bool, default=True
        Hold out rows, keep the weights of the epoch with the smallest error on them,
        and stop after `patience` epochs without improvement.
    patience : int, default=20
        Number of epochs without improvement after which training stops.
    validation : float or splitter, default=0.1
        Fraction of rows held out at random, keeping the rows of a pair of cell and
        compound together, or a splitter whose first split is used. A splitter that
        shuffles with ``random_state=None`` follows `random_state`. With
        `DrugBlindKFold` the best epoch is judged on unseen compounds.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    default_dose : float, default=10.0
        Dose in uM if X has no column ``dose``.
    default_time : float, default=72.0
        Time in hours if X has no column ``time``.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``. Dose
        and time under another name must be present in `fit` and may be absent in
        `predict`; the cell line may be absent if X has gene columns.
    device : str, default="auto"
        Device of the network; "auto" is CUDA if there is one, otherwise the CPU.
        "accelerate" trains with all processes of `accelerate launch`, each on its share
        of every batch; `random_state` must then be an integer.
    precision : {"float32", "bf16"}, default="float32"
        "bf16" computes the matrix products of training in bfloat16. Weights and
        predictions stay in float32. It is faster on processors with such instructions.
    n_members : int, default=1
        Number of networks whose predictions are averaged. They are trained at the same
        time, each on a thread of its own; with `callbacks`, one after the other.
    max_samples : float, default=1.0
        Share of the training rows that each network is fitted to, drawn without
        replacement. With 0.4, twenty members take about eight times as long as one.
    compile : bool, default=False
        Run training steps through `torch.compile`. Compilation takes a while, so it
        pays off in long fits; on a CPU it needs a C++ compiler.
    warm_start : bool, default=False
        Start from a copy of the fitted weights instead of new ones; genes are matched
        to those of the first fit by name.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : path, default=None
        File written after each epoch; a fit with the same data and parameters resumes
        from it. Needs an integer `random_state`. Each of several members, and each fit
        of a cross-validation or search, has its own file beside it.
    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, batches, dropout and validation rows. Global
        random states are never changed.
    verbose : int, default=0
        If 1, show one progress line.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    net_ : skorch.NeuralNetRegressor
        The trained network; ``net_.module_`` is the torch module.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds. With `train_encoder`, a
        MATEncoder that holds the trained weights.
    members_ : list
        With several members, the fitted estimator of each: the same as a fit with
        ``n_members=1`` and the `random_state` that it has. `net_`, `encoder_` and
        other attributes are then those of the first one, `n_iter_` and `best_epoch_`
        the largest, and `history_` has a column ``member``.
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
    DrugResponseRegressor : Predict ln IC50, with or without this pretraining.

    Notes
    -----
    With basal expression g and chemical condition D, both (genes,), the network
    computes ``y = W relu(LayerNorm(A g))``, ``A = Q Q^T / sqrt(h) + A_PPI`` and
    ``Q = diag(g) W_gene + diag(D) W_comp`` (paper, Appendix A.1). A is never built;
    see :class:`sklearn_csg2a.nn.GeneGeneAttention`. The loss is the mean squared
    error over all outputs. Any outputs are learned; if they are the genes of X, they
    have to be in the order of X or `expression`.

    With `train_encoder`, each compound of a batch is encoded once, whatever the
    number of its cells, doses and times. So that a batch has fewer compounds than
    rows, the rows of a compound are divided at random into groups of about eight,
    and batches consist of such groups.

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
        n_members: int = 1,
        max_samples: float = 1.0,
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
        self.n_members = n_members
        self.max_samples = max_samples
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
            Does not depend on the other rows of X, bit for bit.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        check_is_fitted(self)
        n_outputs = len(self._location)
        values = self._predict_rows(X, self._predict_treatments, n_outputs)
        return values[:, 0] if self._has_one_column else values

    @steady_threads()
    def predict_change(self, X: Any) -> np.ndarray:
        """Predict the change of expression from basal.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        change : ndarray of shape (n_treatments, n_genes)
            Predicted minus basal expression, in their units and in the order of
            `genes_`; NaN in rows whose SMILES is invalid, if `on_invalid_smiles` is
            "nan".

        Raises
        ------
        InputError
            If the model does not predict one value per gene, or X cannot be used.
        """
        self._check_one_output_per_gene()
        return self._predict_rows(X, self._subtract_basal, len(self.genes_))

    @steady_threads()
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
            Appendix C.2), in their units; NaN in rows whose SMILES is invalid, if
            `on_invalid_smiles` is "nan".

        Raises
        ------
        InputError
            If the model does not predict one value per gene, or X cannot be used.
        """
        self._check_one_output_per_gene()
        return self._predict_rows(
            X, lambda rows: np.linalg.norm(self._subtract_basal(rows), axis=1)
        )

    def _check_one_output_per_gene(self) -> None:
        """Refuse a model whose predictions are no expression of its genes."""
        check_is_fitted(self)
        n_outputs, n_genes = len(self._location), len(self.genes_)
        if n_outputs != n_genes:
            raise InputError(
                f"The model predicts {n_outputs} outputs for {n_genes} genes; a change "
                "of expression and its distance need one output per gene."
            )

    def _subtract_basal(self, treatments: Treatments) -> np.ndarray:
        """Return the change of validated treatments, (rows, genes)."""
        basal = treatments.basal_expression[treatments.cell_index]
        return self._predict_treatments(treatments) - basal

    @property
    def _has_one_column(self) -> bool:
        return self._single_output

    def _predict_network(self, tensors: TreatmentTensors) -> np.ndarray:
        """Predict by the network of this model alone, (rows, outputs)."""
        return self._to_units(predict_perturbed(self.net_.module_, tensors))

    def _read_target(self, X: Any, y: Any, treatments: Treatments) -> np.ndarray:
        """Read perturbed expression; record whether it was one column."""
        del X
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
