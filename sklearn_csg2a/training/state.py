"""The fitted network as plain arrays, for pickling and model files."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from sklearn.base import BaseEstimator

from sklearn_csg2a.nn.layers import seeded_initialisation
from sklearn_csg2a.training.device import resolve_device
from sklearn_csg2a.training.net import wrap_network

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from sklearn_csg2a.training.net import TrainingNet

__all__ = ["NetworkState"]


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
        with seeded_initialisation(0):
            network = self._network_from_state(config, arrays)
        network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
        device = torch.device(getattr(self, "device_", "cpu"))
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            device = resolve_device("auto")  # the first, if present
        self.device_ = str(device)
        self.net_ = wrap_network(network.eval(), device)
