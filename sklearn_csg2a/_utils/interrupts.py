"""After Ctrl-C: what programs say, and models whose fit it ended."""

from __future__ import annotations

from typing import Any

__all__ = ["STOPPED", "check_uninterrupted", "was_interrupted"]

STOPPED = "Stopped. Finished results are stored: start again to continue."


def was_interrupted(model: Any) -> bool:
    """Whether Ctrl-C ended the fit of a model, or of the last step of a pipeline."""
    steps = getattr(model, "steps", None)
    last = steps[-1][-1] if steps else model
    return bool(getattr(last, "interrupted_", False))


def check_uninterrupted(model: Any) -> None:
    """Raise KeyboardInterrupt if Ctrl-C ended the fit of a model: it ends the rest."""
    if was_interrupted(model):
        raise KeyboardInterrupt
