"""What stock costs and loses stands in the books, with evidence: rows 1, 2 and 26; the audit holds both together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest

from mingzhang.app.audit_read import SQL as AUDIT
from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.shelf import move, restore, withdraw, write_off, write_off_expired
from mingzhang.fulfilment.stock.store import SQL
from mingzhang.fulfilment.stock.trade import Payment
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CUSTODY

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
VAULT = Vault(b"k" * 32)


def batch(batch_id: str, **more: Any) -> NewBatch:
    fields = {
        "product": "p",
        "unit_cost_fen": 100,
        "expires_at": None,
        "source": "f.csv",
        "added_by": "keeper",
    }
    return NewBatch(batch_id=batch_id, **{**fields, **more})


async def bring(pool: asyncpg.Pool, count: int, into: NewBatch) -> None:
    lines = [CardLine(n, "", f"{into.batch_id}-{n}") for n in range(1, count + 1)]
    await import_cards(pool, VAULT, into, lines, NOW)


async def books(pool: asyncpg.Pool) -> dict[tuple[str, str], int]:
    rows = await pool.fetch(
        """SELECT place, party, sum(amount_fen)::bigint FROM leg
           GROUP BY 1, 2 HAVING sum(amount_fen) <> 0"""
    )
    return {(row[0], row[1]): row[2] for row in rows}


@pytest.fixture
async def sound(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Pool]:
    """Whatever a test does: every leg cites a message that is kept, and the audit finds nothing in the stock."""
    yield pool
    assert await pool.fetch(AUDIT.list_stock_findings) == []
    lacking = "SELECT evidence_id FROM leg WHERE evidence_id NOT IN (SELECT evidence_id FROM evidence)"
    assert await pool.fetch(lacking) == []


async def test_stock_bought_with_the_shops_own_money_is_row_1(sound: asyncpg.Pool) -> None:
    into = batch("b1", payment=Payment(paid_to="某某点卡批发"))
    await bring(sound, 3, into)
    await bring(sound, 3, into)  # the same request again books nothing again
    assert await books(sound) == {("source.capital", ""): -300, ("supplier.free", "stock"): 300}
    kept = await sound.fetchrow("SELECT money, paid_to, evidence_id FROM card_batch")
    assert tuple(kept)[:2] == ("capital", "某某点卡批发")
    body = await sound.fetchval("SELECT body FROM evidence WHERE evidence_id = $1", kept["evidence_id"])
    assert b'"cost_fen":300' in body
    assert "某某点卡批发".encode() in body
    assert b"b1-1" not in body


async def test_stock_paid_from_custody_is_row_2_and_needs_the_float(sound: asyncpg.Pool) -> None:
    into = batch("b1", payment=Payment(money="custody", bank="icbc", paid_to="wholesaler", receipt="T-1"))
    with pytest.raises(Problem, match="float_short"):
        await bring(sound, 3, into)
    assert await sound.fetchval("SELECT count(*) FROM card") == 0
    async with sound.acquire() as conn, conn.transaction():
        posting = postings.capital_in("CAPITAL-icbc", party="icbc", place=CUSTODY, amount_fen=500)
        await sound.execute(
            """INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256,
                 note, known_at)
               VALUES ('E1', 'icbc', 'k', 'in', 'own', '', '', sha256(''), '', $1)""",
            NOW,
        )
        await ledger.write_shared(conn, posting, evidence_id="E1", now=NOW)
    await bring(sound, 3, into)
    assert await books(sound) == {
        ("source.capital", ""): -500,
        ("custody", "icbc"): 200,
        ("supplier.free", "stock"): 300,
    }
    cited = await sound.fetch(
        "SELECT DISTINCT seq, evidence_id FROM leg WHERE subject = 'BATCH-b1' ORDER BY seq"
    )
    assert len({row["evidence_id"] for row in cited}) == len(cited) == 2  # each step on its own evidence


@pytest.mark.parametrize(
    "payment",
    [
        Payment(money="custody"),
        Payment(money="custody", bank="icbc"),
        Payment(money="none"),
        Payment(bank="icbc"),
    ],
)
async def test_a_purchase_that_cannot_be_meant_is_refused(pool: asyncpg.Pool, payment: Payment) -> None:
    with pytest.raises(Problem, match="purchase_invalid"):
        await bring(pool, 1, batch("b1", payment=payment))
    assert await pool.fetchval("SELECT count(*) FROM card_batch") == 0


async def test_consignment_costs_nothing_and_a_reusable_code_all_at_once(sound: asyncpg.Pool) -> None:
    """Row 25: no legs; 循环卡密: what it cost is spent when it comes in, so that no sale has a cost."""
    await bring(sound, 2, batch("b1", unit_cost_fen=0))
    assert await books(sound) == {}
    await bring(sound, 1, batch("b2", product="endless", reusable=True, unit_cost_fen=700))
    assert await books(sound) == {("source.capital", ""): -700, ("spent.loss", ""): 700}
    stock = CardStock(sound, VAULT, ManualClock(NOW))
    answers = [await stock.submit(wish(f"A{n}T1", "endless")) for n in range(3)]
    assert {(answer.cost_fen, answer.cards[0].password) for answer in answers} == {(0, "b2-1")}
    await stock.aclose()


def wish(number: str, product: str = "p") -> SupplyRequest:
    return SupplyRequest(
        attempt_no=number,
        kind=GoodsKind.CARD,
        supplier_product=product,
        quantity=1,
        account="",
        face_value_fen=100,
        safe_cost_fen=100,
    )


async def test_the_bin_books_nothing_and_what_is_given_up_is_row_26(sound: asyncpg.Pool) -> None:
    await bring(sound, 5, batch("b1"))
    assert await withdraw(sound, "b1", [1, 2, 3], reason="damaged", by="keeper", now=NOW) == [1, 2, 3]
    assert (await books(sound))["supplier.free", "stock"] == 500
    back = await restore(sound, VAULT, "b1", [2], batch("b2", unit_cost_fen=7), NOW)
    assert (back.cards, (await books(sound))["supplier.free", "stock"]) == (1, 500)
    lost = await write_off(sound, Random(1), "b1", [1, 2], reason="dead", by="keeper", now=NOW, binned=True)
    assert lost == [1]  # the other is back on the shelf
    lost = await write_off(sound, Random(2), "b1", [4], reason="dead", by="keeper", now=NOW)
    assert lost == [4]
    assert await write_off(sound, Random(3), "b1", [4], reason="dead", by="keeper", now=NOW) == []
    held = await books(sound)
    assert (held["supplier.free", "stock"], held["spent.loss", ""]) == (300, 200)
    binned = await sound.fetch(SQL.list_binned, None, None, 10)
    assert [(row["batch_id"], row["n"]) for row in binned] == [("b1", 3)]
    with pytest.raises(Problem, match="nothing_to_move"):
        await restore(sound, VAULT, "b1", [2], batch("b3"), NOW)
    stock = CardStock(sound, VAULT, ManualClock(NOW))
    assert sorted([(await stock.submit(wish(f"A{n}T1"))).cards[0].password for n in range(2)]) == [
        "b1-2",
        "b1-5",
    ]
    await stock.aclose()


async def test_expired_cards_are_written_off_once_and_moves_book_nothing(sound: asyncpg.Pool) -> None:
    await bring(sound, 4, batch("b1", expires_at=NOW + timedelta(days=1)))
    await move(sound, VAULT, "b1", [1], batch("b2", product="q", expires_at=None, unit_cost_fen=1), NOW)
    assert (await books(sound))["supplier.free", "stock"] == 400
    late = NOW + timedelta(days=1)
    assert await write_off_expired(sound, Random(1), by="keeper", now=NOW) == {}
    assert await write_off_expired(sound, Random(1), by="keeper", now=late) == {"b1": 3, "b2": 1}
    assert await write_off_expired(sound, Random(2), by="keeper", now=late) == {}
    assert await books(sound) == {("source.capital", ""): -400, ("spent.loss", ""): 400}


async def test_the_audit_names_a_batch_whose_money_differs(pool: asyncpg.Pool) -> None:
    await bring(pool, 2, batch("b1"))
    await pool.execute(
        """INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
           SELECT 0, 'BATCH-' || t.b, 9, t.n, 'written_off', t.place, t.party, 'F', t.fen, 'E', $1 FROM (VALUES
             ('b1', 0, 'supplier.free', 'stock', -1), ('b1', 1, 'spent.loss', '', 1),
             ('b9', 0, 'supplier.free', 'stock', -1), ('b9', 1, 'spent.loss', '', 1)) AS t(b, n, place, party, fen)""",
        NOW,
    )
    found = {(row["code"], row["subject"]) for row in await pool.fetch(AUDIT.list_stock_findings)}
    assert found == {("batch_money_differs", "b1"), ("batch_missing", "BATCH-b9")}
