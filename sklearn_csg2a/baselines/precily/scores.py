"""Scores of gene sets in single samples, and vectors of SMILES from their words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from sklearn_csg2a.baselines.kernels._products import multiply_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WordVectors", "score_gene_sets"]

_TAU = 0.25  # weight of the ranks inside a set
_WORD_LENGTH = 8  # characters
_PADDING = "_"
_TWO_LETTERS = re.compile(r"Cl|Br|\[[A-Z][a-z]")
_ONE_CHARACTER = {"Cl": "\x01", "Br": "\x02"}


def score_gene_sets(expression: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the enrichment of each set in each sample, (samples, sets) float32.

    `expression` is (samples, genes), `members` (sets, genes) of zeros and ones. Genes
    are ranked in each sample; the score is the mean distance, over all ranks, between
    the weighted distribution of a set's genes and that of the others (single-sample
    GSEA). Samples do not influence each other.
    """
    n_genes = expression.shape[1]
    order = np.argsort(-expression, axis=1, kind="stable")
    rank = np.empty_like(order)  # 0 for the highest
    np.put_along_axis(rank, order, np.arange(n_genes)[None, :], axis=1)
    from_last = (n_genes - rank).astype(np.float64)  # 1 for the lowest
    weight = from_last**_TAU
    inside = members.T.astype(np.float64)  # (genes, sets)
    size = inside.sum(axis=0)
    within = multiply_rows(weight * from_last, inside) / multiply_rows(weight, inside)
    n_others = np.maximum(n_genes - size, 1)
    total = from_last.sum(axis=1, keepdims=True)
    others = (total - multiply_rows(from_last, inside)) / n_others
    scores = np.where(size < n_genes, within - others, 0.0) / n_genes
    return scores.astype(np.float32)


class WordVectors:
    """Vectors of words of eight characters, from the compounds they occur in.

    Parameters
    ----------
    corpus : sequence of str
        Canonical SMILES strings.
    n_components : int
        Width of a vector; fewer if the corpus is too small.
    seed : int
        Seed of the decomposition.
    """

    def __init__(self, corpus: Sequence[str], n_components: int, seed: int) -> None:
        texts = [_words(text) for text in corpus]
        vocabulary = dict.fromkeys(word for text in texts for word in text)
        self._position = {word: i for i, word in enumerate(vocabulary)}
        counts = self._count(texts)  # (compounds, words)
        n_compounds = np.asarray((counts > 0).sum(axis=0)).ravel()
        rarity = np.log((1 + len(texts)) / (1 + n_compounds)) + 1
        table = sparse.csr_array(counts * rarity[None, :])
        self.n_components = min(n_components, *table.shape)
        _, _, axes = randomized_svd(
            table, self.n_components, random_state=seed, n_iter=4
        )
        vectors = axes.T * rarity[:, None]  # (words, components)
        spread = (self._normalise(counts) @ vectors).std()
        self._vectors = vectors / (spread if spread > 0 else 1.0)

    def encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Return the mean of the vectors of a compound's words, (compounds, dim).

        Words that are not in the corpus have zero vectors.
        """
        texts = [_words(text) for text in smiles]
        total = self._count(texts) @ self._vectors
        n_words = np.array([[len(text)] for text in texts])
        return (total / n_words).astype(np.float32)

    def _count(self, texts: Sequence[list[str]]) -> sparse.csr_array:
        """Return how often each known word occurs, (texts, words)."""
        entries = [
            (row, self._position[word])
            for row, text in enumerate(texts)
            for word in text
            if word in self._position
        ]
        rows, columns = np.array(entries, dtype=np.int64).reshape(-1, 2).T
        shape = (len(texts), len(self._position))
        return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)

    @staticmethod
    def _normalise(counts: sparse.csr_array) -> sparse.csr_array:
        """Divide the counts of each compound by their sum."""
        n_words = np.asarray(counts.sum(axis=1)).ravel()
        return sparse.csr_array(sparse.diags_array(1 / n_words) @ counts)


def _words(smiles: str) -> list[str]:
    """Cut a SMILES string into its overlapping words of eight characters."""
    text = _TWO_LETTERS.sub(_replace, smiles).ljust(_WORD_LENGTH, _PADDING)
    return [text[i : i + _WORD_LENGTH] for i in range(len(text) - _WORD_LENGTH + 1)]


def _replace(found: re.Match[str]) -> str:
    """Return a single character for an element of two letters."""
    symbol = found.group()
    return _ONE_CHARACTER.get(symbol) or f"[{_encode_element(symbol[1:])}"


def _encode_element(symbol: str) -> str:
    """Return a non-ASCII character for an element in brackets."""
    first, second = tuple(symbol)
    return chr(0x100 + 26 * (ord(first) - ord("A")) + ord(second) - ord("a"))
