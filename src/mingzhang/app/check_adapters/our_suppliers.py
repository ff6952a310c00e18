"""The rigs of our own suppliers, against our simulators. Every adapter is made by its own factory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from mingzhang.app.check_adapters.rig import HASTY_S, OpenRig, Setup, SupplierRig
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest

SUPPLIER_FAULTS = (
    "timeout_before_acceptance",
    "timeout_after_acceptance",
    "unknown_http500",
    "unknown_non_json",
    "unknown_html404_after_acceptance",
    "unknown_9999",
    "query_not_found_then_found",
    "query_unknown",
    "success_then_reversed",
    "duplicate_number",
    "done_without_cards",
    "too_few_cards",
    "same_card_twice",
    "price_above_safe",
    "insufficient_balance",
    "maintenance",
    "rate_limited_429",
    "account_banned",
    "velocity_refused",
    "wrong_account",
    "region_refused",
    "stock_out",
    "forged_callback",
    "callback_duplicate",
    "silent",
    "partial_refund",
)


def goods(
    mobile: tuple[str, int], direct: tuple[str, int, int], card: tuple[str, int, int]
) -> dict[GoodsKind, SupplyRequest]:
    """One product of each kind: its id, how many (of a top-up by phone always one), and the most it may cost, fen."""
    base = SupplyRequest(
        attempt_no="",
        kind=GoodsKind.MOBILE,
        supplier_product=mobile[0],
        quantity=1,
        account="13800001234",
        face_value_fen=5000,
        safe_cost_fen=mobile[1],
    )

    def other(kind: GoodsKind, account: str, row: tuple[str, int, int]) -> SupplyRequest:
        product, quantity, cost = row
        return msgspec.structs.replace(
            base, kind=kind, account=account, supplier_product=product, quantity=quantity, safe_cost_fen=cost
        )

    return {
        GoodsKind.MOBILE: base,
        GoodsKind.DIRECT: other(GoodsKind.DIRECT, "88881234", direct),
        GoodsKind.CARD: other(GoodsKind.CARD, "", card),
    }


def _rig(
    setup: Setup,
    settings: Mapping[str, str],
    *,
    stranger: Mapping[str, str],
    nowhere: str,
    products: Mapping[GoodsKind, SupplyRequest],
    faults: Mapping[str, str],
    **more: Any,
) -> SupplierRig:
    told = dict(settings)
    supplier = setup.make(told)
    setup.inbox.reply = supplier.acknowledge
    return SupplierRig(
        world=setup.world,
        clock=setup.clock,
        inbox=setup.inbox,
        party=setup.found.name,
        faults=faults,
        supplier=supplier,
        hasty=setup.make(told, HASTY_S),
        stranger=setup.make(told | dict(stranger)),
        unreachable=setup.make(told | {"url": nowhere}),
        products=products,
        **more,
    )


@asynccontextmanager
async def fulu_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """福禄."""
    ready = setup.world.ready["fulu"]
    await setup.world.tell("PUT", "/fulu/notify-url", {"url": setup.inbox.url})
    yield _rig(
        setup,
        {name: ready[name] for name in ("url", "app_key", "app_secret")},
        stranger={"app_secret": "0" * 32},
        nowhere="http://127.0.0.1:1/api/getway",
        products=goods(("20000050", 5000), ("10000010", 2, 2000), ("30000100", 2, 20000)),
        faults={name: name for name in SUPPLIER_FAULTS},
        secrets=(ready["app_secret"],),
    )


@asynccontextmanager
async def kasushou_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """卡速售."""
    ready = setup.world.ready["kasushou"]
    yield _rig(
        setup,
        ready,
        stranger={"api_key": "0" * 32},
        nowhere="http://127.0.0.1:1",
        products=goods(("1050", 5000), ("2010", 2, 2000), ("3100", 2, 20000)),
        faults={name: name for name in SUPPLIER_FAULTS},
        secrets=(ready["api_key"],),
        tells=frozenset(),
    )


@asynccontextmanager
async def dtone_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """DT One: one unit a transaction; a decline gives everything back; it can't hand one PIN to itself twice."""
    ready = setup.world.ready["dtone"]
    yield _rig(
        setup,
        ready,
        stranger={"api_secret": "0" * 32},
        nowhere="http://127.0.0.1:1/v1",
        products=goods(("61050", 5000), ("62010", 1, 8000), ("63010", 1, 8000)),
        faults={name: name for name in SUPPLIER_FAULTS if name not in ("partial_refund", "same_card_twice")},
        secrets=(ready["api_secret"],),
        tells=frozenset({"serial"}),
    )


SUPPLIER_RIGS: dict[str, dict[str, OpenRig]] = {
    "dtone": {"dtone": dtone_rig},
    "fulu": {"fulu": fulu_rig},
    "kasushou": {"kasushou": kasushou_rig},
}
