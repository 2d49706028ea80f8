"""The networks of the package against numbers of the published code and the paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_csg2a.chem import MoleculeGraph, canonical_smiles
from sklearn_csg2a.encoders import clear_encoding_cache
from sklearn_csg2a.nn import (
    CSG2A,
    MAT,
    CellTerms,
    ResponseNetwork,
    TreatmentBatch,
)
from sklearn_csg2a.nn.csg2a import DOSE_SCALE, TIME_SCALE
from sklearn_csg2a.nn.mat import masked_mean, node_mask
from sklearn_csg2a.persistence import load_published

PARITY_DIR = Path(__file__).resolve().parents[2].parent / "shared" / "parity"

# --- the published code, float32, random weights -------------------------------------


class Reference:
    """The reference file: sizes, weights, inputs and outputs."""

    def __init__(self, path):
        with np.load(path) as file:
            self.config = json.loads(str(file["config"]))
            self.arrays = {name: file[name] for name in file.files}

    def below(self, prefix):
        return {
            name.removeprefix(prefix): torch.from_numpy(array)
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }

    def __getitem__(self, name):
        return torch.from_numpy(self.arrays[name])

    def check(self, actual, name):
        """Compare to 1e-5 relative, counted from the largest value as well."""
        expected = self[f"outputs/{name}"]
        largest = float(expected.abs().max())
        actual = torch.as_tensor(np.asarray(actual), dtype=torch.float32)
        torch.testing.assert_close(
            actual, expected, rtol=1e-5, atol=1e-6 * max(1.0, largest)
        )


@pytest.fixture(scope="module")
def reference():
    path = PARITY_DIR / "csg2a_reference_small.npz"
    if not path.exists():
        pytest.skip(f"no reference file {path.name} in ../shared/parity")
    return Reference(path)


@pytest.fixture(scope="module")
def genes(reference):
    return [f"G{i:02d}" for i in range(reference.config["n_genes"])]


@pytest.fixture(scope="module")
def response_model(reference, genes, tmp_path_factory):
    return _load(reference, "weights/", genes, tmp_path_factory)


@pytest.fixture(scope="module")
def perturbation_model(reference, genes, tmp_path_factory):
    return _load(reference, "weights/CSG2A.", genes, tmp_path_factory)


def _load(reference, prefix, genes, tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "checkpoint.pt"
    torch.save(reference.below(prefix), path)
    interactome = reference.arrays["inputs/interactome"]
    n_heads = reference.config["mat_heads"]
    return load_published(path, genes=genes, interactome=interactome, n_heads=n_heads)


@pytest.fixture
def screen(reference, genes, monkeypatch):
    """The reference's treatments as a table; its molecules get its coordinates."""
    smiles = [str(one) for one in reference.arrays["inputs/smiles"]]
    names = ("node_features", "adjacency", "distance")
    padded = [reference.arrays[f"inputs/{name}"] for name in names]
    graphs = {}
    for row, one in enumerate(smiles):
        n = int((padded[0][row] != 0).any(axis=1).sum())
        kept = padded[0][row, :n], padded[1][row, :n, :n], padded[2][row, :n, :n]
        graphs[canonical_smiles(one)] = MoleculeGraph(*kept)
    monkeypatch.setattr(
        "sklearn_csg2a.encoders._mat.molecule_graphs",
        lambda compounds, **_: [graphs[one] for one in compounds],
    )
    clear_encoding_cache()
    table = pd.DataFrame(reference.arrays["inputs/basal_expression"], columns=genes)
    yield table.assign(
        smiles=smiles,
        dose=reference.arrays["inputs/dose_scaled"][:, 0] * DOSE_SCALE,
        time=reference.arrays["inputs/time_scaled"][:, 0] * TIME_SCALE,
    )
    clear_encoding_cache()


def _perturb(network, basal, condition):
    """Run a CSG2A network on rows of basal expression and of encoded conditions."""
    rows = torch.arange(len(basal))
    cells = network.cell_terms(basal, network.attention.interactome_term(basal))
    return network.perturb(cells, condition, rows, rows)


def test_transformer_gives_the_published_numbers(reference):
    config = reference.config
    mat = MAT(
        d_model=config["mat_d_model"],
        n_layers=config["mat_layers"],
        n_heads=config["mat_heads"],
        generator=torch.Generator(),
    )
    mat.load_state_dict(reference.below("weights/CSG2A.CCE.MAT."))
    names = ("node_features", "adjacency", "distance")
    features, adjacency, distance = (reference[f"inputs/{name}"] for name in names)
    mask = node_mask(features)
    with torch.no_grad():
        pooled = masked_mean(mat(features, mask, adjacency, distance), mask)
    reference.check(pooled, "mat_pooled")


