"""DrugResponseRegressor: predict ln IC50 from treatments."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from sklearn_csg2a._utils.choices import (
    AttentionForm,
    Auto,
    CompoundEncoder,
    Levels,
    MissingGenes,
    Novelty,
    OnInvalidSmiles,
    Precision,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import HasMethods, Interval, StrOptions
from sklearn_csg2a.estimators._base import BaseCSG2A
from sklearn_csg2a.estimators._levels import PredictsLevels
from sklearn_csg2a.estimators._networks import response_config, response_from_state
from sklearn_csg2a.estimators._prediction import PredictsResponse
from sklearn_csg2a.estimators._preparation import (
    ScalesExpression,
    build_csg2a,
    build_response,
    chosen,
)
from sklearn_csg2a.estimators._pretrained import (
    ForgetsPretrained,
    copy_pretrained,
    encoder_of,
    find_pretrained,
    genes_of,
)
from sklearn_csg2a.estimators._settings import SETTINGS
from sklearn_csg2a.training.inference import predict_response
from sklearn_csg2a.treatments import read_response

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from sklearn_csg2a.nn import ResponseNetwork
    from sklearn_csg2a.training.data import TreatmentTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["DrugResponseRegressor"]

_AUTO = StrOptions(options(Auto))


class DrugResponseRegressor(
    ForgetsPretrained, PredictsResponse, PredictsLevels, ScalesExpression, BaseCSG2A
):
    """Predict drug response (ln IC50) of cells to compounds.

    The second step of CSG2A: a frozen, pretrained perturbation network between a
    scaling layer that adapts the expression and a head that predicts the response.

    Parameters
    ----------
    novelty : {"pair", "cell", "compound", "both"} or None, default=None
        What will be new in the rows to predict: pairs of known cell lines and
        compounds, cell lines, compounds, or both. Parameters that are "auto" take the
        values that predicted it best in GDSC2, which the notes list. None: as "pair".
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    pretrained : FrozenEstimator, path or None, default=None
        A fitted :class:`PerturbationRegressor` inside
        `sklearn.frozen.FrozenEstimator`, or the path of one saved by `save_model`.
        Its genes, interactome, compound encoder, attention and hidden_dim replace
        the parameters of these names. None: all parts are trained from scratch.
    freeze : bool, default=True
        Keep the pretrained part as it is: no gradient, batch-norm statistics fixed,
        dropout off. Ignored without `pretrained`.
    new_genes : {"drop", "add"}, default="drop"
        How to treat genes of X that the pretrained model lacks. "drop" leaves them
        out: the genes are those of the pretraining, matched by name. "add" uses the
        genes of X and needs ``freeze=False``: genes of both keep their weights, new
        ones start untrained and without effect on the perturbed expression, and the
        others are removed. `interactome` then joins the genes of X; None keeps the
        edges between genes of both. Ignored without `pretrained`.
    expression_scaler : transformer or None, default=None
        Fitted to the basal expression of the unique training cells, without those
        held out for early stopping, and applied to all cells, such as
        :class:`~sklearn_csg2a.preprocessing.RobustZScore`. None: no scaling.
    head_hidden : tuple of int or "auto", default="auto"
        Widths of the hidden layers of the response head.
    bilinear_dim : int or "auto", default="auto"
        Width of a bilinear term of basal expression and condition in the head; none
        if 0, as published. About 64, with `gene_dropout`, helps with new cell lines.
    level : {"auto", "structure"}, regressor or None, default="auto"
        Model of the mean response of compounds, such as
        :class:`~sklearn_csg2a.baselines.PotencyRegressor`; the network then learns what
        differs between cell lines: see :class:`LevelRankingRegressor`, where
        predictions are also centred. "structure" is a Gaussian process on the mean
        similarity of nine fingerprints; "auto" is that if compounds will be new
        ("compound", "both"), else None: the network predicts all.
    cell_effects : bool or "auto", default="auto"
        Set mean effects of training cell lines apart like levels, and add them to the
        predictions for these cell lines. Ignored if `level` is None. "auto" is True
        with ``novelty="compound"``.
    interactome : DataFrame, array, sparse array or None, default=None
        Edges (columns source and target), or a symmetric (n_genes, n_genes) adjacency
        matrix in gene order. None: self-loops only. Edges may have a score from 0 to 1.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="auto"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer. With
        ``novelty="compound"``, "auto" is both, side by side.
    train_encoder : bool, default=False
        Train the network of a `MATEncoder` along with the rest. With `pretrained`, its
        encoder is trained, which needs ``freeze=False``.
    attention : {"paper", "gated", "released", "off"}, default="gated"
        How the attention is applied: "paper", as the matrix-vector product of the
        paper; "gated", the same with a learned skip connection; "released", as the row
        sums of the published code; "off", not at all.
    hidden_dim : int, default=64
        Width of the query vector of a gene.
    dropout : float or "auto", default="auto"
        Probability that a hidden value is zeroed in training.
    gene_dropout : float or "auto", default="auto"
        Probability that a gene of a cell is hidden in training. About 0.5 keeps the
        network from memorising cell lines, which helps with new ones.
    max_epochs : int or "auto", default="auto"
        Maximum number of epochs; the learning rate falls along half a cosine. "auto"
        makes more of them, up to twice as many, with fewer than about 1,000 rows.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. "auto" makes about 37 steps per epoch, with
        32 to 2048 rows each.
    learning_rate : float or "auto", default="auto"
        Initial learning rate of AdamW.
    weight_decay : float, default=1e-4
        Weight decay of AdamW.
    early_stopping : bool or "auto", default="auto"
        Hold out rows, keep the weights of the epoch with the smallest error on them,
        and stop after `patience` epochs without improvement. "auto" does so if
        `validation` is given: held-out rows are missing in training, and with one or
        two hundred compounds to learn from, too few to choose an epoch by.
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
    scaler_ : transformer or None
        The fitted expression scaler.
    level_ : regressor or None
        The fitted model of levels; None if there is none, or a single compound.

    See Also
    --------
    PerturbationRegressor : The first step.
    sklearn_csg2a.model_selection.DrugBlindKFold : Test on unseen compounds.

    Notes
    -----
    With basal expression g and chemical condition D, both (genes,), the scaling layer
    computes ``g' = (g - mu) / sigma`` with learned scalars that start at 0 and 1, the
    pretrained network predicts the perturbed expression of g', and the head sees g, the
    perturbed expression and D (paper, Appendix A.2). Its output starts at the mean of
    y. The loss is the mean squared error.

    What `novelty` chooses, along with ``head_hidden=(256, 64)``:

    =============  ======  ======  ========  ======
    parameter      pair    cell    compound  both
    =============  ======  ======  ========  ======
    max_epochs     40      20      10        4
    learning_rate  6e-4    6e-4    3e-4      3e-4
    dropout        0.1     0.5     0.3       0.5
    gene_dropout   0.0     0.7     0.5       0.7
    bilinear_dim   0       64      0         0
    =============  ======  ======  ========  ======

    "compound" and "both" also choose `level`, "compound" `compound_encoder`.

    References
    ----------
    Bang, D., Koo, B. and Kim, S. (2025). Transfer Learning of Condition-Specific
    Perturbation in Gene Interactions. ICML Workshop on Multi-modal Foundation Models
    and Large Language Models for Life Sciences.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> first = PerturbationRegressor(
    ...     expression=screen.expression, max_epochs=2, random_state=0)
    >>> first = first.fit(screen.perturbation.X[:200], screen.perturbation.Y[:200])
    >>> model = DrugResponseRegressor(
    ...     pretrained=FrozenEstimator(first), expression=screen.expression,
    ...     max_epochs=2, random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.6
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseCSG2A._parameter_constraints,
        "pretrained": "no_validation",
        "freeze": ["boolean"],
        "new_genes": [StrOptions({"drop", "add"})],
        "expression_scaler": "no_validation",
        "novelty": [StrOptions(options(Novelty)), None],
        **{
            name: [*BaseCSG2A._parameter_constraints[name], _AUTO]
            for name in (
                "dropout",
                "gene_dropout",
                "max_epochs",
                "learning_rate",
                "early_stopping",
            )
        },
        "head_hidden": ["array-like", _AUTO],
        "level": [
            HasMethods(["fit", "predict"]),
            StrOptions({"auto", "structure"}),
            None,
        ],
        "cell_effects": ["boolean", _AUTO],
        "bilinear_dim": [Interval(Integral, 0, None, closed="left"), _AUTO],
    }

    def __init__(
        self,
        *,
        novelty: Novelty | None = None,
        expression: pd.DataFrame | None = None,
        pretrained: Any = None,
        freeze: bool = True,
        new_genes: Literal["drop", "add"] = "drop",
        expression_scaler: Any = None,
        head_hidden: tuple[int, ...] | Auto = "auto",
        bilinear_dim: int | Auto = "auto",
        level: Levels = "auto",
        cell_effects: bool | Auto = "auto",
        interactome: Any = None,
        compound_encoder: CompoundEncoder = "auto",
        train_encoder: bool = False,
        attention: AttentionForm = "gated",
        hidden_dim: int = 64,
        dropout: float | Auto = "auto",
        gene_dropout: float | Auto = "auto",
        max_epochs: int | Auto = "auto",
        batch_size: int | Auto = "auto",
        learning_rate: float | Auto = "auto",
        weight_decay: float = 1e-4,
        early_stopping: bool | Auto = "auto",
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
        self.novelty = novelty
        self.expression = expression
        self.pretrained = pretrained
        self.freeze = freeze
        self.new_genes = new_genes
        self.expression_scaler = expression_scaler
        self.head_hidden = head_hidden
        self.bilinear_dim = bilinear_dim
        self.level = level
        self.cell_effects = cell_effects
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

    @property
    def _settings(self) -> dict[str, Any]:
        """Return what parameters stand for that are "auto"."""
        return SETTINGS[self.novelty]

    def _read_for_fit(self, X: Any) -> Treatments:
        """Find the pretrained model, then read X with its genes."""
        self._pretrained = None if self.pretrained is None else find_pretrained(self)
        return super()._read_for_fit(X)

    def _genes_to_read(self, *, plain: bool) -> tuple[str, ...] | None:
        """Return the genes of the first fit or the pretraining, which fit must find."""
        known = super()._genes_to_read(plain=plain)
        if known is not None or self._pretrained is None or self.new_genes == "add":
            return known
        return genes_of(self._pretrained, plain=plain and self.expression is None)

    def _fit_encoder(self, treatments: Treatments, train_rows: np.ndarray) -> Any:
        """Take the encoder of the pretraining, or fit a new one."""
        if self._pretrained is None:
            return super()._fit_encoder(treatments, train_rows)
        return encoder_of(self._pretrained, has_compounds=treatments.has_compounds)

    def _read_target(self, X: Any, y: Any, treatments: Treatments) -> np.ndarray:
        """Read the response, one number per treatment."""
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        self._levels, self.level_ = None, None
        if chosen(self, "level") is not None:
            response = self._subtract_known_part(X, treatments, response)
        return response.reshape(-1, 1)

    def _build_network(
        self, treatments: Treatments, compound_dim: int, n_outputs: int
    ) -> ResponseNetwork:
        """Return a new head on the pretrained or a new CSG2A."""
        del n_outputs
        if self._pretrained is None:
            csg2a = build_csg2a(self, treatments, compound_dim, treatments.n_genes)
            return build_response(self, csg2a, freeze=False)
        csg2a = copy_pretrained(self, self._pretrained, treatments)
        return build_response(self, csg2a, freeze=self.freeze)

    def _predict_network(self, tensors: TreatmentTensors) -> np.ndarray:
        """Predict by the network of this model alone, (rows, 1)."""
        return self._to_units(predict_response(self.net_.module_, tensors))

    def _network_config(self) -> dict[str, Any]:
        """Return what rebuilds the network."""
        return response_config(self.net_.module_)

    @classmethod
    def _network_from_state(
        cls, config: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> ResponseNetwork:
        """Rebuild the network; weights are loaded afterwards."""
        return response_from_state(config, arrays)
