"""Memory that a training step frees is kept for the next one."""

from __future__ import annotations

from functools import cache

import torch

__all__ = ["keep_freed_memory"]

_BYTES = 31 * 2**20  # just below the largest block that glibc considers


@cache
def keep_freed_memory() -> None:
    """Let the C library keep what is freed; what it keeps is at most 64 MB.

    glibc returns a freed block to the system if no block as large has been freed before
    (from 128 kB on, up to 32 MB), and the free end of its heap beyond twice that: each
    step then takes its memory again, page by page. A large block that is freed once
    raises both limits for the process. It is never written to, and so takes no memory.
    Limits that the user has set are not changed; other C libraries are not affected.
    """
    torch.empty(_BYTES, dtype=torch.uint8)