def test_condition_encoder_gives_the_published_numbers(reference, perturbation_model):
    encoder = perturbation_model.net_.module_.condition
    with torch.no_grad():
        condition = encoder(
            reference["outputs/mat_pooled"],
            reference["inputs/dose_scaled"][:, 0] * DOSE_SCALE,
            reference["inputs/time_scaled"][:, 0] * TIME_SCALE,
            None,
        )
    reference.check(condition, "chemical_condition")


def test_attention_matrix_is_the_published_one(reference, perturbation_model):
    attention = perturbation_model.net_.module_.attention
    basal = reference["inputs/basal_expression"]
    with torch.no_grad():
        matrix = attention.matrix(basal, reference["outputs/chemical_condition"])
    reference.check(matrix, "attention_weights")


@pytest.mark.parametrize(
    ("form", "output"),
    [("released", "perturbed_gate"), ("paper", "perturbed_propagate")],
)
def test_both_forms_give_the_published_numbers(
    reference, perturbation_model, form, output
):
    network = perturbation_model.net_.module_
    basal = reference["inputs/basal_expression"]
    network.attention.form = form
    try:
        with torch.no_grad():
            condition = reference["outputs/chemical_condition"]
            perturbed = _perturb(network, basal, condition)
    finally:
        network.attention.form = "released"
    reference.check(perturbed, output)


def test_published_checkpoint_predicts_perturbed_expression(
    reference, perturbation_model, screen
):
    reference.check(perturbation_model.predict(screen), "perturbed_gate")
    attention = perturbation_model.attention_maps(screen, aggregate=None)
    reference.check(attention, "attention_weights")


def test_published_checkpoint_predicts_response(reference, response_model, screen):
    reference.check(response_model.predict(screen)[:, None], "response")


def test_pretrained_part_of_a_published_response_model_is_usable_alone(
    reference, response_model, screen
):
    inner = response_model.pretrained.estimator
    reference.check(inner.predict(screen), "perturbed_gate")


# --- the numbers of an independent implementation, float64 ---------------------------

BASAL = [[0.5, -1, 0.25, 2, -0.75], [1.5, 0.1, -0.4, 0.3, 0.9]]
DOSE = [0.1, 0.05]  # of 100 uM
TIME = [1, 1 / 3]  # of 72 h
CONDITION = [
    [0.03606957422323655, 0, 0, 0, 0.01110948694956582],
    [0.03017493719252274, 0, 0, 0, 0.020915560233884047],
]
PROPAGATED = {
    "released": [
        [
            0.9962380498313387,
            -1.9865893348008496,
            0.5028252027426497,
            2.18440230032817,
            -1.4916592053893272,
        ],
        [
            3.0042050164035645,
            0.1999668390240726,
            -0.8012606512310729,
            0.2993884892624188,
            1.7989388156054118,
        ],
    ],
    "paper": [
        [
            -0.5214132479456423,
            -0.5410083790431187,
            -0.4669362587425352,
            2.2653308335208266,
            -0.530755935077549,
        ],
        [
            1.602412922844667,
            1.5998451109699154,
            0.5020455316675461,
            0.2984517506619137,
            0.4984831929203535,
        ],
    ],
}
PERTURBED = [
    [
        -0.049866601484211716,
        0.2488735233226027,
        0.18064621782757018,
        -0.08048834705614918,
        0.13167123682031526,
    ],
    [
        -0.05559256356277689,
        0.1858700329486354,
        0.22566664172109052,
        -0.03773106925908064,
        0.06765200233253835,
    ],
]
RESPONSE = [0.4097626582225574, 0.4256516504500566]

# Names of ours that stand elsewhere in the published order.
PUBLISHED = {
    "attention.w_gene": "w_gex",
    "attention.w_comp": "w_comp",
    "condition.dose": "CCE.dose_enc",
    "condition.time": "CCE.time_enc",
    "condition.project": "CCE.comp_proj.0",
    "condition.norm": "CCE.comp_proj.1",
    "norm": "feed_forward.0",
    "output": "feed_forward.3",
    "head.basal.dense": "bgex_proj.0",
    "head.basal.norm": "bgex_proj.1",
    "head.perturbed.dense": "agex_proj.0",
    "head.perturbed.norm": "agex_proj.1",
    "head.compound.dense": "comp_proj.0",
    "head.compound.norm": "comp_proj.1",
    "head.first": "pred_head.0",
    "head.first_norm": "pred_head.1",
    "head.hidden.0.dense": "pred_head.4",
    "head.hidden.0.norm": "pred_head.5",
    "head.output": "pred_head.8",
    "scaling.mean": "bias",
    "scaling.inverse_std": "scalar",
}


