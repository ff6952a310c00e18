"""What stands beside a deed in the audit log: names and values in words, not JSON. An unknown one is shown as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

from mingzhang.web.views import View, yuan
from mingzhang.web.words import N_
from mingzhang.web.words_deeds import FIELDS

# Values that are codes of a table, by the field they stand in.
_TABLES: Final[Mapping[str, str]] = {"money": "money_action", "topics": "webhook_topic", "fields": "setting"}
_LONG: Final = 16  # a code below this is not broken


def draw_data(text: str, view: View) -> Markup:
    """One line for each thing that was noted, in the order in which it was. `text`: a JSON object."""
    try:
        noted = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return Markup(f"<code>{escape(text)}</code>")  # noqa: S704 - escaped
    lines = (
        Markup(f"<span><i>{escape(_name(name, view))}</i> {_value(name, value, view)}</span>")  # noqa: S704 - escaped
        for name, value in _flat(noted)
    )
    return Markup('<span class="mz-noted">{}</span>').format(Markup("").join(lines))


def _flat(noted: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in noted.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value not in ("", None, []):
            yield f"{before}{name}", value


def _name(name: str, view: View) -> str:
    return view.t(FIELDS[name]) if name in FIELDS else name


def _value(name: str, value: Any, view: View) -> Markup:
    if isinstance(value, bool):
        return escape(view.t(N_("是") if value else N_("否")))
    if isinstance(value, int):
        return yuan(value) if name.endswith("_fen") else escape(f"{value:,}")
    if isinstance(value, list):
        parts = [_value(name, each, view) for each in value]
        between = Markup("、") if view.lang == "zh" else Markup(", ")
        return between.join(parts)
    text = str(value)
    if name in _TABLES:
        return escape(view.w(_TABLES[name], text))
    moment = _moment(text)
    if moment is not None:
        return view.at(moment)
    kind = ' class="mz-nowrap"' if len(text) < _LONG else ""
    return Markup(f"<code{kind}>{escape(text)}</code>")  # noqa: S704 - escaped


def _moment(text: str) -> datetime | None:
    if "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
