"""The event loop: uvloop where there is one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

GC_THRESHOLDS: Final = (20_000, 20, 50)
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run until it is done."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def settle_heap() -> None:
    """Once everything is loaded: what is there stays out of garbage collection, and young objects get time to die.

    A request leaves next to no cycles; by the interpreter's defaults a tenth of a busy process's time went into
    looking for them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
