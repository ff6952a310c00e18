"""Arithmetic of the console's figures: intervals and percentiles out of counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Final

Z: Final = 1.959964  # of a two-sided 95 % interval
BINS_A_DOUBLING: Final = 4


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate after Wilson: it stays within 0 and 1 and is honest for few cases. n = 0: (0, 1)."""
    if n <= 0:
        return 0.0, 1.0
    p, zz = successes / n, Z * Z
    middle = (p + zz / (2 * n)) / (1 + zz / n)
    half = Z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def seconds_of(bin_no: int) -> float:
    """The middle of a bin of times, in seconds: four bins to a doubling."""
    return float(2 ** ((bin_no + 0.5) / BINS_A_DOUBLING))


def percentile(bins: Mapping[int, int], share: float) -> float | None:
    """Seconds below which that share of the cases lies, to about a tenth; None without cases."""
    total = sum(bins.values())
    if not total:
        return None
    seen = 0
    for bin_no in sorted(bins):
        seen += bins[bin_no]
        if seen >= share * total:
            return seconds_of(bin_no)
    return seconds_of(max(bins))
