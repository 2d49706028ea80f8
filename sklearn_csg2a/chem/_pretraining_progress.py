"""The progress line of a pretraining."""

from __future__ import annotations

import math
import sys
import time

__all__ = ["PretrainingProgress"]


class PretrainingProgress:
    """One line on stderr with the time left."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._begun = time.monotonic()
        self._first: int | None = None
        self._total = 0
        self._loss = math.nan

    def shards(self, ready: int, total: int) -> None:
        """Show how many shards have coordinates."""
        if self._first is None:
            self._first = ready
        self._show(f"coordinates {ready}/{total}", ready, total)

    def begin(self, step: int, total: int) -> None:
        """Start to count steps."""
        self.end()
        self._begun, self._first, self._total = time.monotonic(), step, total

    def step(self, step: int, loss: float) -> None:
        """Show a step and its smoothed loss."""
        first = math.isnan(self._loss)
        self._loss = loss if first else 0.98 * self._loss + 0.02 * loss
        text = f"step {step}/{self._total}  loss {self._loss:.4f}"
        self._show(text, step, self._total)

    def end(self) -> None:
        """Leave the line."""
        if self.enabled and self._first is not None:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def _show(self, text: str, done: int, total: int) -> None:
        """Rewrite the line."""
        since = done - (self._first or 0)
        if not self.enabled or since == 0:
            return
        left = (time.monotonic() - self._begun) / since * (total - done)
        sys.stderr.write(f"\r{text}  {left / 60:.0f} min left \033[K")
        sys.stderr.flush()
