"""Promises, articles, figures and hotlines as data with source and date, read once (`law.toml`; R34–R38, R43)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from mingzhang.kit.errors import Kind, Problem


class _Dated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``source``: who says so; ``since``: from when on it is so."""

    source: str
    since: date


class Basis(_Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a buyer may point to. ``kind``: promise (the shop's own word) or statute. Terms, where there are any, in
    hours or in working days (`kit/workdays.py`).
    """

    kind: str
    name_zh: str
    name_en: str
    says_zh: str
    says_en: str
    hours: int = 0
    workdays: int = 0

    def name(self, lang: str) -> str:
        """Its name in a language."""
        return self.name_en if lang == "en" else self.name_zh

    def says(self, lang: str) -> str:
        """What it says, in short."""
        return self.says_en if lang == "en" else self.says_zh


class Figure(_Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number; amounts in fen."""

    value: int


class Hotline(_Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A telephone number that everybody may call."""

    number: str


class Law(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. ``small_claims``: ceilings in fen by province."""

    basis: dict[str, Basis]
    figure: dict[str, Figure]
    small_claims: dict[str, Figure]
    hotline: dict[str, Hotline]


@cache
def read_law(own: str = "") -> Law:
    """The package's file with an installation's own laid over it, entry by entry. Raises Problem `settings_invalid`."""
    told = tomllib.loads(files("mingzhang.recourse").joinpath("law.toml").read_text(encoding="utf-8"))
    try:
        if own:
            _lay_over(told, tomllib.loads(Path(own).read_text(encoding="utf-8")))
        law = msgspec.convert(told, Law)
    except (OSError, ValueError) as error:
        raise Problem(
            "settings_invalid", Kind.INVALID, f"MINGZHANG_LAW_PATH: {error}", {"setting": "law_path"}
        ) from error
    return law


def _lay_over(told: dict[str, Any], own: Mapping[str, Any]) -> None:
    for table, entries in own.items():
        if not isinstance(entries, dict):
            raise ValueError(f"{table} is not a table")
        told.setdefault(table, {}).update(entries)
