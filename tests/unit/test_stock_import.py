"""Taking cards in: a preview that changes nothing, duplicates skipped wherever they are, all or nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag

from mingzhang.fulfilment.stock import importer
from mingzhang.fulfilment.stock.importer import Duplicate, Imported, NewBatch, import_cards, preview
from mingzhang.fulfilment.stock.reader import CardLine, read_cards
from mingzhang.fulfilment.stock.shelf import withdraw
from mingzhang.fulfilment.stock.store import Level, read_levels
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
VAULT = Vault(b"k" * 32)


def batch(batch_id: str, **changes: object) -> NewBatch:
    fields: dict[str, object] = {
        "batch_id": batch_id,
        "product": "game-100",
        "unit_cost_fen": 9000,
        "expires_at": None,
        "source": "cards.txt",
        "added_by": "keeper",
        **changes,
    }
    return NewBatch(**fields)


def cards(text: str) -> list[CardLine]:
    return read_cards(text.encode(), "cards.txt").cards


async def stored(pool: asyncpg.Pool, batch_id: str) -> list[str]:
    rows = await pool.fetch("SELECT card_enc FROM card WHERE batch_id = $1 ORDER BY n", batch_id)
    return [VAULT.open(row["card_enc"]) for row in rows]


async def test_a_preview_lists_duplicates_and_changes_nothing(pool: asyncpg.Pool) -> None:
    await import_cards(pool, VAULT, batch("b1"), cards("n1,code-0001\nn2,code-0002"), NOW)
    seen = await preview(
        pool, VAULT, cards("n3,code-0003\nn1,code-0001\nn3,code-0003\nn1,code-0001\nn9,code-0001")
    )
    assert (seen.lines, seen.fresh) == (5, 2)
    assert (seen.known_count, seen.known) == (2, [Duplicate(2, "…001"), Duplicate(4, "…001")])
    assert (seen.repeated_count, seen.repeated) == (1, [Duplicate(3, "…003")])
    assert await pool.fetchval("SELECT count(*) FROM card_code") == 2


async def test_duplicates_are_skipped_and_the_rest_keeps_its_order(pool: asyncpg.Pool) -> None:
    first = await import_cards(pool, VAULT, batch("b1"), cards("b,2\na,1\nb,2\nc,3"), NOW)
    assert first == Imported(batch_id="b1", cards=3, skipped=1)
    assert await stored(pool, "b1") == ["b\n2", "a\n1", "c\n3"]
    second = await import_cards(pool, VAULT, batch("b2", product="other"), cards("c,3\nd,4\na,1"), NOW)
    assert second == Imported(batch_id="b2", cards=1, skipped=2)
    assert await stored(pool, "b2") == ["d\n4"]
    levels = {level.product: level for level in await pool_levels(pool)}
    assert (levels["game-100"].available, levels["game-100"].value_fen) == (3, 27000)
    assert levels["other"].available == 1


async def pool_levels(pool: asyncpg.Pool) -> list[Level]:
    async with pool.acquire() as conn:
        return await read_levels(conn, NOW)


async def test_a_code_that_was_binned_stays_known(pool: asyncpg.Pool) -> None:
    await import_cards(pool, VAULT, batch("b1"), cards("a,1"), NOW)
    await withdraw(pool, "b1", None, reason="bin", by="keeper", now=NOW)
    assert (await preview(pool, VAULT, cards("a,1"))).known_count == 1


async def test_the_same_import_again_is_the_same_answer(pool: asyncpg.Pool) -> None:
    """The connection broke, the person pressed twice: one batch."""
    done = await import_cards(pool, VAULT, batch("b1"), cards("a,1\nb,2"), NOW)
    later = NOW + timedelta(hours=1)
    assert await import_cards(pool, VAULT, batch("b1"), cards("a,1\nb,2"), later) == done
    for changed, lines in ((batch("b1", unit_cost_fen=1), "a,1\nb,2"), (batch("b1"), "a,1\nb,3")):
        with pytest.raises(Problem, match="batch_reused"):
            await import_cards(pool, VAULT, changed, cards(lines), later)
    assert await pool.fetchval("SELECT count(*) FROM card") == 2


async def test_two_people_import_overlapping_files_at_once(pool: asyncpg.Pool) -> None:
    text = "\n".join(f"n{n},code-{n:05d}" for n in range(500))
    answers = await asyncio.gather(
        *(
            import_cards(pool, VAULT, batch(f"b{k}", product=f"p{k % 2}"), cards(text)[k * 50 :], NOW)
            for k in range(4)
        ),
        import_cards(pool, VAULT, batch("b0", product="p0"), cards(text), NOW),
    )
    assert answers[0] == answers[4]
    assert sum(answer.cards for answer in answers[:4]) == 500
    assert await pool.fetchval("SELECT count(DISTINCT card_hash) FROM card") == 500


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ""),
        ({"batch_id": ""}, "a,1"),
        ({"product": ""}, "a,1"),
        ({"expires_at": NOW}, "a,1"),
    ],
)
async def test_a_batch_that_can_not_be_sold_is_refused(
    pool: asyncpg.Pool, changes: dict[str, object], lines: str
) -> None:
    with pytest.raises(Problem, match="batch_invalid"):
        await import_cards(pool, VAULT, batch(**{"batch_id": "b1", **changes}), cards(lines), NOW)
    with pytest.raises(Problem, match="amount_invalid"):
        await import_cards(pool, VAULT, batch("b1", unit_cost_fen=-1), cards("a,1"), NOW)


async def test_an_import_that_breaks_off_leaves_nothing(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BLOCK", 10)
    lines = cards("\n".join(f"n{n},code-{n}" for n in range(50)))

    def stop(done: int, total: int) -> None:
        if done == 30:
            raise KeyError(total)

    with pytest.raises(KeyError):
        await import_cards(pool, VAULT, batch("b1"), lines, NOW, stop)
    assert await pool.fetchval("SELECT count(*) FROM card_code") == 0
    told: list[tuple[int, int]] = []
    await import_cards(pool, VAULT, batch("b1"), lines, NOW, lambda *at: told.append(at))
    assert told == [(10, 50), (20, 50), (30, 50), (40, 50), (50, 50)]


async def test_cards_are_sealed_with_a_key_that_is_not_here(pool: asyncpg.Pool) -> None:
    await import_cards(pool, VAULT, batch("b1"), cards("n,secret-code"), NOW)
    dump = str(
        [tuple(row) for row in await pool.fetch("SELECT * FROM card JOIN card_code USING (card_hash)")]
    )
    assert "secret-code" not in dump
    sealed = await pool.fetchval("SELECT card_enc FROM card")
    with pytest.raises(InvalidTag):
        Vault(b"x" * 32).open(sealed)


async def test_fifty_thousand_cards_come_in_quickly(pool: asyncpg.Pool) -> None:
    """A million in two minutes is 8,333 a second; this asks for a tenth of it, on whatever machine it is."""
    lines = [CardLine(n, f"SN{n:08d}", f"{n:08d}-{n * 7919 % 10**8:08d}") for n in range(1, 50_001)]
    start = asyncio.get_running_loop().time()
    done = await import_cards(pool, VAULT, batch("b1"), lines, NOW)
    assert done == Imported(batch_id="b1", cards=50_000, skipped=0)
    assert asyncio.get_running_loop().time() - start < 60
