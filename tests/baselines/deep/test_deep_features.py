"""What the deep baselines make of compounds, gene sets and expression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.model_selection import PredefinedSplit

from sklearn_csg2a.baselines import DeepTTA, DRPreter, GraphDRP, PathDNN, Precily
from sklearn_csg2a.baselines.deep._gene_sets import find_gene_sets, group_genes
from sklearn_csg2a.baselines.deeptta.subwords import Subwords
from sklearn_csg2a.baselines.precily.scores import WordVectors, score_gene_sets
from sklearn_csg2a.chem.graphs.atoms import atom_graph
from sklearn_csg2a.chem.graphs.bonds import bond_graph
from sklearn_csg2a.exceptions import DataFileError, GeneMismatchError, InputError

GENES = [f"g{i}" for i in range(12)]
SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCCCN"])


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(6, 12)), list("abcdef"), GENES)
    cell, drug = np.divmod(np.arange(24), 4)
    X = pd.DataFrame({"cell_line": expression.index[cell], "smiles": SMILES[drug]})
    return X, drug + expression["g0"].to_numpy()[cell], expression


def test_atoms_of_graphdrp_are_groups_that_sum_to_one():
    features = atom_graph("c1ccccc1O", "graphdrp").features
    assert features.shape == (7, 78)
    np.testing.assert_allclose(features.sum(axis=1), 1, rtol=1e-6)
    carbon, oxygen = features[0], features[6]
    # carbon, two neighbors, one hydrogen, implicit valence one, aromatic
    assert carbon.nonzero()[0].tolist() == [0, 44 + 2, 55 + 1, 66 + 1, 77]
    assert oxygen.nonzero()[0].tolist() == [2, 44 + 1, 55 + 1, 66 + 1]
    unknown = atom_graph("[Xe]", "graphdrp").features[0]
    assert unknown.nonzero()[0][0] == 43


def test_atoms_of_drpreter_leave_unlisted_values_empty():
    features = atom_graph("C[N+](C)(C)C", "drpreter").features
    assert features.shape == (5, 77)
    nitrogen = features[1]
    # nitrogen, four neighbors, implicit valence none, charge, sp3, no hydrogen
    expected = [1, 43 + 4, 54, 61, 63 + 2, 69]
    assert nitrogen.nonzero()[0].tolist() == expected
    assert not atom_graph("[Xe]", "drpreter").features[0, :43].any()
    right, left = (
        atom_graph(f"C[C@{turn}H](N)O", "drpreter").features[1, -2:]
        for turn in ("", "@")
    )
    assert sorted([right.tolist(), left.tolist()]) == [[0, 1], [1, 0]]


def test_bonds_come_in_both_directions():
    graph = bond_graph("C=CC#N")
    assert graph.atoms.shape == (4, 133)
    assert graph.bonds.shape == (6, 14)
    np.testing.assert_array_equal(graph.bonds[0::2], graph.bonds[1::2])
    assert graph.begin.tolist() == [0, 1, 1, 2, 2, 3]
    for atom, bonds in enumerate(graph.incoming):
        for bond in bonds[bonds >= 0]:
            assert graph.begin[bond ^ 1] == atom
    alone = bond_graph("C")
    assert alone.bonds.shape == (0, 14)
    assert alone.incoming.tolist() == [[-1]]


def test_gene_sets_are_found_by_name():
    found = find_gene_sets(
        {"a": ["g3", "g1", "g1"], "b": ["g1", "other"], "c": []}, GENES, 1
    )
    assert found == {"a": [1, 3], "b": [1]}
    assert list(find_gene_sets({"a": ["g3", "g1"], "b": ["g1"]}, GENES, 2)) == ["a"]
    with pytest.raises(GeneMismatchError, match=r"None of the 1 gene_sets.*'ENSG1'"):
        find_gene_sets({"a": ["ENSG1"]}, GENES, 1)
    with pytest.raises(InputError, match="is the string 'TP53'"):
        find_gene_sets({"a": "TP53"}, GENES, 1)


def test_genes_with_similar_expression_make_a_module():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(3), 10))
    expression = rng.normal(size=(40, 3))[:, groups] + 0.1 * rng.normal(size=(40, 30))
    modules = group_genes(expression, n_modules=3, seed=0)
    assert sorted(gene for one in modules.values() for gene in one) == list(range(30))
    assert all(len(set(groups[one])) == 1 for one in modules.values())
    assert len(modules) == 3


def test_scores_of_gene_sets_follow_the_running_sum():
    rng = np.random.default_rng(0)
    expression = rng.normal(size=(3, 20))
    members = (rng.random((4, 20)) < 0.3).astype(np.float32)
    scores = score_gene_sets(expression, members)
    for i, sample in enumerate(expression):
        order = np.argsort(-sample)
        ranks = 20.0 - np.arange(20)
        for j, one in enumerate(members):
            inside = one[order] > 0
            hits = np.cumsum(inside * ranks**0.25) / (inside * ranks**0.25).sum()
            misses = np.cumsum(~inside) / (~inside).sum()
            assert scores[i, j] == pytest.approx((hits - misses).mean(), rel=1e-4)


def test_the_scores_of_a_sample_do_not_depend_on_the_others():
    expression = np.random.default_rng(0).normal(size=(5, 20))
    members = np.eye(3, 20, dtype=np.float32)
    np.testing.assert_array_equal(
        score_gene_sets(expression, members)[:2],
        score_gene_sets(expression[:2], members),
    )


def test_a_compound_is_the_mean_of_its_words_and_unknown_words_are_zero():
    vectors = WordVectors(["CCCCCCCCO", "CCCCCCCCN", "c1ccccc1CC"], 3, seed=0)
    known = vectors.encode(["CCCCCCCC"])  # a single word
    half = vectors.encode(["CCCCCCCCF"])  # the word, and one that is new
    np.testing.assert_allclose(half, known / 2, rtol=1e-5)
    assert not vectors.encode(["[Na+].[Cl-]"]).any()
    assert known.shape == (1, 3)
    assert vectors.encode(["CCO"]).shape == (1, 3)  # shorter than a word


def test_frequent_pairs_are_merged_until_they_are_too_rare():
    corpus = ["CCO", "CCN", "CCO", "CCCC"]
    subwords = Subwords.learn(corpus, min_frequency=2)
    assert subwords.merges[0] == ("C", "C")
    assert subwords.split("CCO") == ["CCO"]
    assert subwords.split("CCCCO") == ["CC", "CCO"]
    assert subwords.split("NCC") == ["N", "C", "C"]  # the last one is marked
    assert subwords.tokens.index("CC") == 94
    assert Subwords.learn(corpus, min_frequency=10).merges == []
    again = Subwords.learn(corpus[::-1], min_frequency=2)
    assert again.merges == subwords.merges


def test_a_vocabulary_is_read_with_the_bonds_that_look_like_comments(tmp_path, screen):
    codes, table = tmp_path / "codes.txt", tmp_path / "map.csv"
    codes.write_text("#version: 0.2\nC C\n# N</w>\nCC O</w>\n")
    table.write_text("index,frequency\nC,0\nO,0\nN,0\n#,0\nCC,9\n#N,5\nCCO,4\n")
    subwords = Subwords.read(codes, table)
    numbers, lengths = subwords.encode(["CCO", "CC#N"], max_tokens=50)
    assert numbers.tolist() == [[6, 0], [4, 5]]
    assert lengths.tolist() == [1, 2]
    assert subwords.encode(["CCCCCC#N"], max_tokens=2)[0].tolist() == [[4, 4]]
    with pytest.raises(InputError, match="lacks 'F'"):
        subwords.encode(["CCF"], max_tokens=50)
    X, y, expression = screen
    model = DeepTTA(
        expression=expression, vocabulary=(codes, table), n_layers=1, max_epochs=1
    )
    with pytest.raises(InputError, match="lacks 'c'"):
        model.fit(X, y)
    table.write_text("token\nC\n")
    with pytest.raises(DataFileError, match="column 'index'"):
        Subwords.read(codes, table)


@pytest.mark.parametrize(
    ("codes", "table", "named"),
    [
        (b"#\nC \xff\n", b"index\nC\n", "codes.txt: not a text"),
        (b"PK\x03\x04\x80", b"index\nC\n", "codes.txt: not a text"),
        (b"#\nC C\n", b"", "map.csv: expected a table with a column 'index'"),
        (b"#\nC C\n", b"index\n\xff\n", "map.csv: expected a table"),
        (b"#\nC C\n", b"index\nC\nC,1,2\n", "map.csv: expected a table"),
        (b"#\nC C\n", b'index\n"C\nC', "map.csv: expected a table"),
    ],
)
def test_a_damaged_vocabulary_is_refused_by_the_name_of_its_file(
    tmp_path, codes, table, named
):
    paths = tmp_path / "codes.txt", tmp_path / "map.csv"
    for path, content in zip(paths, (codes, table), strict=True):
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=named):
        Subwords.read(*paths)


@pytest.mark.parametrize("vocabulary", [("codes",), ("a", "b", "c"), (3, 4)])
def test_a_vocabulary_is_two_paths(screen, vocabulary):
    X, y, expression = screen
    with pytest.raises(InputError, match="must be the paths of two files"):
        DeepTTA(expression=expression, vocabulary=vocabulary).fit(X, y)


def test_losses_of_graphdrp_are_those_of_the_sigmoid_of_the_response(screen):
    X, y, expression = screen
    held_out = np.arange(len(y)) % 4 == 0
    model = GraphDRP(
        expression=expression,
        max_epochs=1,
        validation=PredefinedSplit(np.where(held_out, 0, -1)),
        random_state=0,
    ).fit(X, y)
    expected, found = expit(0.1 * y), expit(0.1 * model.predict(X))
    loss = np.mean((expected - found)[held_out] ** 2)
    np.testing.assert_allclose(model.history_["valid_loss"], [loss], rtol=1e-4)


def test_graphdrp_predicts_finite_values_whatever_the_size_of_the_response(screen):
    X, y, expression = screen
    model = GraphDRP(expression=expression, max_epochs=2, random_state=0)
    with np.errstate(over="raise"):
        predicted = model.fit(X, 1e6 * np.sign(y - np.median(y))).predict(X)
    assert (np.abs(predicted) < 140).all()


@pytest.mark.parametrize("kind", [DRPreter, PathDNN, Precily])
def test_only_genes_of_the_gene_sets_are_used(kind, screen):
    X, y, expression = screen
    sets = {"one": GENES[:6], "two": [*GENES[4:10], "other"], "small": GENES[:1]}
    model = kind(
        expression=expression, gene_sets=sets, max_epochs=1, random_state=0
    ).fit(X, y)
    assert model.gene_sets_ == {"one": GENES[:6], "two": GENES[4:10]}
    expected = model.predict(X)
    model.set_params(expression=expression.assign(g11=9.0))  # in no set
    if kind is not Precily:  # whose ranks are among all genes
        np.testing.assert_array_equal(model.predict(X), expected)
    with pytest.raises(GeneMismatchError, match="same gene symbols"):
        model.set_params(gene_sets={"one": ["ENSG1"]}).fit(X, y)


def test_edges_of_the_interactome_join_genes_of_a_pathway(screen):
    X, y, expression = screen

    def predict(*edges):
        model = DRPreter(
            expression=expression,
            gene_sets={"one": GENES[:5], "two": GENES[5:10]},
            interactome=pd.DataFrame(edges, columns=["source", "target"], dtype=object),
            max_epochs=1,
            random_state=0,
        )
        return model.fit(X, y).predict(X)

    inside = ("g0", "g1"), ("g7", "g6")
    expected = predict(*inside)
    np.testing.assert_array_equal(predict(*inside, ("g0", "g7")), expected)
    np.testing.assert_array_equal(predict(("g1", "g0"), ("g6", "g7")), expected)
    for other in (inside[:1], inside[1:], (("g0", "g2"), ("g7", "g6"))):
        assert not np.array_equal(predict(*other), expected)


def test_targets_join_compounds_to_pathways(screen):
    X, y, expression = screen
    sets = {"one": [*GENES[:6], "T1"], "two": [*GENES[6:], "T2"]}
    targets = {"OCC": ["T1", "elsewhere"], "c1ccccc1": ["T2"]}  # in any spelling
    model = PathDNN(
        expression=expression,
        gene_sets=sets,
        targets=targets,
        max_epochs=1,
        random_state=0,
    ).fit(X, y)
    assert model.targets_ == ["T1", "T2"]
    same = [model.predict(X.assign(smiles=one)) for one in ("CC(=O)O", "CCCCN")]
    np.testing.assert_array_equal(*same)  # neither has a target
    assert not np.array_equal(model.predict(X.assign(smiles="CCO")), same[0])
    with pytest.raises(InputError, match="targets needs gene_sets"):
        model.set_params(gene_sets=None).fit(X, y)
    model.set_params(gene_sets=sets, targets={"CCO": ["elsewhere"]})
    with pytest.raises(InputError, match="No training compound has a target"):
        model.fit(X, y)
