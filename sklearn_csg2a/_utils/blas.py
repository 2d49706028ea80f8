"""The BLAS libraries of the process, whose threads can be limited."""

from __future__ import annotations

from functools import cache
from pathlib import PurePath

from threadpoolctl import ThreadpoolController

__all__ = ["blas_libraries", "release_limits"]

_NAMES = ("blas", "mkl", "blis")  # parts of the names of their files


class _BlasLibraries(ThreadpoolController):
    """The BLAS libraries among the hundreds that a process has loaded.

    Where links of the others lead does not matter, and takes long to find out.
    """

    def _make_controller_from_path(self, filepath: str) -> None:
        """Look at a library more closely if its name can be that of a BLAS."""
        name = PurePath(filepath).name.lower()
        if any(part in name for part in _NAMES):
            super()._make_controller_from_path(filepath)


@cache
def blas_libraries() -> ThreadpoolController:
    """Return the libraries of NumPy and SciPy; searching for them is slow."""
    return _BlasLibraries()


def release_limits() -> None:
    """Let any thread change limits that another thread has set by threadpoolctl.

    The last thread to leave `steady_threads` need not be the first to enter.
    """
    for library in blas_libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):  # not in older versions
            library.clear_controlling_thread(force=True)
