"""Speed of training, relative to a direct implementation and to matrix products.

    python benchmarks/speed/steps.py finetune pretrain train_encoder epoch wide
    python benchmarks/speed/steps.py all --device cuda

Each measurement alternates the compared steps in one process and reports the median of
the ratios, because absolute times drift. `finetune`, `pretrain` and
`train_encoder` take minutes: the textbook step is slow. Sizes are those of the
published landmark model; `epoch` has the shape of GDSC2. All data are random. Each
measurement also reports treatments per second, and the fraction of the float32 matrix
product throughput of the device.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from types import SimpleNamespace
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.speed import textbook
from sklearn_csg2a.nn import (
    CSG2A,
    MAT,
    Molecules,
    ResponseNetwork,
    set_dropout_generator,
)
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.data import Batches, TreatmentDataset, TreatmentTensors
from sklearn_csg2a.training.device import resolve_device
from sklearn_csg2a.training.inference import encode_conditions
from sklearn_csg2a.training.net import AdamW
from sklearn_csg2a.treatments import Treatments

RESULTS = Path(__file__).parent.parent / "results" / "speed.json"
SIZES = textbook.Sizes()


def random_treatments(
    n_rows: int, n_cells: int, n_compounds: int, n_genes: int
) -> Treatments:
    """Return treatments of random cells with random compounds, 10 uM for 72 h."""
    rng = np.random.default_rng(0)
    return Treatments(
        row_labels=np.arange(n_rows).astype(object),
        cell_ids=np.arange(n_cells).astype(object),
        cell_index=rng.integers(n_cells, size=n_rows),
        basal_expression=rng.normal(size=(n_cells, n_genes)).astype(np.float32),
        genes=tuple(f"G{i}" for i in range(n_genes)),
        genes_named=True,
        smiles=tuple("C" * (i + 1) for i in range(n_compounds)),
        compound_index=rng.integers(n_compounds, size=n_rows),
        has_compounds=True,
        dose=np.full(n_rows, 10.0),
        time=np.full(n_rows, 72.0),
    )


def random_interactome(
    n_genes: int, n_edges: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the entries of a random symmetric adjacency with a diagonal."""
    rng = np.random.default_rng(1)
    ends = rng.integers(n_genes, size=(n_edges, 2))
    low, high = ends.min(axis=1), ends.max(axis=1)
    ends = np.unique(np.column_stack([low, high])[low != high], axis=0)
    diagonal = np.arange(n_genes)
    rows = np.concatenate([ends[:, 0], ends[:, 1], diagonal])
    columns = np.concatenate([ends[:, 1], ends[:, 0], diagonal])
    return torch.tensor(rows), torch.tensor(columns), torch.ones(len(rows))


def random_molecules(n_molecules: int, device: torch.device) -> Molecules:
    """Return the graphs of the textbook's batches, without padding."""
    batch = textbook.random_batch(textbook.Sizes(batch_size=n_molecules))
    graphs = []
    for features, adjacency, distance in zip(*batch[:3], strict=True):
        n = int((features != 0).any(dim=1).sum())
        graphs.append(
            SimpleNamespace(
                node_features=features[:n],
                adjacency=adjacency[:n, :n],
                distance=distance[:n, :n],
            )
        )
    return Molecules.join(graphs, device)


class Trainer:
    """Our optimisation steps on random data, batch collation included."""

    def __init__(
        self,
        treatments: Treatments,
        compound_dim: int,
        n_edges: int,
        batch_size: int,
        *,
        device: torch.device,
        response: bool,
        freeze: bool = False,
        train_encoder: bool = False,
        widths: tuple[int, ...] = (512, 64),
    ) -> None:
        torch.manual_seed(0)
        n_genes = treatments.n_genes
        interactome = random_interactome(n_genes, n_edges)
        csg2a = CSG2A(n_genes, n_genes, compound_dim, interactome)
        if train_encoder:
            csg2a.condition.mat = MAT()
        network: nn.Module = csg2a
        if response:
            network = ResponseNetwork(csg2a, widths, 0.1, freeze=freeze)
        set_dropout_generator(network, torch.Generator(device).manual_seed(0))
        network.to(device)
        encodings = np.random.default_rng(2).normal(
            size=(treatments.n_compounds, compound_dim)
        )
        compounds = (
            random_molecules(treatments.n_compounds, device)
            if train_encoder
            else encodings.astype(np.float32)
        )
        tensors = TreatmentTensors.build(treatments, compounds, csg2a, device)
        if freeze:
            tensors.encoded_conditions = encode_conditions(csg2a, tensors)
        width = 1 if response else n_genes
        rows = torch.arange(treatments.n_rows, device=device)
        target = torch.randn(treatments.n_rows, width, device=device)
        generator = torch.Generator().manual_seed(0)
        self.dataset = TreatmentDataset(tensors, rows, target, generator)
        self.network = network.train()
        trained = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = AdamW(trained, fused=True)
        self.batch_size = batch_size
        self.device = device
        self._batches = iter(Batches(self.dataset, batch_size))

    def seconds(self, repeats: int) -> float:
        """Return the time of a step on the threads of a fit."""
        with steady_threads():
            return seconds(self.step, repeats)

    def step(self) -> None:
        """Take one optimisation step."""
        try:
            batch, target = next(self._batches)
        except StopIteration:
            self._batches = iter(Batches(self.dataset, self.batch_size))
            batch, target = next(self._batches)
        self.optimizer.zero_grad(set_to_none=True)
        nn.functional.mse_loss(self.network(batch), target).backward()
        self.optimizer.step()


