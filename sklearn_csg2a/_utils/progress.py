"""Progress: one line that is rewritten, or a few plain lines in a file."""

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

_HAS_WIDGETS = any(cls.__module__ == "tqdm.notebook" for cls in tqdm.__mro__)
_FIRST_LINE = 10.0  # seconds until a file gets its first line
_GROWTH = 3  # of the time between two lines: about ten lines in a day


class _Bar(tqdm):
    """A tqdm bar without the monitoring thread."""

    monitor_interval = 0


class ProgressLine:
    """Show progress on stderr.

    In a terminal and in a notebook with widgets, one line is updated in place. In a
    file, a pipe or a notebook without widgets, plain lines are written at growing
    intervals, and the final state at the end.

    Parameters
    ----------
    total : int or None
        Number of steps; None if unknown.
    unit : str
        Name of a step.
    start : int, default=0
        Number of steps that are already done.
    time_left : str, default="{remaining} left"
        Format of the remaining time; empty shows none.
    in_bytes : bool, default=False
        Write 1500000 as 1.50M.
    delay : float, default=0.0
        Seconds before anything is shown.
    stream : text stream or None, default=None
        None is stderr.
    """

    def __init__(
        self,
        total: int | None,
        unit: str,
        *,
        start: int = 0,
        time_left: str = "{remaining} left",
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
        self._unit, self._time_left, self._delay = unit, time_left, delay
        self._done, self._note = start, ""
        self._begun, self._next = monotonic(), max(_FIRST_LINE, delay)
        self._is_written = True
        self._bar: tqdm | None = None
        if self._stream is not None and _rewrites(self._stream):
            self._bar = _Bar(
                desc=unit,
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
        """Return the progress line."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the line."""
        self.close()

    @property
    def is_rewritten(self) -> bool:
        """Whether the line is rewritten in place."""
        return self._bar is not None

    def update(self, done: int, note: str = "") -> None:
        """Show the number of finished steps and a note."""
        more, self._done, self._note = done - self._done, done, note
        self._is_written = False
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(more)
        elif monotonic() - self._begun >= self._next:
            self._write_state()
            self._next = _GROWTH * (monotonic() - self._begun)

    def write_message(self, message: str) -> None:
        """Write a message on a separate line."""
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        elif self._stream is not None:
            self._stream.write(f"{message}\n")
            self._stream.flush()

    def close(self) -> None:
        """Write the final state and end the line; calling it again does nothing."""
        if self._bar is not None:
            # two more blanks overwrite the ^C that a terminal may show
            self._bar.set_postfix_str(f"{self._note}  ", refresh=False)
            self._bar.close()
        elif not self._is_written and monotonic() - self._begun >= self._delay:
            self._write_state()

    def _write_state(self) -> None:
        """Write the state as a plain line."""
        self._is_written = True
        self.write_message(
            tqdm.format_meter(
                n=self._done,
                elapsed=monotonic() - self._begun,
                prefix=self._unit,
                postfix=self._note,
                bar_format=self._form(", "),
                **self._meter,
            )
        )

    def _form(self, separator: str) -> str:
        """Return the tqdm format of a state."""
        if self._meter["total"] is None:
            return "{desc} {n_fmt}{postfix}"
        if not self._time_left:
            separator = separator.rstrip(", ")
        return "{desc} {n_fmt}/{total_fmt}" + separator + self._time_left + "{postfix}"


def _rewrites(stream: TextIO) -> bool:
    """Tell whether a line in a stream can be rewritten."""
    if _HAS_WIDGETS and stream is sys.stderr:
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _size(stream: TextIO) -> dict[str, Any]:
    """Return the line width for tqdm; some terminals report no size."""
    try:
        has_size = all(os.get_terminal_size(stream.fileno()))
    except (OSError, ValueError):  # not a terminal: a notebook
        has_size = True
    return {"dynamic_ncols": True} if has_size else {"ncols": 79, "nrows": 24}
