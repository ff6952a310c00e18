"""Die at a named point, for crash tests (failures.md): nothing happens unless the environment asks for it.

Points: ``intent_to_call``, ``call_to_outcome``, ``commit_to_reply``, ``fact_to_apply``, ``mid_bisect``,
``batch_half_applied``.
"""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

from mingzhang.kit.errors import Kind, Problem

VARIABLE: Final = "MINGZHANG_CRASH_POINT"
POINTS: Final = frozenset(
    {
        "intent_to_call",
        "call_to_outcome",
        "commit_to_reply",
        "fact_to_apply",
        "mid_bisect",
        "batch_half_applied",
    }
)


def crash_point_from_env(environ: Mapping[str, str]) -> Callable[[str], None]:
    """What to call at every named point. ``name`` or ``name:n`` kills this process there the n-th time.

    SIGKILL: no handler runs and nothing is flushed, as when the machine takes the process away. Raises
    Problem ``settings_invalid`` for an unknown point, because a test that never crashes proves nothing.
    """
    wanted, _, count = environ.get(VARIABLE, "").partition(":")
    if not wanted:
        return _go_on
    if wanted not in POINTS or (count and not count.isdecimal()):
        raise Problem("settings_invalid", Kind.INVALID, f"{VARIABLE} names no crash point")
    left = int(count or 1)

    def crash(point: str) -> None:
        nonlocal left
        if point != wanted:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _go_on(point: str) -> None:
    """Outside of crash tests the points are passed by."""
