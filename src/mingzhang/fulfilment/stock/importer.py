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
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.store import SQL, lock_lines
from mingzhang.fulfilment.stock.trade import Payment, book_loss, book_purchase, keep_record
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

    ``reusable``: 循环卡密, each of its codes is sold again and again; what it cost is spent when it comes in.
    ``source``: the file's name, for people. ``payment``: how it was paid.
    """

    batch_id: str
    product: str
    unit_cost_fen: Fen
    expires_at: datetime | None
    source: str
    added_by: str
    reusable: bool = False
    payment: Payment = Payment()


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
        await conn.execute(SQL.insert_cards, batch.batch_id, vault.card_key_no, timeout=STATEMENT_SECONDS_MAX)
        count = await conn.fetchval(SQL.count_cards, batch.batch_id, timeout=STATEMENT_SECONDS_MAX)
        skipped = len(cards) - count
        await _buy(conn, batch, count, skipped, request_hash, now)
    return Imported(batch_id=batch.batch_id, cards=count, skipped=skipped)


async def _buy(
    conn: asyncpg.Connection, batch: NewBatch, count: int, skipped: int, request_hash: bytes, now: datetime
) -> None:
    """The import's record, what it cost as a posting, and the batch. A reusable code has no cost a sale: all at once."""
    rng = Random(request_hash)  # the same request has the same record
    amount_fen = count * batch.unit_cost_fen
    money = batch.payment.check(amount_fen)
    told = {
        **{
            name: getattr(batch, name)
            for name in ("batch_id", "product", "unit_cost_fen", "source", "added_by")
        },
        "cards": count,
        "skipped": skipped,
        "cost_fen": amount_fen,
        "reusable": batch.reusable,
        "money": money,
        "paid_to": batch.payment.paid_to,
        "receipt": batch.payment.receipt,
        "expires_at": batch.expires_at,
        "request_hash": request_hash.hex(),
    }
    cited = await keep_record(conn, rng, now, "stock.import", told)
    await book_purchase(
        conn, rng, now, batch.batch_id, batch.payment, amount_fen=amount_fen, evidence_id=cited
    )
    if batch.reusable:
        await book_loss(conn, now, batch.batch_id, amount_fen=amount_fen, evidence_id=cited)
    entry = Entry(count=count, skipped=skipped, request_hash=request_hash, money=money, evidence_id=cited)
    await put_on_shelf(conn, batch, entry, now)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a batch once its cards are in. ``money``: where what it cost came from (0025)."""

    count: int
    skipped: int
    request_hash: bytes
    money: str
    evidence_id: str


async def put_on_shelf(conn: asyncpg.Connection, batch: NewBatch, entry: Entry, now: datetime) -> None:
    """Record a batch whose cards are in, and let it be sold from. The caller holds the product's line.

    Raises Problem `stock_kind_differs`: codes that are sold again and again beside cards that are sold once.
    """
    if await conn.fetchval(SQL.mark_line, batch.product, batch.reusable) is None:
        raise Problem("stock_kind_differs", Kind.CONFLICT, batch.product)
    await conn.execute(
        SQL.insert_batch,
        batch.batch_id,
        batch.product,
        batch.unit_cost_fen,
        batch.expires_at,
        batch.reusable,
        entry.count,
        entry.skipped,
        batch.source,
        entry.request_hash,
        batch.added_by,
        now,
        entry.money,
        batch.payment.paid_to,
        entry.evidence_id,
    )
    await conn.execute(
        SQL.insert_shelf,
        batch.batch_id,
        batch.product,
        batch.unit_cost_fen,
        batch.expires_at,
        batch.reusable,
        now,
        entry.count,
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
    return [(card.line, vault.seal_card(card.text), vault.fingerprint(card.text)) for card in block]


def _request_hash(vault: Vault, batch: NewBatch, cards: Sequence[CardLine]) -> bytes:
    """Fingerprint of everything asked for; keyed, because it is made of codes."""
    digest = hashlib.sha256(msgspec.json.encode(batch))
    for card in cards:
        digest.update(f"{card.line}\n{card.text}\0".encode())
    return vault.fingerprint(digest.hexdigest())


def _list(listed: list[Duplicate], card: CardLine) -> None:
    if len(listed) < LISTED_MAX:
        listed.append(Duplicate(card.line, card.masked))
