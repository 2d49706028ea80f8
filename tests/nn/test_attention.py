"""The factorized attention equals the textbook's, gradients included."""

from __future__ import annotations

import math

import pytest
import torch

from sklearn_csg2a.nn import GeneGeneAttention

GENES, HIDDEN, CELLS, CONDITIONS, ROWS = 7, 3, 3, 4, 9


def _adjacency(generator):
    """Symmetric, weighted, ones on the diagonal."""
    weights = torch.rand(GENES, GENES, generator=generator, dtype=torch.float64)
    upper = torch.triu(weights * (weights < 0.4), diagonal=1)
    return upper + upper.T + torch.eye(GENES, dtype=torch.float64)


class Case:
    """An attention layer in float64 and rows that share cells and conditions."""

    def __init__(self, form):
        rng = torch.Generator().manual_seed(0)
        self.adjacency = _adjacency(rng)
        rows, columns = self.adjacency.nonzero(as_tuple=True)
        edges = rows, columns, self.adjacency[rows, columns]
        with torch.random.fork_rng(devices=[]):
            self.layer = GeneGeneAttention(GENES, HIDDEN, form, edges).double()
        # the sizes of real data: the entries are kept as float32 until here
        self.layer.edge_values.copy_(edges[2])
        self.layer.degree.copy_(self.adjacency.sum(dim=1))
        if form != "off":
            for weight in (self.layer.w_gene, self.layer.w_comp):
                weight.data.normal_(generator=rng)
        self.basal = _normal((CELLS, GENES), rng)
        self.condition = _normal((CONDITIONS, GENES), rng).relu()
        self.cell_index = torch.randint(CELLS, (ROWS,), generator=rng)
        self.condition_index = torch.randint(CONDITIONS, (ROWS,), generator=rng)

    def factorized(self, basal, condition):
        layer = self.layer
        scores = layer.condition_scores(condition)
        return layer(
            basal[self.cell_index],
            layer.interactome_term(basal)[self.cell_index],
            layer.cell_scores(basal)[self.cell_index],
            condition[self.condition_index],
            scores[self.condition_index],
        )

    def explicit(self, basal, condition):
        """Build A for every row, and apply it."""
        g, d = basal[self.cell_index], condition[self.condition_index]
        q = g[..., None] * self.layer.w_gene + d[..., None] * self.layer.w_comp
        attention = q @ q.transpose(1, 2) / math.sqrt(HIDDEN) + self.adjacency
        if self.layer.form == "paper":
            return torch.einsum("rik,rk->ri", attention, g)
        return torch.einsum("rik,ri->ri", attention, g)


def _normal(shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _close(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.fixture(params=["paper", "released"])
def case(request):
    return Case(request.param)


def test_factorized_form_equals_the_explicit_matrix(case):
    actual = case.factorized(case.basal, case.condition)
    _close(actual, case.explicit(case.basal, case.condition))


def test_gradients_equal_those_of_the_explicit_matrix(case):
    inputs = [case.basal.requires_grad_(), case.condition.requires_grad_()]
    inputs += [case.layer.w_gene, case.layer.w_comp]
    rng = torch.Generator().manual_seed(1)
    weights = _normal((ROWS, GENES), rng)
    ours, textbook = (
        torch.autograd.grad((form(*inputs[:2]) * weights).sum(), inputs)
        for form in (case.factorized, case.explicit)
    )
    for actual, expected in zip(ours, textbook, strict=True):
        _close(actual, expected)


def test_gradients_equal_finite_differences(case):
    inputs = case.basal.requires_grad_(), case.condition.requires_grad_()
    assert torch.autograd.gradcheck(case.factorized, inputs)


def test_equals_the_textbook_benchmark(case):
    textbook = pytest.importorskip(
        "benchmarks.speed.textbook", reason="the benchmarks folder is not importable"
    )
    g = case.basal[case.cell_index]
    d = case.condition[case.condition_index]
    weights = case.layer.w_gene, case.layer.w_comp
    textbook.check_perturbation(
        case.factorized(case.basal, case.condition),
        (g, d, *weights, case.adjacency),
        form=case.layer.form,
    )


def test_matrix_for_inspection_is_the_one_applied(case):
    g, d = case.basal[case.cell_index], case.condition[case.condition_index]
    matrix = case.layer.matrix(g, d)
    assert matrix.shape == (ROWS, GENES, GENES)
    applied = (
        (matrix @ g[..., None])[..., 0]
        if case.layer.form == "paper"
        else g * matrix.sum(dim=-1)
    )
    _close(case.factorized(case.basal, case.condition), applied)


def test_adjacency_is_the_one_given(case):
    _close(case.layer.adjacency(), case.adjacency)
    _close(case.layer.degree, case.adjacency.sum(dim=1))


def test_off_adds_condition_and_expression_and_has_no_weights():
    case = Case("off")
    assert list(case.layer.parameters()) == []
    expected = case.basal[case.cell_index] + case.condition[case.condition_index]
    _close(case.factorized(case.basal, case.condition), expected)


def test_gated_form_starts_without_attention_and_adds_what_the_gate_lets_through():
    paper, gated = Case("paper"), Case("gated")
    for name in ("w_gene", "w_comp"):
        getattr(gated.layer, name).data.copy_(getattr(paper.layer, name).data)
    g, d = paper.basal[paper.cell_index], paper.condition[paper.condition_index]
    _close(gated.factorized(paper.basal, paper.condition), g + d)

    gate = torch.linspace(-1, 1, GENES, dtype=torch.float64)
    gated.layer.gate.data.copy_(gate)
    attended = paper.factorized(paper.basal, paper.condition)
    _close(gated.factorized(paper.basal, paper.condition), g + d + gate * attended)


def test_gated_form_learns_its_gate_first_and_then_the_attention():
    case = Case("gated")
    weights = [case.layer.gate, case.layer.w_gene]

    def gradients():
        loss = case.factorized(case.basal, case.condition).square().sum()
        return torch.autograd.grad(loss, weights)

    gate, w_gene = gradients()
    assert (gate != 0).all()
    assert (w_gene == 0).all()
    case.layer.gate.data.fill_(0.1)
    assert (gradients()[1] != 0).all()


def test_without_weights_the_paper_form_is_the_interactome():
    """What an edge adds to one gene is the expression of the other."""
    case = Case("paper")
    case.layer.w_gene.data.zero_()
    case.layer.w_comp.data.zero_()
    _close(
        case.factorized(case.basal, case.condition),
        (case.basal @ case.adjacency)[case.cell_index],
    )


def test_released_form_keeps_a_silent_gene_silent():
    """The row-sum gate multiplies a gene's own value; 0 stays 0."""
    case = Case("released")
    case.basal[:, 2] = 0
    assert (case.factorized(case.basal, case.condition)[:, 2] == 0).all()


def test_no_genes_by_genes_tensor_is_built_to_apply_the_attention(case):
    """Every tensor on the way is (rows, genes) or thinner."""
    shapes = []

    class Recorder(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.layout == torch.strided:
                shapes.append(tuple(result.shape))
            return result

    with torch.no_grad(), Recorder():
        case.factorized(case.basal, case.condition)
    assert shapes
    assert all(s.count(GENES) < 2 and len(s) < 3 for s in shapes)
