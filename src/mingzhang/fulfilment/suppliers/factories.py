"""How the suppliers of this package are made from their settings; named by entry points (`mingzhang.suppliers`)."""

from __future__ import annotations

from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.fulfilment.suppliers.dtone import DtOne, DtOneSettings
from mingzhang.fulfilment.suppliers.fulu import Fulu, FuluSettings
from mingzhang.fulfilment.suppliers.kasushou import Kasushou, KasushouSettings
from mingzhang.kit.adapter import Given


def make_fulu(given: Given) -> Supplier | None:
    """福禄: on when ``url`` is given."""
    settings = given.settings
    url = settings.text("url")
    if not url:
        return None
    made = FuluSettings(
        url=url,
        app_key=settings.text("app_key"),
        app_secret=settings.text("app_secret"),
        timeout_s=given.timeout_s,
    )
    return Fulu(made, given.http, given.clock)


def make_kasushou(given: Given) -> Supplier | None:
    """卡速售: on when ``url`` is given."""
    settings = given.settings
    url = settings.text("url")
    if not url:
        return None
    made = KasushouSettings(
        url=url,
        user_id=settings.text("user_id"),
        api_key=settings.text("api_key"),
        callback_url=given.hook_url,
        name=given.name,
        timeout_s=given.timeout_s,
    )
    return Kasushou(made, given.http, given.clock)


def make_dtone(given: Given) -> Supplier | None:
    """DT One: on when ``url`` is given."""
    settings = given.settings
    url = settings.text("url")
    if not url:
        return None
    made = DtOneSettings(
        url=url,
        api_key=settings.text("api_key"),
        api_secret=settings.text("api_secret"),
        callback_url=given.hook_url,
        currency=settings.text("currency", "USD"),
        fen_per_unit=settings.text("fen_per_unit"),
        timeout_s=given.timeout_s,
    )
    return DtOne(made, given.http, given.clock)
