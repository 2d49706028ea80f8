"""Frequent parts of SMILES strings, by byte pair encoding."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from sklearn_csg2a.exceptions import DataFileError, InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

__all__ = ["Subwords"]

_END = "</w>"  # after the last character of a string
_CHARACTERS = tuple(map(chr, range(33, 127)))

Pair = tuple[str, str]


class Subwords:
    """A vocabulary of tokens and the merges that produce them.

    Parameters
    ----------
    merges : sequence of pairs of str
        Pairs of symbols that are merged, in this order.
    tokens : sequence of str
        The vocabulary; a token's position is its number.
    """

    def __init__(self, merges: Sequence[Pair], tokens: Sequence[str]) -> None:
        self.merges = list(merges)
        self.tokens = list(tokens)
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._number = {token: number for number, token in enumerate(self.tokens)}

    def __getstate__(self) -> dict[str, Any]:
        """Return merges and tokens, from which the rest follows."""
        return {"merges": self.merges, "tokens": self.tokens}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take merges and tokens."""
        self.__init__(state["merges"], state["tokens"])  # type: ignore[misc]

    @classmethod
    def learn(cls, corpus: Iterable[str], min_frequency: int) -> Subwords:
        """Merge the most frequent pair of symbols until it is too rare.

        All printable characters are tokens, so that every string has an encoding.
        """
        words = [_split(text) for text in corpus]
        counts: Counter[Pair] = Counter()
        users: defaultdict[Pair, set[int]] = defaultdict(set)
        for i, word in enumerate(words):
            _count(word, i, 1, counts, users)
        merges: list[Pair] = []
        while counts:
            # ties are broken alphabetically: the order of the corpus does not matter
            best = min(counts, key=lambda pair: (-counts[pair], pair))
            if counts[best] < min_frequency:
                break
            merges.append(best)
            for i in sorted(users.pop(best)):
                _count(words[i], i, -1, counts, users)
                words[i] = _join(words[i], best)
                _count(words[i], i, 1, counts, users)
            del counts[best]
        joined = [_strip(first + second) for first, second in merges]
        return cls(merges, list(dict.fromkeys([*_CHARACTERS, *joined])))

    @classmethod
    def read(
        cls, codes: str | os.PathLike[str], vocabulary: str | os.PathLike[str]
    ) -> Subwords:
        """Read a list of merges, and a table whose column `index` holds the tokens."""
        try:
            lines = Path(codes).read_text("utf-8").splitlines()
        except UnicodeDecodeError as error:
            msg = f"{codes}: not a text of merges ({error})."
            raise DataFileError(msg) from error
        # only the first line is a header; in others, # is a triple bond
        pairs = [tuple(line.split(" ")) for line in lines[1:] if line]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            msg = f"{codes}: expected a header, then two symbols in each line."
            raise DataFileError(msg)
        due = "expected a table with a column 'index' of tokens"
        try:
            table = pd.read_csv(vocabulary, keep_default_na=False, dtype=str)
        except (UnicodeDecodeError, ParserError, EmptyDataError) as error:
            msg = f"{vocabulary}: {due} ({str(error).strip()})."
            raise DataFileError(msg) from error
        if "index" not in table.columns:
            msg = f"{vocabulary}: {due}."
            raise DataFileError(msg)
        return cls([(a, b) for a, b in pairs], table["index"].tolist())

    def __len__(self) -> int:
        return len(self.tokens)

    def split(self, text: str) -> list[str]:
        """Return the tokens of a string."""
        word = _split(text)
        while len(word) > 1:
            pairs = set(pairwise(word))
            best = min(pairs, key=lambda pair: self._rank.get(pair, len(self._rank)))
            if best not in self._rank:
                break
            word = _join(word, best)
        return [_strip(symbol) for symbol in word]

    def encode(
        self, texts: Sequence[str], max_tokens: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return token numbers (texts, longest), padded with 0, and lengths."""
        encoded = [self._encode_one(text)[:max_tokens] for text in texts]
        lengths = np.array([len(tokens) for tokens in encoded], dtype=np.int64)
        numbers = np.zeros((len(texts), int(lengths.max())), dtype=np.int64)
        for row, tokens in zip(numbers, encoded, strict=True):
            row[: len(tokens)] = tokens
        return numbers, lengths

    def _encode_one(self, text: str) -> list[int]:
        """Return the token numbers of a string; refuse unknown tokens."""
        tokens = self.split(text)
        unknown = [token for token in tokens if token not in self._number]
        if unknown:
            msg = (
                f"SMILES {text!r}: the vocabulary lacks {unknown[0]!r}. Use a "
                "vocabulary with all characters, such as a learned one."
            )
            raise InputError(msg)
        return [self._number[token] for token in tokens]


def _split(text: str) -> list[str]:
    """Return the characters of a string, the last one marked."""
    return [*text[:-1], text[-1] + _END]


def _strip(symbol: str) -> str:
    """Return a symbol without the end mark."""
    return symbol.removesuffix(_END)


def _join(word: list[str], pair: Pair) -> list[str]:
    """Join each occurrence of a pair in a list of symbols, from the left."""
    joined: list[str] = []
    for symbol in word:
        # a symbol that was just merged is longer than the first of the pair
        if joined and joined[-1] == pair[0] and symbol == pair[1]:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return joined


def _count(
    word: list[str],
    at: int,
    sign: int,
    counts: Counter[Pair],
    users: defaultdict[Pair, set[int]],
) -> None:
    """Add the pairs of a word to the counts, or subtract them."""
    for pair in pairwise(word):
        counts[pair] += sign
        if sign > 0:
            users[pair].add(at)
