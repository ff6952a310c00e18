"""The staff page of the shop's settings as a pure function of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from mingzhang.shop.model import ShopFace, Version, changed
from mingzhang.web.console import Frame, render_console
from mingzhang.web.model import ShopInfo


def settings_page(
    versions: Sequence[Version],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    better: str = "",
    done: bool = False,
    defaults: Mapping[str, str] | None = None,
) -> str:
    """`versions`: the newest first; `typed`: what was sent and refused; `better`: a colour that can be read."""
    held = versions[0] if versions else Version()
    befores = [*(one.face for one in versions[1:]), ShopFace()]
    pairs = list(zip(versions, befores, strict=False))
    if pairs and versions[-1].version != 1:
        pairs.pop()  # what was before the oldest one shown is not known here
    history = [(one, changed(before, one.face)) for one, before in pairs]
    return render_console(
        "staff_settings.html",
        lang,
        shop,
        frame,
        now,
        held=held,
        form={**msgspec.to_builtins(held.face), **(typed or {})},
        errors=errors or {},
        better=better,
        done=done,
        defaults=defaults or {},
        history=history,
    )