def finetuning(device: torch.device) -> Trainer:
    """Return fine-tuning of the landmark model; compounds are encoded once."""
    return Trainer(
        random_treatments(4096, 580, 170, SIZES.n_genes),
        SIZES.mat_width,
        1771,
        SIZES.batch_size,
        device=device,
        response=True,
        freeze=True,
    )


def pretraining(device: torch.device) -> Trainer:
    """Return pretraining of the landmark model; compounds are encoded once."""
    return Trainer(
        random_treatments(4096, 580, 170, SIZES.n_genes),
        SIZES.mat_width,
        1771,
        SIZES.batch_size,
        device=device,
        response=False,
    )


def gdsc2_shape(device: torch.device) -> Trainer:
    """Return training from scratch in the shape of GDSC2."""
    return Trainer(
        random_treatments(74_500, 580, 170, 706),
        2048,
        1827,
        1024,
        device=device,
        response=True,
    )


def wide(device: torch.device) -> Trainer:
    """Return pretraining with ten times as many genes."""
    return Trainer(
        random_treatments(1024, 64, 64, 10_167),
        2048,
        57_092,
        128,
        device=device,
        response=False,
    )


def seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Return the time of one call, averaged over `repeats`."""
    wait_for_gpu()
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    wait_for_gpu()
    return (time.perf_counter() - start) / repeats


def wait_for_gpu() -> None:
    """Synchronize the GPU, if this process uses one."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def device_name(device: torch.device) -> str:
    """Return the model of a GPU, or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return models[0] if models else platform.processor()


class CountedProducts(TorchDispatchMode):
    """Count the floating-point operations in the matrix products of this thread.

    Torch's counter does not allow gradients within a backward pass, which blocks of
    rows need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_flop = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute an operation, and count it if it is a product."""
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        count = flop_registry.get(function._overloadpacket)  # noqa: SLF001
        if count is not None:
            given = {name: kwargs[name] for name in kwargs if name != "out"}
            self.n_flop += count(*args, **given, out_val=result)
        return result


def count_products(step: Callable[[], object]) -> int:
    """Return the floating-point operations in the matrix products of a step.

    Outside :func:`steady_threads`, the calling thread computes all blocks.
    """
    with CountedProducts() as products:
        step()
    return products.n_flop


def matrix_product_rate(device: torch.device) -> float:
    """Return operations per second in the product of two square float32 matrices."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = torch.randn(2, size, size, device=device)
    times = [seconds(lambda: left @ right, 3) for _ in range(4)]
    return 2 * size**3 / min(times[1:])


def speed(
    trainer: Trainer, step_seconds: float, n_flop: int, rate: float
) -> dict[str, float]:
    """Return the columns that every measurement reports on our steps."""
    return {
        "step_seconds": step_seconds,
        "treatments_per_second": trainer.batch_size / step_seconds,
        "gflop_per_step": n_flop / 1e9,
        "matrix_product_gflops": rate / 1e9,
        "share_of_matrix_product_rate": n_flop / step_seconds / rate,
    }


def measure_finetune(device: torch.device, rounds: int = 3) -> dict[str, float]:
    """Compare a fine-tuning step with the textbook implementation; compounds cached."""
    ours = finetuning(device)
    arguments = textbook.setup_finetuning(SIZES, device=str(device))
    return _against_textbook(ours, lambda: textbook.finetune_step(*arguments), rounds)


