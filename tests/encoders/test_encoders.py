from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_csg2a.encoders import (
    MATEncoder,
    MorganEncoder,
    clear_encoding_cache,
    encode_compounds,
    resolve_encoder,
)
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError


@pytest.fixture(autouse=True)
def _empty_cache():
    clear_encoding_cache()
    yield
    clear_encoding_cache()


class Recorder(TransformerMixin, BaseEstimator):
    """A stateless encoder that remembers what it was asked."""

    asked: list[list[str]] = []  # noqa: RUF012

    def __init__(self, scale=1.0, n_jobs=None):
        self.scale = scale
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.asked.append(list(X))
        return np.array([[len(one), self.scale] for one in X], dtype=float)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Stateful(Recorder):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class Answer(Recorder):
    def __init__(self, answer=None):
        self.answer = answer

    def transform(self, X):
        return self.answer(X)


@pytest.fixture
def asked(monkeypatch):
    calls = []
    monkeypatch.setattr(Recorder, "asked", calls)
    return calls


def test_names_stand_for_encoders():
    assert isinstance(resolve_encoder("auto"), MorganEncoder)
    assert isinstance(resolve_encoder("morgan"), MorganEncoder)
    assert isinstance(resolve_encoder("mat"), MATEncoder)


def test_transformers_are_cloned():
    encoder = MorganEncoder(n_bits=16)
    resolved = resolve_encoder(encoder)
    assert resolved is not encoder
    assert resolved.n_bits == 16


@pytest.mark.parametrize("bad", ["ecfp", None, 3, MorganEncoder])
def test_invalid_encoders_are_refused(bad):
    with pytest.raises(InputError, match="compound_encoder"):
        resolve_encoder(bad)


def test_each_compound_is_encoded_once_across_spellings_calls_and_clones(asked):
    encoder = Recorder()
    first = encode_compounds(encoder, ["OCC", "CCN", "CCO"])
    assert first.tolist() == [[3, 1], [3, 1], [3, 1]]
    assert first.dtype == np.float32
    encode_compounds(resolve_encoder(encoder), ["CCCC", "CCO"])
    encode_compounds(Recorder(n_jobs=2), ["CCO"])
    assert asked == [["CCO", "CCN"], ["CCCC"]]
    assert encode_compounds(Recorder(scale=2.0), ["CCO"]).tolist() == [[3, 2]]


def test_result_can_be_changed_without_changing_the_cache(asked):
    encode_compounds(Recorder(), ["CCO"])[:] = -1
    assert encode_compounds(Recorder(), ["CCO"]).tolist() == [[3, 1]]


def test_what_learns_in_fit_is_never_cached(asked):
    for _ in range(2):
        encode_compounds(Stateful(), ["CCO", "OCC"])
    assert asked == [["CCO"], ["CCO"]]
    encoder = CountVectorizer(analyzer="char").fit(["CCO"])
    wider = CountVectorizer(analyzer="char").fit(["CCON"])
    assert encode_compounds(encoder, ["CCO"]).shape == (1, 2)
    assert encode_compounds(wider, ["CCO"]).shape == (1, 3)


def test_encoders_made_of_code_are_never_cached():
    for width in (2, 3):
        encoder = FunctionTransformer(lambda X, n=width: np.ones((len(X), n)))
        assert encode_compounds(encoder, ["CCO"]).shape == (1, width)


class Untagged:
    """A transformer written without scikit-learn."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X):
        return self

    def transform(self, X):
        return [[len(one)] for one in X]


def test_transformers_without_scikit_learn_work():
    encoder = resolve_encoder(Untagged())
    assert encode_compounds(encoder, ["CCO", "C"]).tolist() == [[3], [1]]


def test_sparse_output_and_pipelines_work():
    hashed = HashingVectorizer(analyzer="char", n_features=8)
    assert sparse.issparse(hashed.transform(["CCO"]))
    encoding = encode_compounds(hashed, ["CCO", "CCN"])
    assert encoding.shape == (2, 8)
    piped = make_pipeline(MorganEncoder(n_bits=8), FunctionTransformer())
    assert encode_compounds(piped, ["CCO"]).shape == (1, 8)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda X: np.ones(len(X)), "2-D"),
        (lambda X: np.ones((len(X) + 1, 2)), "one row per compound"),
        (lambda X: np.ones((len(X), 0)), "2-D"),
        (lambda X: np.full((len(X), 2), np.nan), "NaN"),
        (lambda X: np.full((len(X), 2), 1e300), "beyond float32"),
        (lambda X: [["a"]] * len(X), "numeric"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_output_of_an_encoder_is_checked(answer, reason):
    with pytest.raises(InputError, match=reason):
        encode_compounds(Answer(answer), ["CCO", "CCN"])


def test_invalid_compounds_are_refused():
    with pytest.raises(InvalidSmilesError, match="row 1"):
        encode_compounds(MorganEncoder(), ["CCO", "C1"])
    with pytest.raises(InputError, match="at least one"):
        encode_compounds(MorganEncoder(), [])


def test_a_union_with_a_part_that_learns_is_not_kept():
    # Such a union answers with NotFittedError when it is asked if it is fitted.
    words = CountVectorizer(analyzer="char")
    parts = [("morgan", MorganEncoder(n_bits=32)), ("words", words)]
    for corpus in (["CCO", "CCN"], ["CCO", "CCCl"]):
        union = FeatureUnion(parts).fit(corpus)
        n_words = len(union.named_transformers["words"].vocabulary_)
        assert encode_compounds(union, ["CCO"]).shape == (1, 32 + n_words)
