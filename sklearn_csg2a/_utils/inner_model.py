"""Where the model is inside of one that wraps it, such as a pipeline or a search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sklearn.pipeline import Pipeline

__all__ = ["refuse_model"]

_DEEPEST = 3  # models around one another


def refuse_model(
    model: Any, expected: str, accepts: Callable[[Any], bool], *, name: str = "model"
) -> str:
    """Return why a model is refused, and where the right one is, if it is inside.

    `accepts` tells whether a part of the model would be the right one.
    """
    if isinstance(model, type):
        return (
            f"{name} is the class {model.__name__}; expected {expected}: create and "
            "fit one."
        )
    message = f"{name} is a {type(model).__name__}; expected {expected}"
    path, transformed = _find(model, accepts, name)
    if not path:
        return f"{message}."
    rows = ", with X as the steps before it return it" if transformed else ""
    return f"{message}: pass the one inside, {path}{rows}."


def _find(model: Any, accepts: Callable[[Any], bool], name: str) -> tuple[str, bool]:
    """Return the path to the first part that is accepted; "" for none.

    Also whether steps of a pipeline transform its rows.
    """
    waiting = deque([(name, model, False, 0)])
    while waiting:
        path, part, transformed, depth = waiting.popleft()
        if depth and accepts(part):
            return path, transformed
        if depth < _DEEPEST:
            steps = isinstance(part, Pipeline) and len(part.steps) > 1
            for where, inner in _parts_of(part):
                waiting.append((path + where, inner, transformed or steps, depth + 1))
    return "", False


def _parts_of(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fitted models inside of a model, and how to get them."""
    if isinstance(model, Pipeline):
        yield "[-1]", model.steps[-1][1]
        return
    for name, value in vars(model).items() if hasattr(model, "__dict__") else ():
        if not name.endswith("_") or name.startswith("_"):
            continue
        if hasattr(value, "get_params"):
            yield f".{name}", value
        elif isinstance(value, list):
            for i, one in enumerate(value):
                if hasattr(one, "get_params"):
                    yield f".{name}[{i}]", one
