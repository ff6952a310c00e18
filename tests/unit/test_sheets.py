"""A class of ours has its look from one sheet: buyers' and staff's pages load the common one, and staff's both."""

from __future__ import annotations

import re
from pathlib import Path

import mingzhang.web

STATIC = Path(next(iter(mingzhang.web.__path__))) / "static"
COMMENT = re.compile(r"/\*.*?\*/|@media print[^\n]*", re.DOTALL)  # paper has its own
SELECTORS = re.compile(r"([^{};]+)\{")
ALONE = re.compile(r"(?:\.mz )?(?:[a-z0-9]+)?(\.mz-[\w-]+)(?:::?[\w-]+)*")
CLASS = re.compile(r"\.mz-[\w-]+")


def _selectors(sheet: str) -> list[str]:
    text = COMMENT.sub("", (STATIC / f"{sheet}.css").read_text(encoding="utf-8"))
    return [each.strip() for group in SELECTORS.findall(text) for each in group.split(",")]


def _defined(sheet: str) -> set[str]:
    """The classes that the sheet gives a look wherever they stand."""
    return {found[1] for each in _selectors(sheet) if (found := ALONE.fullmatch(each))}


def _named(sheet: str) -> set[str]:
    return {name for each in _selectors(sheet) for name in CLASS.findall(each)}


def test_no_class_is_defined_in_two_sheets() -> None:
    common, buyer, console = _defined("app"), _defined("buyer"), _defined("console")
    assert len(common) > 100
    assert common & buyer == set()
    assert common & console == set()
    assert buyer & console == set()


def test_what_buyers_and_staff_both_name_is_the_common_sheets() -> None:
    own = (_named("buyer") - _named("app")) & (_named("console") - _named("app"))
    assert own == set()
