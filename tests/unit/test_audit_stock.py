"""The audit holds own card stock against its claims, and claims against what was delivered (F7, F8)."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from mingzhang.app.audit_read import SQL
from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.vault import Vault

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
VAULT = Vault(b"k" * 32)
ATTEMPT = """INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity,
  cost_fen, state, holder, next_actor, planned_at, finished_at)
  VALUES (0, $1, $2, 1, 'stock', 'p', 'card', 1, 100, 'succeeded',
  'stock', '', $3, $3)"""
CARD = """INSERT INTO delivered_card (bucket, order_id, attempt_no, n, card_enc, card_hash, delivered_at)
  SELECT 0, $1, $2, 1, card_enc, $4, $3 FROM card WHERE batch_id = 'b' AND n = 1"""


async def found(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    return sorted((row["code"], row["subject"]) for row in await pool.fetch(SQL.list_stock_findings))


async def test_stock_that_disagrees_is_named(pool: asyncpg.Pool) -> None:
    batch = NewBatch(
        batch_id="b", product="p", unit_cost_fen=0, expires_at=None, source="f.csv", added_by="keeper"
    )
    await import_cards(pool, VAULT, batch, [CardLine(n, "", f"code-{n}") for n in range(1, 5)], NOW)
    stock = CardStock(pool, VAULT, ManualClock(NOW))
    for number in ("M1T1", "M2T1"):
        wish = SupplyRequest(
            attempt_no=number,
            kind=GoodsKind.CARD,
            supplier_product="p",
            quantity=1,
            account="",
            face_value_fen=100,
            safe_cost_fen=100,
        )
        await stock.submit(wish)
    await stock.aclose()
    await pool.execute(ATTEMPT, "M1T1", "M1", NOW)
    await pool.execute(CARD, "M1", "M1T1", NOW, VAULT.fingerprint("\ncode-1"))
    assert await found(pool) == []

    await pool.execute("UPDATE card_shelf SET available = available + 1")
    assert await found(pool) == [("shelf_differs", "b")]
    await pool.execute("UPDATE card_shelf SET available = available - 1")
    await pool.execute(
        "INSERT INTO card_claim VALUES ('M3T1', 'p', 1, 'claimed', '', 100, $1)",
        NOW,
    )
    await pool.execute(ATTEMPT, "M4T1", "M4", NOW)
    await pool.execute(ATTEMPT, "M2T1", "M2", NOW)
    await pool.execute(CARD, "M2", "M2T1", NOW, VAULT.fingerprint("\ncode-1"))  # not the one it was given
    assert await found(pool) == [
        ("card_differs", "M2T1"),
        ("claim_differs", "M3T1"),
        ("claim_missing", "M4T1"),
    ]
