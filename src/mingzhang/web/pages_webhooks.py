"""The staff page of webhooks as a pure function of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mingzhang.notices.model import Notice
from mingzhang.notices.webhook_types import GROUPS
from mingzhang.notices.webhooks import Endpoint
from mingzhang.web.console import Frame, render_console
from mingzhang.web.model import ShopInfo


def webhooks_page(
    endpoints: Sequence[Endpoint],
    deliveries: Sequence[Notice],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    form: Mapping[str, str],
    error: str = "",
    secret: str = "",
    done: bool = False,
) -> str:
    """`secret`: one that was just made, shown this once; `error`: a field error code."""
    return render_console(
        "staff_webhooks.html",
        lang,
        shop,
        frame,
        now,
        endpoints=endpoints,
        deliveries=deliveries,
        form=form,
        groups=GROUPS,
        error=error,
        secret=secret,
        done=done,
    )
