"""Memory of a long-lived process: what Python's collector looks at, and what glibc keeps."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from contextlib import suppress

ARENAS = 2
M_ARENA_MAX = -8
"""`mallopt`'s parameter of that name (malloc.h)."""
TRIM_SECONDS = 15.0
YOUNG, MIDDLE, OLD = 20_000, 20, 20
"""Objects before the collector looks at the youngest, and how often it then takes the older ones along."""


def spare_what_is_loaded() -> None:
    """Leave modules, classes and apps out of every collection from now on, and collect less often.

    Otherwise the collector takes a tenth of the intake's time, and its full runs hold the loop for 50 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def use_few_arenas() -> None:
    """Have glibc keep two heaps instead of one a thread, which saves tens of MiB; elsewhere nothing happens."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


async def give_memory_back() -> None:
    """Return what a load has left over in the heap to the system, every now and then; glibc keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(TRIM_SECONDS)
        await asyncio.to_thread(trim, 0)
