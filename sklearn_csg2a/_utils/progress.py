"""How far something is: one line that is rewritten, or a few plain ones in a file."""

from __future__ import annotations

import os
import sys
import warnings
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

with warnings.catch_warnings():  # a notebook without widgets gets plain lines
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ProgressLine"]

_HAS_WIDGETS = any(one.__module__ == "tqdm.notebook" for one in tqdm.__mro__)
_FIRST_LINE = 10.0  # seconds until a file gets its first line
_GROWTH = 3  # of the time between two lines: a day gets ten of them


class _Bar(tqdm):
    """A bar of tqdm without the thread that watches over slow ones."""

    monitor_interval = 0


class ProgressLine:
    """Show how far something is on stderr.

    A terminal and a notebook with widgets see one line that changes; a file, a pipe or
    a notebook without them a plain line now and then, and the last state in the end.

    Parameters
    ----------
    total : int or None
        When it is done; None where that is not known.
    what : str
        What is counted.
    start : int, default=0
        How far it is already.
    left : str, default="{remaining} left"
        What is said about the time; empty says nothing.
    in_bytes : bool, default=False
        Write 1500000 as 1.50M.
    delay : float, default=0.0
        Seconds in which nothing is shown: what ends sooner needs no line.
    stream : text stream or None, default=None
        None is stderr.
    """

    def __init__(
        self,
        total: int | None,
        what: str,
        *,
        start: int = 0,
        left: str = "{remaining} left",
        in_bytes: bool = False,
        delay: float = 0.0,
        stream: TextIO | None = None,
    ) -> None:
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._meter: dict[str, Any] = {
            "total": total,
            "initial": start,
            "unit_scale": in_bytes,
        }
        self._what, self._left, self._delay = what, left, delay
        self._done, self._note = start, ""
        self._begun, self._next = monotonic(), max(_FIRST_LINE, delay)
        self._is_written = True
        self._bar: tqdm | None = None
        if self._stream is not None and _rewrites(self._stream):
            self._bar = _Bar(
                desc=what,
                **self._meter,
                bar_format=self._form(" |{bar:10}| "),
                file=self._stream,
                delay=delay,
                **_size(self._stream),
                leave=None,
                miniters=1,
                smoothing=0,
            )

    def __enter__(self) -> Self:
        """Return the line, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the line."""
        self.close()

    @property
    def is_rewritten(self) -> bool:
        """Whether each state takes the place of the one before."""
        return self._bar is not None

    def update(self, done: int, note: str = "") -> None:
        """Show how far it is, with a note."""
        more, self._done, self._note = done - self._done, done, note
        self._is_written = False
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(more)
        elif monotonic() - self._begun >= self._next:
            self._write_state()
            self._next = _GROWTH * (monotonic() - self._begun)

    def say(self, message: str) -> None:
        """Write a message on a line of its own."""
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        elif self._stream is not None:
            self._stream.write(f"{message}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the last state, and the cursor below it; a second time does nothing."""
        if self._bar is not None:
            # two blanks more, for the ^C that a terminal may have shown behind it
            self._bar.set_postfix_str(f"{self._note}  ", refresh=False)
            self._bar.close()
        elif not self._is_written and monotonic() - self._begun >= self._delay:
            self._write_state()

    def _write_state(self) -> None:
        """Write the state as a plain line."""
        self._is_written = True
        self.say(
            tqdm.format_meter(
                n=self._done,
                elapsed=monotonic() - self._begun,
                prefix=self._what,
                postfix=self._note,
                bar_format=self._form(", "),
                **self._meter,
            )
        )

    def _form(self, separator: str) -> str:
        """Return the format of a state, in tqdm's words."""
        if self._meter["total"] is None:
            return "{desc} {n_fmt}{postfix}"
        if not self._left:
            separator = separator.rstrip(", ")
        return "{desc} {n_fmt}/{total_fmt}" + separator + self._left + "{postfix}"


def _rewrites(stream: TextIO) -> bool:
    """Whether what is written to a stream can be written over."""
    if _HAS_WIDGETS and stream is sys.stderr:
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _size(stream: TextIO) -> dict[str, Any]:
    """Return how wide a line may be; a terminal may not know its size."""
    try:
        knows = all(os.get_terminal_size(stream.fileno()))
    except (OSError, ValueError):  # no terminal: a notebook
        knows = True
    return {"dynamic_ncols": True} if knows else {"ncols": 79, "nrows": 24}
