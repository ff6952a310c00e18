"""The rig of own card stock: its other side is our own database, with a batch of cards imported for the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from mingzhang.app.check_adapters.our_suppliers import goods
from mingzhang.app.check_adapters.rig import NoWorld, Setup, SupplierRig
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.store import Claim, read_claims
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.kit.adapter import Inner

_PRODUCT: Final = "check-card"
_COST_FEN: Final = 950
_CARDS: Final = 50


@dataclass(kw_only=True)
class StockRig(SupplierRig):
    """Its books are the claims of the numbers that it gave out."""

    inner: Inner
    numbers: list[str] = field(default_factory=list)

    def request(self, order: str, kind: GoodsKind, **changes: object) -> SupplyRequest:
        """As every rig's; the number is remembered."""
        request = super().request(order, kind, **changes)
        self.numbers.append(request.attempt_no)
        return request

    async def books(self) -> Any:
        """Every claim as it stands, in the shape of a supplier's orders."""
        async with self.inner.pool.acquire() as conn:
            claims = await read_claims(conn, self.numbers)
        return {"orders": [self._order(claim) for claim in claims.values() if claim.state == "claimed"]}

    def _order(self, claim: Claim) -> Mapping[str, Any]:
        opened = [self.inner.vault.open_card(card.card_enc).split("\n") for card in claim.cards]
        return {
            "customer_order_no": claim.attempt_no,
            "order_id": claim.attempt_no,
            "quantity": claim.quantity,
            "cost_fen": claim.cost_fen,
            "charged_fen": claim.cost_fen,
            "credited_fen": 0,
            "cards": opened,
            "topups_executed": 1,
        }


@asynccontextmanager
async def stock_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """自有卡密: no wire, no callbacks, no secret, and the answer of a submit is the last word."""
    assert setup.inner is not None
    supplier = setup.make({})
    setup.inbox.reply = supplier.acknowledge
    batch = NewBatch(
        batch_id="check",
        product=_PRODUCT,
        unit_cost_fen=_COST_FEN,
        expires_at=None,
        source="check.csv",
        added_by="check",
    )
    lines = [CardLine(n, f"CHECK-{n:03d}", f"secret-{n:03d}") for n in range(1, _CARDS + 1)]
    await import_cards(setup.inner.pool, setup.inner.vault, batch, lines, setup.clock.now())
    sold = goods(("", 1), ("", 1, 0), (_PRODUCT, 2, 2 * _COST_FEN))
    yield StockRig(
        world=NoWorld("the database is the other side"),
        clock=setup.clock,
        inbox=setup.inbox,
        party="stock",
        faults={},
        supplier=supplier,
        hasty=supplier,
        stranger=supplier,
        unreachable=supplier,
        products={GoodsKind.CARD: sold[GoodsKind.CARD]},
        secrets=("secret-",),
        has=frozenset({"own_table", "at_once"}),
        inner=setup.inner,
    )
