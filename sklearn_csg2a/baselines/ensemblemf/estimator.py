"""EnsembleMF: the average of small networks of two towers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch

from sklearn_csg2a._utils.choices import (
    Batching,
    MissingGenes,
    OnInvalidSmiles,
    Precision,
)
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines._features import Standardizer
from sklearn_csg2a.baselines.deep._base import DeepResponse
from sklearn_csg2a.baselines.deep._network import predict_pairs
from sklearn_csg2a.baselines.ensemblemf.data import MemberDataset
from sklearn_csg2a.baselines.ensemblemf.network import EnsembleMFNetwork
from sklearn_csg2a.encoders import MorganEncoder, encode_compounds
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.device import use_one_thread_after_fork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from sklearn_csg2a.baselines.deep._data import PairDataset, PairTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = ["EnsembleMF"]


class EnsembleMF(DeepResponse):
    """Average of small networks, each two towers and the product of what they give.

    A tower turns the expression of a cell line, or the fingerprint of a compound, into
    a vector of factors. The response is their product, plus effects of the cell line
    and of the compound, plus what two dense layers make of both vectors and their
    product by factor. Each training compound has a learned vector of its own, too. The
    weights of all members are stacked, so that one step trains all of them.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    n_members : int, default=20
        Number of networks whose predictions are averaged. Each has its own
        initial weights and order of rows.
    width : int, default=256
        Width of the hidden layers.
    n_factors : int, default=128
        Number of factors of each drug and each cell line.
    n_bits : int, default=256
        Number of bits of the Morgan fingerprints (radius 2).
    dropout : float, default=0.2
        Dropout in the block of each tower and before the last layer.
    max_epochs : int, default=300
        Maximum number of epochs; the learning rate falls along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. Each member has its own. "auto" is 2048, as
        published, or fewer if an epoch would have fewer than twelve steps, but at least
        16.
    batching : {"rows", "blocks"}, default="rows"
        How the rows of a step are drawn: independently, as published, or in blocks of
        random cells and random compounds, for which each encoder runs on far fewer
        inputs.
    learning_rate : float, default=3e-4
        Initial learning rate of AdamW.
    weight_decay : float, default=1e-5
        Weight decay of AdamW.
    early_stopping : bool, default=True
        Hold out rows, keep the weights of the epoch with the smallest error on them,
        and stop after `patience` epochs without improvement.
    refit : bool, default=False
        After early stopping, train a new network on all rows, as many epochs as were
        best. Takes up to twice as long.
    patience : int, default=25
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
    LatentFactors : Factors without networks, for known cell lines and compounds.
    sklearn_csg2a.DrugResponseRegressor : CSG2A.

    Notes
    -----
    Written from facts about EnsembleMF of DrEval's package drevalpy 1.6, the leader of
    its board for new cell lines in October 2026, without its code. A tower is a dense
    layer of 256 with ReLU; a block that is added to it (dense layer of 256, layer norm,
    ReLU, dropout); and a dense layer to 128 factors of the sum, plus another one of
    what the block was given. With factors c of the cell and d of the compound, the
    response is ``s * c.d + u.c + v.d + b + f([c, d, c * d])``, where f is a dense layer
    of 256 with ReLU and dropout, and one to a number. The vector of each training
    compound is added to d; it begins near 0 (standard deviation .01), and is 0 for new
    compounds.

    Differences: each gene is ranked among the training cells, also for new cells, then
    standardised; the authors rank all cells, those to be predicted too. Members stop
    together, at the epoch with the smallest error of their mean. The learning rate
    falls. s begins at ``n_factors ** -0.5``: how it begins is not known, and from 1 the
    networks learned far less on an inner split of GDSC2. The constants of the effects
    and of f are one, b. y is standardised. Dose and time are ignored.

    References
    ----------
    DrEval (2025). https://github.com/daisybio/drevalpy (MIT license).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.baselines import EnsembleMF
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = EnsembleMF(
    ...     expression=screen.expression, n_members=3, max_epochs=5, random_state=0
    ... )
    >>> members = model.fit(screen.X, screen.y).predict_members(screen.X)
    >>> bool(np.allclose(members.mean(axis=1), model.predict(screen.X), atol=1e-4))
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DeepResponse._parameter_constraints,
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }
    _network_class = EnsembleMFNetwork
    _largest_batch_size = 2048

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        n_members: int = 20,
        width: int = 256,
        n_factors: int = 128,
        n_bits: int = 256,
        dropout: float = 0.2,
        max_epochs: int = 300,
        batch_size: int | Literal["auto"] = "auto",
        batching: Batching = "rows",
        learning_rate: float = 3e-4,
        weight_decay: float = 1e-5,
        early_stopping: bool = True,
        refit: bool = False,
        patience: int = 25,
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
        self.n_members = n_members
        self.width = width
        self.n_factors = n_factors
        self.n_bits = n_bits
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

    @steady_threads()
    def predict_members(self, X: Any) -> np.ndarray:
        """Predict the response by each member.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows, n_members)
            In the unit of y; their mean is the prediction.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        use_one_thread_after_fork()

        def predict(treatments: Treatments) -> np.ndarray:
            return self._to_units(self._outputs(treatments))

        return self._predict_rows(X, predict, self.net_.module_.n_members)

    def _predict_treatments(self, treatments: Treatments) -> np.ndarray:
        return self._to_units(self._outputs(treatments).mean(axis=1))

    def _outputs(self, treatments: Treatments) -> np.ndarray:
        """Return what each member gives, standardised: (rows, members) float64."""
        tensors = self._tensors(treatments, torch.device(self.device_))
        outputs = predict_pairs(self.net_.module_, tensors)
        return outputs.cpu().numpy().astype(np.float64)

    def _training_data(self, rows: PairDataset) -> MemberDataset:
        seeds = torch.randint(2**62, (self.n_members,), generator=rows.generator)
        return MemberDataset(
            rows.tensors,
            rows.rows,
            rows.target,
            rows_of_block=rows.rows_of_block,
            generators=[torch.Generator().manual_seed(seed) for seed in seeds.tolist()],
        )

    def _fit_cells(self, training: Treatments, seed: int) -> None:
        del seed
        self._sorted_expression = np.sort(training.basal_expression.T)  # (genes, cells)
        self._standardizer = Standardizer(self._rank(training.basal_expression))

    def _cell_inputs(self, treatments: Treatments) -> np.ndarray:
        ranks = self._rank(treatments.basal_expression)
        return self._standardizer(ranks).astype(np.float32)

    def _rank(self, expression: np.ndarray) -> np.ndarray:
        """Return the ranks of each gene among the training cells, (cells, genes).

        In the middle of equal values; a gene of a new cell counts the values below it.
        """
        ranks = np.empty(expression.shape)
        for gene, known in enumerate(self._sorted_expression):
            values = expression[:, gene]
            below = np.searchsorted(known, values, side="left")
            ranks[:, gene] = (below + np.searchsorted(known, values, side="right")) / 2
        return ranks

    def _fit_compounds(self, training: Treatments, seed: int) -> None:
        del seed
        self._known = {one: n for n, one in enumerate(training.smiles, start=1)}
        self._n_bits = int(self.n_bits)

    def _compound_inputs(self, smiles: Sequence[str]) -> tuple[np.ndarray, ...]:
        number = [self._known.get(one, 0) for one in smiles]
        fingerprints = encode_compounds(
            MorganEncoder(n_bits=self._n_bits), list(smiles)
        )
        return fingerprints, np.array(number, dtype=np.int64)

    def _configure(self, tensors: PairTensors) -> dict[str, Any]:
        has_compounds = bool(tensors.compounds)
        return {
            "n_genes": tensors.cells.shape[1],
            "n_bits": tensors.compounds[0].shape[1] if has_compounds else 0,
            "n_known": len(self._known),
            "n_members": int(self.n_members),
            "width": int(self.width),
            "n_factors": int(self.n_factors),
            "dropout": self.dropout,
        }
