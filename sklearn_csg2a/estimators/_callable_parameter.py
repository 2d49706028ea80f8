"""A constructor parameter and a method that share one name."""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parameter_and_method"]


class _CallableText(str):
    """A text that can also be called."""

    __slots__ = ("_call",)
    _call: Callable[..., Any]

    def __new__(cls, text: str, call: Callable[..., Any]) -> Self:
        instance = super().__new__(cls, text)
        instance._call = call
        return instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


class parameter_and_method:  # noqa: N801 (a decorator)
    """Let ``model.attention`` be the parameter and ``model.attention(X)`` a method.

    The value given to the constructor is stored unchanged in the instance, so
    that `clone` and pickling see it; reading it gives an equal text that can be
    called.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        functools.update_wrapper(self, method)  # type: ignore[arg-type]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self.method
        try:
            value = vars(instance)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None
        if isinstance(value, str):
            return _CallableText(value, MethodType(self.method, instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.name] = value
