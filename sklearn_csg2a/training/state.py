"""The fitted network as plain arrays, for pickling and model files."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from sklearn.base import BaseEstimator
from torch.overrides import TorchFunctionMode

from sklearn_csg2a.exceptions import ModelFileError
from sklearn_csg2a.training.device import resolve_device, seeded_initialisation
from sklearn_csg2a.training.net import wrap_network

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from sklearn_csg2a.training.net import TrainingNet

__all__ = ["NetworkState"]

_FREE, _FACTOR = 2**26, 8  # bytes that rebuilding may take, for weights of some bytes
_MODULE_BYTES = 2**12  # of the Python objects around each new tensor
_FACTORIES = frozenset(
    (torch.empty, torch.full, torch.ones, torch.rand, torch.randn, torch.zeros)
)


class _AllocationLimit(TorchFunctionMode):
    """Stop building a network that is much larger than its weights.

    Parameters
    ----------
    n_bytes : int
        Size of all new tensors together.
    """

    def __init__(self, n_bytes: int) -> None:
        super().__init__()
        self.left = n_bytes

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Count the size of a new tensor before its memory is taken."""
        kwargs = kwargs or {}
        if func in _FACTORIES:
            described = {k: v for k, v in kwargs.items() if k != "generator"}
            size = func(*args, **{**described, "device": "meta"})
            self.left -= size.nbytes + _MODULE_BYTES
            if self.left < 0:
                msg = "the network that it describes is larger than its weights."
                raise ModelFileError(msg)
        return func(*args, **kwargs)


class NetworkState(BaseEstimator):
    """Turn `net_` into a configuration and NumPy arrays, and back."""

    net_: TrainingNet
    device_: str

    @classmethod
    @abstractmethod
    def _network_from_state(
        cls, config: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> nn.Module:
        """Rebuild a network from its configuration and weights."""

    @abstractmethod
    def _network_config(self) -> dict[str, Any]:
        """Return the configuration from which the network can be rebuilt."""

    def __getstate__(self) -> dict[str, Any]:
        """Store weights as NumPy arrays: a pickle names no torch class."""
        state = super().__getstate__()
        if "net_" in state:
            state = state.copy()
            del state["net_"]
            state["_network"] = (self._network_config(), self._network_arrays())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the network, on the CPU if its device is missing."""
        state = state.copy()
        network = state.pop("_network", None)
        super().__setstate__(state)
        if network is not None:
            self._restore_network(*network)

    def _network_arrays(self) -> dict[str, np.ndarray]:
        """Return all weights and buffers as arrays."""
        return {
            name: tensor.detach().cpu().numpy().copy()
            for name, tensor in self.net_.module_.state_dict().items()
        }

    def _restore_network(
        self, config: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> None:
        """Set `net_` from a configuration and arrays."""
        allowed = _FREE + _FACTOR * sum(array.nbytes for array in arrays.values())
        with seeded_initialisation(0), _AllocationLimit(allowed):
            network = self._network_from_state(config, arrays)
        network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
        device = torch.device(getattr(self, "device_", "cpu"))
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            device = resolve_device("auto")  # the first, if present
        self.device_ = str(device)
        self.net_ = wrap_network(network.eval(), device)
