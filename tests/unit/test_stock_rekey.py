"""Card codes get another key while the shop sells on: old and new open at once, a stop in the middle loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag

from mingzhang.app.settings import Settings
from mingzhang.fulfilment.stock import rekey
from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.rekey import rekey as seal_anew
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
SECRET, OLD, NEW = b"s" * 32, b"o" * 32, b"n" * 32
FIRST, BEFORE = Vault(SECRET), Vault(SECRET, (OLD,))
BOTH, AFTER = Vault(SECRET, (NEW, OLD)), Vault(b"x" * 32, (NEW,))
DELIVERED = """INSERT INTO delivered_card (bucket, order_id, attempt_no, n, card_enc, card_hash, delivered_at)
  VALUES (0, $1, $1 || 'T1', 1, $2, $3, $4)"""


async def bring(pool: asyncpg.Pool, vault: Vault, batch_id: str, count: int) -> None:
    batch = NewBatch(
        batch_id=batch_id, product="p", unit_cost_fen=0, expires_at=None, source="f.csv", added_by="keeper"
    )
    lines = [CardLine(n, "", f"{batch_id}-{n}") for n in range(1, count + 1)]
    await import_cards(pool, vault, batch, lines, NOW)


async def sell(pool: asyncpg.Pool, vault: Vault, number: str) -> str:
    stock = CardStock(pool, vault, ManualClock(NOW))
    wish = SupplyRequest(
        attempt_no=number,
        kind=GoodsKind.CARD,
        supplier_product="p",
        quantity=1,
        account="",
        face_value_fen=100,
        safe_cost_fen=100,
    )
    answer = await stock.submit(wish)
    await stock.aclose()
    return answer.cards[0].password


async def opened(pool: asyncpg.Pool, vault: Vault) -> list[str]:
    rows = await pool.fetch("SELECT card_enc FROM card UNION ALL SELECT card_enc FROM delivered_card")
    return sorted(vault.open_card(row["card_enc"]).strip() for row in rows)


async def test_codes_are_sealed_anew_in_blocks_that_may_be_stopped(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekey, "BLOCK", 4)
    await bring(pool, FIRST, "a", 5)  # before there were card keys
    await bring(pool, BEFORE, "b", 5)
    for n in range(3):
        text = f"\nsold-{n}"
        await pool.execute(DELIVERED, f"M{n}", FIRST.seal(text), FIRST.fingerprint(text), NOW)
    everything = await opened(pool, BOTH)
    assert len(everything) == 13

    def stop(done: int, total: int) -> None:
        if done >= 8:
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        await seal_anew(pool, BOTH, stop)
    assert await opened(pool, BOTH) == everything  # both keys open at once
    assert await sell(pool, BOTH, "A2T1") in everything
    await bring(pool, BOTH, "c", 2)
    told: list[tuple[int, int]] = []
    done = await seal_anew(pool, BOTH, lambda *at: told.append(at))
    assert (done.sealed, done.unreadable) == (5, 0)  # eight were done before
    assert told[-1] == (5, 5)
    assert (await seal_anew(pool, BOTH)).sealed == 0
    assert len(await opened(pool, AFTER)) == 15  # the new key alone opens everything
    for gone in (FIRST, BEFORE):
        with pytest.raises(InvalidTag):
            await opened(pool, gone)
    assert await sell(pool, Vault(SECRET, (NEW,)), "A3T1") in everything


async def test_what_no_key_opens_is_left_and_named(pool: asyncpg.Pool) -> None:
    await bring(pool, BEFORE, "a", 3)
    await pool.execute("UPDATE card SET card_enc = $1 WHERE n = 2", Vault(b"?" * 32).seal("\nother"))
    await pool.execute(
        "UPDATE card SET card_enc = $1 WHERE n = 3", BEFORE.seal_card("\na-1")
    )  # another's code
    done = await seal_anew(pool, BOTH)
    assert (done.sealed, done.unreadable, done.named) == (1, 2, ("a:2", "a:3"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append_only"):
        await pool.execute("UPDATE card SET card_hash = ''")


def test_card_keys_come_from_the_settings() -> None:
    given = {"DATABASE_URL": "x", "MINGZHANG_SECRET_KEY": "ab" * 32}
    assert Settings.from_env(given).card_keys == ()
    keys = f"{NEW.hex()}, {OLD.hex()}\n"
    assert Settings.from_env({**given, "MINGZHANG_CARD_KEYS": keys}).card_keys == (NEW, OLD)
    for wrong in ("zz", "abcd"):
        with pytest.raises(Problem, match="settings_invalid"):
            Settings.from_env({**given, "MINGZHANG_CARD_KEYS": wrong})
