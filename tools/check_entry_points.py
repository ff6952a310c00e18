"""Exit 1 when the installed package declares other entry points than pyproject.toml: it wants to be installed anew."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def declared() -> set[tuple[str, str, str]]:
    """(group, name, target) of every entry point and command in pyproject.toml."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    groups = {**project["entry-points"], "console_scripts": project["scripts"]}
    return {(group, name, target) for group, points in groups.items() for name, target in points.items()}


def installed() -> set[tuple[str, str, str]]:
    """The same, as the installed package's metadata tell it; empty when it is not installed."""
    try:
        points = distribution("mingzhang").entry_points
    except PackageNotFoundError:
        return set()
    return {(point.group, point.name, point.value) for point in points}


sys.exit(declared() != installed())
