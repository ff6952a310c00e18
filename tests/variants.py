"""Which variants of a test run each time, and which are left to `make test-long`."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def short(values: Iterable[Any], kept: Collection[Any]) -> list[Any]:
    """For `parametrize`: `kept` run each time, the other values in the long run. Tuples are several arguments."""
    everything = list(values)
    assert set(kept) <= set(everything), "a variant to be kept is none"
    return [
        value
        if value in kept
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.long)
        for value in everything
    ]
