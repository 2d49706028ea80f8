"""Ctrl-C at any moment of a program: one sentence and exit status 130.

Imported before anything else, because the imports take seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from sklearn_csg2a._utils.interrupts import STOPPED
from sklearn_csg2a.exceptions import Csg2aError


def _leave(*_: object) -> None:
    """End the process at once: nothing has been started that could be left undone."""
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(130)


def stop_at_once() -> None:
    """Answer Ctrl-C by leaving, until :func:`run`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def run(main: Callable[[], int]) -> None:
    """Run a program, which may answer Ctrl-C itself, and leave with its status.

    An error of this package is its message and status 1.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = main()
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        status = 130
    except Csg2aError as error:
        print(error, file=sys.stderr)
        status = 1
    sys.exit(status)
