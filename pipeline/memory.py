"""What the C library holds of memory that nobody uses any more, handed back to the system."""

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Final

_WHOLE: Final = 0  # bytes to be kept


def hand_back() -> None:
    """After much was freed at once: glibc keeps most of that for later, in one heap for each
    thread. A few milliseconds. Elsewhere nothing is held back, or nobody can be asked.
    """
    trim = _trim()
    if trim is not None:
        trim(_WHOLE)


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim."""
    if sys.platform != "linux":
        return None
    found: Callable[[int], int] | None = None
    with suppress(OSError, AttributeError):  # as of other C libraries
        found = ctypes.CDLL(None).malloc_trim
    return found