def _published_name(name):
    if name.startswith("csg2a."):
        return f"CSG2A.{_published_name(name.removeprefix('csg2a.'))}"
    module, _, leaf = name.rpartition(".")
    return PUBLISHED[name] if name in PUBLISHED else f"{PUBLISHED[module]}.{leaf}"


def _fill(parameters):
    """Set every parameter by a rule that needs its published name and rank alone."""
    with torch.no_grad():
        for k, name in enumerate(sorted(parameters)):
            parameter = parameters[name]
            i = torch.arange(parameter.numel(), dtype=torch.float64)
            values = 0.05 + 0.1 * torch.sin(0.37 * i + 0.11 * k)
            is_norm = parameter.ndim == 1 and name.endswith(".weight")
            values += float(is_norm or name.endswith("a_2"))
            parameter.copy_(values.view_as(parameter))


def _two_chains():
    """Chains of 3 and 2 atoms behind a dummy node, padded to 4 nodes."""
    features = torch.zeros(2, 4, 28, dtype=torch.float64)
    adjacency, distance = torch.zeros(2, 2, 4, 4, dtype=torch.float64)
    for b in range(2):
        size = 4 - b
        features[b, 0, 0] = 1
        distance[b, :size, :size] = 1e6
        for i in range(1, size):
            features[b, i, [1 + i + b, 12 + i, 20]] = 1
            for j in range(1, size):
                distance[b, i, j] = abs(i - j) * 1.4
                adjacency[b, i, j] = float(abs(i - j) <= 1)
    return features, adjacency, distance


class Fixture:
    """A small float64 network, filled by the rule, and the two treatments."""

    def __init__(self, form, *, response):
        edges = [(i, i) for i in range(5)] + [(0, 1), (1, 0), (2, 4), (4, 2)]
        rows, columns = torch.tensor(edges).T
        interactome = rows, columns, torch.ones(len(edges))
        csg2a = CSG2A(5, 5, 32, interactome, hidden_dim=3, attention=form)
        self.network = csg2a
        if response:
            self.network = ResponseNetwork(csg2a, (6, 4), 0.1, freeze=True)
        self.network.double().eval()
        mat = MAT(d_model=32, n_layers=2, n_heads=4, generator=torch.Generator())
        mat.double().eval()
        prefix = "CSG2A.CCE.MAT." if response else "CCE.MAT."
        named = {f"{prefix}{name}": p for name, p in mat.named_parameters()}
        for name, parameter in self.network.named_parameters():
            named[_published_name(name)] = parameter
        self.n_parameters = len(named)
        _fill(named)
        if response:
            # the published shift is added, ours is subtracted
            self.network.scaling.mean.data.neg_()
        features, adjacency, distance = _two_chains()
        mask = node_mask(features)
        self.csg2a = csg2a
        self.basal = torch.tensor(BASAL, dtype=torch.float64)
        with torch.no_grad():
            pooled = masked_mean(mat(features, mask, adjacency, distance), mask)
        both = torch.arange(2)
        self.batch = TreatmentBatch(
            basal=self.basal,
            interactome_term=csg2a.attention.interactome_term(self.basal),
            compound=pooled,
            dose=torch.tensor(DOSE, dtype=torch.float64) * DOSE_SCALE,
            time=torch.tensor(TIME, dtype=torch.float64) * TIME_SCALE,
            cell_counts=torch.ones(2, dtype=torch.int64),
            condition_counts=torch.ones(2, dtype=torch.int64),
            cell_index=both,
            condition_index=both,
            encoded_conditions=None,
        )


def _close(actual, expected):
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def build(request):
    """Build networks, which draw first weights, and leave the global state alone."""

    def build(form, *, response=False):
        with torch.random.fork_rng(devices=[]):
            return Fixture(form, response=response)

    return build


@pytest.mark.parametrize("form", ["released", "paper"])
def test_first_layer_gives_the_numbers_of_the_specification(build, form):
    made = build(form)
    assert made.n_parameters == 44
    condition = made.csg2a.encode_conditions(made.batch)
    _close(condition, CONDITION)
    cells = made.csg2a.cell_terms(made.basal, made.batch.interactome_term)
    assert isinstance(cells, CellTerms)
    scores = made.csg2a.attention.condition_scores(condition)
    _close(made.csg2a.attention(*cells, condition, scores), PROPAGATED[form])


def test_network_gives_the_numbers_of_the_specification(build):
    made = build("released")
    _close(made.network(made.batch), PERTURBED)


def test_response_network_gives_the_numbers_of_the_specification(build):
    made = build("released", response=True)
    assert made.n_parameters == 68
    _close(made.network(made.batch)[:, 0], RESPONSE)
