"""Takes cards in: a preview that lists duplicates and changes nothing, then the import that skips them.

A code that ever came in is a duplicate, whatever became of it, in the same file, in stock, sold or binned.
Sealing and fingerprinting happen in threads, in blocks; the rows go in by COPY, in one transaction: an import is
there as a whole or not at all. It is keyed by its batch's id: the same request again gets the same answer.
Source: issue 4, card stock.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.store import SQL, lock_lines
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import Fen, check_fen
from mingzhang.kit.vault import Vault

BLOCK: Final = 5_000
LISTED_MAX: Final = 100
STATEMENT_SECONDS_MAX: Final = 600.0  # real: a million rows in one statement, on a loaded machine

Progress = Callable[[int, int], None]
"""Called with lines done and lines in all, after every block."""


class Duplicate(msgspec.Struct, frozen=True):
    """A line whose code is known. ``line``: in the file; ``masked``: enough to find it, too little to use it."""

    line: int
    masked: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do. Of each kind of duplicate the first `LISTED_MAX` are listed."""

    lines: int
    fresh: int
    repeated_count: int
    repeated: list[Duplicate]
    known_count: int
    known: list[Duplicate]


class NewBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to come in under which id. ``unit_cost_fen``: what each card cost us, 0 on consignment.

    ``reusable``: 循环卡密, each of its codes is sold again and again. ``source``: the file's name, for people.
    """

    batch_id: str
    product: str
    unit_cost_fen: Fen
    expires_at: datetime | None
    source: str
    added_by: str
    reusable: bool = False


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came in: cards on the shelf now, and lines skipped as duplicates."""

    batch_id: str
    cards: int
    skipped: int


async def preview(
    pool: asyncpg.Pool, vault: Vault, cards: Sequence[CardLine], progress: Progress | None = None
) -> Preview:
    """Say which lines are new; nothing is stored."""
    seen: set[bytes] = set()
    repeated: list[Duplicate] = []
    known: list[Duplicate] = []
    repeated_count = known_count = done = 0
    for block in _blocks(cards):
        hashes = await asyncio.to_thread(_fingerprints, vault, block)
        rows = await pool.fetch(SQL.list_known_codes, list(set(hashes)))
        stored = {row["card_hash"] for row in rows}
        for card, card_hash in zip(block, hashes, strict=True):
            if card_hash in stored:
                known_count += 1
                _list(known, card)
            elif card_hash in seen:
                repeated_count += 1
                _list(repeated, card)
            seen.add(card_hash)
        done += len(block)
        if progress is not None:
            progress(done, len(cards))
    return Preview(
        lines=len(cards),
        fresh=len(cards) - repeated_count - known_count,
        repeated_count=repeated_count,
        repeated=repeated,
        known_count=known_count,
        known=known,
    )


async def import_cards(
    pool: asyncpg.Pool,
    vault: Vault,
    batch: NewBatch,
    cards: Sequence[CardLine],
    now: datetime,
    progress: Progress | None = None,
) -> Imported:
    """Take the new cards in and put them on the shelf, all or none.

    The same batch id again: the same answer when everything is the same, else `batch_reused`. No line at all,
    or an expiry that is over: `batch_invalid`.
    """
    check_fen(batch.unit_cost_fen)
    expired = batch.expires_at is not None and batch.expires_at <= now
    if not cards or expired or not batch.batch_id or not batch.product:
        raise Problem("batch_invalid", Kind.INVALID, "nothing to take in, or expired already")
    request_hash = await asyncio.to_thread(_request_hash, vault, batch, cards)
    async with transaction(pool) as conn:
        await conn.execute(SQL.create_incoming)
        done = 0
        for block in _blocks(cards):
            rows = await asyncio.to_thread(_sealed, vault, block)
            await conn.copy_records_to_table("card_incoming", records=rows, timeout=STATEMENT_SECONDS_MAX)
            done += len(block)
            if progress is not None:
                progress(done, len(cards))
        # Before anything is written: whoever imports the same batch at once waits here for its outcome.
        await lock_lines(conn, [batch.product], now)
        if (earlier := await _earlier(conn, batch.batch_id, request_hash)) is not None:
            return earlier
        await conn.execute(SQL.insert_codes, batch.batch_id, timeout=STATEMENT_SECONDS_MAX)
        await conn.execute(SQL.insert_cards, batch.batch_id, timeout=STATEMENT_SECONDS_MAX)
        count = await conn.fetchval(SQL.count_cards, batch.batch_id, timeout=STATEMENT_SECONDS_MAX)
        skipped = len(cards) - count
        await put_on_shelf(conn, batch, count, skipped, request_hash, now)
    return Imported(batch_id=batch.batch_id, cards=count, skipped=skipped)


async def put_on_shelf(
    conn: asyncpg.Connection, batch: NewBatch, count: int, skipped: int, request_hash: bytes, now: datetime
) -> None:
    """Record a batch whose cards are in, and let it be sold from. The caller holds the product's line."""
    await conn.execute(
        SQL.insert_batch,
        batch.batch_id,
        batch.product,
        batch.unit_cost_fen,
        batch.expires_at,
        batch.reusable,
        count,
        skipped,
        batch.source,
        request_hash,
        batch.added_by,
        now,
    )
    await conn.execute(
        SQL.insert_shelf,
        batch.batch_id,
        batch.product,
        batch.unit_cost_fen,
        batch.expires_at,
        batch.reusable,
        now,
        count,
    )


async def _earlier(conn: asyncpg.Connection, batch_id: str, request_hash: bytes) -> Imported | None:
    row = await conn.fetchrow(SQL.find_batch, batch_id)
    if row is None:
        return None
    if row["request_hash"] != request_hash:
        raise Problem("batch_reused", Kind.CONFLICT, batch_id)
    return Imported(batch_id=batch_id, cards=row["cards"], skipped=row["skipped"])


def _blocks(cards: Sequence[CardLine]) -> Iterator[Sequence[CardLine]]:
    for start in range(0, len(cards), BLOCK):
        yield cards[start : start + BLOCK]


def _fingerprints(vault: Vault, block: Sequence[CardLine]) -> list[bytes]:
    return [vault.fingerprint(card.text) for card in block]


def _sealed(vault: Vault, block: Sequence[CardLine]) -> list[tuple[int, bytes, bytes]]:
    return [(card.line, vault.seal(card.text), vault.fingerprint(card.text)) for card in block]


def _request_hash(vault: Vault, batch: NewBatch, cards: Sequence[CardLine]) -> bytes:
    """Fingerprint of everything asked for; keyed, because it is made of codes."""
    digest = hashlib.sha256(msgspec.json.encode(batch))
    for card in cards:
        digest.update(f"{card.line}\n{card.text}\0".encode())
    return vault.fingerprint(digest.hexdigest())


def _list(listed: list[Duplicate], card: CardLine) -> None:
    if len(listed) < LISTED_MAX:
        listed.append(Duplicate(card.line, card.masked))