def measure_pretrain(device: torch.device, rounds: int = 3) -> dict[str, float]:
    """Compare a pretraining step; only the textbook trains its transformer.

    Our encodings are from a fixed transformer; `train_encoder` also trains ours.
    """
    ours = pretraining(device)
    arguments = textbook.setup_pretraining(SIZES, device=str(device))
    return _against_textbook(ours, lambda: textbook.pretrain_step(*arguments), rounds)


def measure_train_encoder(device: torch.device, rounds: int = 3) -> dict[str, float]:
    """Compare a pretraining step that also trains the transformer.

    Both have the published size, 8 layers of 1,024, and molecules of the same sizes.
    The textbook encodes one per row; ours the 16 compounds of the batch.
    """
    treatments = random_treatments(4096, 580, 256, SIZES.n_genes)
    ours = Trainer(
        replace(treatments, compound_index=np.arange(4096) % 256),
        SIZES.mat_width,
        1771,
        SIZES.batch_size,
        device=device,
        response=False,
        train_encoder=True,
    )
    n_compounds = [
        len(batch.compound.chosen)
        for batch, _ in Batches(ours.dataset, SIZES.batch_size)
    ]
    arguments = textbook.setup_pretraining(SIZES, device=str(device))
    measured = _against_textbook(
        ours, lambda: textbook.pretrain_step(*arguments), rounds, repeats=2
    )
    return measured | {"compounds_per_batch": mean(n_compounds)}


def _against_textbook(
    ours: Trainer,
    theirs: Callable[[], object],
    rounds: int,
    repeats: int = 20,
) -> dict[str, float]:
    """Alternate both and return medians."""
    n_flop = count_products(ours.step)
    for _ in range(5):
        ours.step()
    if ours.device.type == "cuda":  # its first step loads libraries
        theirs()
    times = []
    for _ in range(rounds):
        fast = ours.seconds(repeats)
        slow = seconds(theirs)
        times.append((slow, (fast + ours.seconds(repeats)) / 2))
    rate = matrix_product_rate(ours.device)
    return speed(ours, median(fast for _, fast in times), n_flop, rate) | {
        "textbook_seconds": median(slow for slow, _ in times),
        "times_faster": median(slow / fast for slow, fast in times),
    }


def measure_epoch(
    device: torch.device, steps: int = 24, rounds: int = 5
) -> dict[str, float]:
    """Compare training at batch 1024, in GDSC2's shape, with matrix products.

    The share is (multiplications of the step per second) / (those of a product of
    two square matrices of 2,048, on a GPU 8,192), both float32 and in this process.
    Only executed products are counted, and cells and conditions are computed once
    per batch.
    """
    trainer = gdsc2_shape(device)
    n_flop = count_products(trainer.step)
    for _ in range(3):
        trainer.step()
    rates, times = [], []
    for _ in range(rounds):
        rates.append(matrix_product_rate(device))
        times.append(trainer.seconds(steps // rounds + 1))
    shares = [n_flop / t / rate for t, rate in zip(times, rates, strict=True)]
    n_steps = -(-74_500 // 1024)
    return speed(trainer, median(times), n_flop, median(rates)) | {
        "epoch_seconds": median(times) * n_steps,
        "share_of_matrix_product_rate": median(shares),
    }


def measure_wide(device: torch.device) -> dict[str, float]:
    """Take pretraining steps with 10,167 genes, batch 128, and report peak memory."""
    trainer = wide(device)
    n_flop = count_products(trainer.step)
    step = trainer.seconds(3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 1e9
    rate = matrix_product_rate(device)
    return speed(trainer, step, n_flop, rate) | {"peak_gb": peak}


MEASURES: dict[str, Callable[[torch.device], dict[str, float]]] = {
    "finetune": measure_finetune,
    "pretrain": measure_pretrain,
    "train_encoder": measure_train_encoder,
    "epoch": measure_epoch,
    "wide": measure_wide,
}


def main() -> None:
    """Run the requested measurements, print and store them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measures", nargs="+", choices=[*MEASURES, "all"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto", help="'cpu', 'cuda', 'cuda:1'")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = resolve_device(asked.device)
    names = list(MEASURES) if "all" in asked.measures else asked.measures
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in names:
        values = MEASURES[name](device)
        row = {key: float(f"{value:.4g}") for key, value in values.items()}
        row |= {"threads": asked.threads, "device": device_name(device)}
        kept[name if device.type == "cpu" else f"{name} {device.type}"] = row
        print(name, row, flush=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
