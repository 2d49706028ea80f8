"""The progress line of a pretraining."""

from __future__ import annotations

import math

from sklearn_csg2a._utils.progress import ProgressLine

__all__ = ["PretrainingProgress"]


class PretrainingProgress:
    """One line for the coordinates, then one for the steps."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._line: ProgressLine | None = None
        self._loss = math.nan

    def shards(self, ready: int, total: int) -> None:
        """Show how many shards have coordinates."""
        if self._line is None:
            self._start("coordinates", ready, total)
        if self._line is not None:
            self._line.update(ready)

    def begin(self, step: int, total: int) -> None:
        """Start the line of steps."""
        self.end()
        if step < total:
            self._start("step", step, total)

    def step(self, step: int, loss: float) -> None:
        """Show a step and its smoothed loss."""
        first = math.isnan(self._loss)
        self._loss = loss if first else 0.98 * self._loss + 0.02 * loss
        if self._line is not None:
            self._line.update(step, f"loss {self._loss:.4g}")

    def end(self) -> None:
        """Close the line."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _start(self, unit: str, done: int, total: int) -> None:
        """Start a line."""
        if self.enabled:
            self._line = ProgressLine(total, unit, start=done)
