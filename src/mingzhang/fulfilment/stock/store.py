"""The stock's SQL: claims in one transaction under the products' lines, and what is left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.fulfilment.stock.allocate import Grant, ShelfCard, Wish, advances, allocate
from mingzhang.kit import sql
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import Fen

LISTED_MAX: Final = 200
SQL: Final = sql.load("mingzhang.fulfilment.stock", "store")


class ClaimedCard(msgspec.Struct, frozen=True):
    """A card as given: where it came from, still sealed."""

    batch_id: str
    n: int
    card_enc: bytes


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer that an attempt has: cards, or a reason. ``state``: claimed or refused."""

    attempt_no: str
    product: str
    quantity: int
    state: str
    reason: str
    cost_fen: Fen
    claimed_at: datetime
    cards: tuple[ClaimedCard, ...] = ()


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a product. ``endless``: a reusable code is on the shelf. Money at purchase cost.

    ``low_at``: at how many cards the alarm is raised, 0 never; ``low``: it is.
    """

    product: str
    available: int
    value_fen: Fen
    expired: int
    expired_fen: Fen
    next_expiry: datetime | None
    endless: bool
    low_at: int = 0
    low: bool = False


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """One batch as people see it; ``money``: where what it cost came from (migration 0025)."""

    batch_id: str
    product: str
    available: int
    cards: int
    skipped: int
    unit_cost_fen: Fen
    expires_at: datetime | None
    reusable: bool
    source: str
    added_by: str
    added_at: datetime
    money: str
    paid_to: str


class BinRow(msgspec.Struct, frozen=True, kw_only=True):
    """Cards of one batch that lie in the recycle bin for one reason."""

    batch_id: str
    product: str
    cards: int
    unit_cost_fen: Fen
    reason: str
    by: str
    last_at: datetime


async def read_claims(conn: asyncpg.Connection, attempt_nos: Sequence[str]) -> dict[str, Claim]:
    """What these attempts were answered, by number; those never answered are missing."""
    rows = await conn.fetch(SQL.list_claims, attempt_nos)
    if not rows:
        return {}
    cards: dict[str, list[ClaimedCard]] = defaultdict(list)
    for row in await conn.fetch(SQL.list_claimed_cards, [row["attempt_no"] for row in rows]):
        cards[row["attempt_no"]].append(ClaimedCard(row["batch_id"], row["n"], row["card_enc"]))
    return {row["attempt_no"]: Claim(**row, cards=tuple(cards[row["attempt_no"]])) for row in rows}


async def lock_lines(conn: asyncpg.Connection, products: Sequence[str], now: datetime) -> None:
    """Hold these products' stock until the transaction ends; always in one order."""
    wanted = sorted(set(products))
    if len(await conn.fetch(SQL.lock_lines, wanted)) < len(wanted):
        await conn.execute(SQL.open_lines, wanted, now)
        await conn.fetch(SQL.lock_lines, wanted)


async def claim(
    conn: asyncpg.Connection, wishes: Sequence[Wish], now: datetime
) -> dict[str, Claim | Problem]:
    """Answer each wish once and for ever, in one transaction; one asked before gets the answer it has.

    The same number with another product or quantity is `attempt_reused`, for that wish alone.
    """
    ordinary = await _claim_at_once(conn, wishes, now)
    return dict(ordinary) if ordinary else await _claim_by_looking(conn, wishes, now)


async def _claim_at_once(
    conn: asyncpg.Connection, wishes: Sequence[Wish], now: datetime
) -> dict[str, Claim] | None:
    """The ordinary way: one call for all; None when nothing was done."""
    if len({wish.attempt_no for wish in wishes}) < len(wishes):
        return None
    wishes = sorted(wishes, key=lambda wish: wish.product)  # stable: within a product they keep their order
    needed: dict[str, int] = defaultdict(int)
    for wish in wishes:
        needed[wish.product] += wish.quantity
    row = await conn.fetchrow(
        SQL.claim_at_once,
        list(needed),
        list(needed.values()),
        [wish.attempt_no for wish in wishes],
        [wish.product for wish in wishes],
        [wish.quantity for wish in wishes],
        [wish.safe_cost_fen for wish in wishes],
        now,
    )
    if row is None:
        return None
    batches, ns, costs, sealed = row
    claims: dict[str, Claim] = {}
    at = 0
    for wish in wishes:
        end = at + wish.quantity
        claims[wish.attempt_no] = Claim(
            attempt_no=wish.attempt_no,
            product=wish.product,
            quantity=wish.quantity,
            state="claimed",
            reason="",
            cost_fen=sum(costs[at:end]),
            claimed_at=now,
            cards=tuple(map(ClaimedCard, batches[at:end], ns[at:end], sealed[at:end])),
        )
        at = end
    return claims


async def _claim_by_looking(
    conn: asyncpg.Connection, wishes: Sequence[Wish], now: datetime
) -> dict[str, Claim | Problem]:
    async with conn.transaction():
        await lock_lines(conn, [wish.product for wish in wishes], now)
        # Read only now: whoever held a line before us has committed what it gave.
        known = await read_claims(conn, [wish.attempt_no for wish in wishes])
        fresh = {wish.attempt_no: wish for wish in wishes if wish.attempt_no not in known}
        given = await _give(conn, list(fresh.values()), now) if fresh else {}
    answers: dict[str, Claim | Problem] = {**known, **given}
    for wish in wishes:
        claim_ = answers[wish.attempt_no]
        if isinstance(claim_, Claim) and (claim_.product, claim_.quantity) != (wish.product, wish.quantity):
            answers[wish.attempt_no] = Problem("attempt_reused", Kind.CONFLICT, wish.attempt_no)
    return answers


async def _give(conn: asyncpg.Connection, wishes: Sequence[Wish], now: datetime) -> dict[str, Claim]:
    needed: dict[str, int] = defaultdict(int)
    for wish in wishes:
        needed[wish.product] += wish.quantity
    shelves: dict[str, list[ShelfCard]] = defaultdict(list)
    for row in await conn.fetch(SQL.list_next_cards, list(needed), list(needed.values()), now):
        product, *values = row
        shelves[product].append(ShelfCard(**dict(zip(ShelfCard.__struct_fields__, values, strict=True))))
    grants = allocate(wishes, shelves)
    await _write(conn, grants, now)
    return {grant.wish.attempt_no: _claim_of(grant, now) for grant in grants}


async def _write(conn: asyncpg.Connection, grants: Sequence[Grant], now: datetime) -> None:
    items = [
        (grant.wish.attempt_no, k, card.batch_id, card.n, card.reusable)
        for grant in grants
        for k, card in enumerate(grant.cards, start=1)
    ]
    claims = [
        (
            grant.wish.attempt_no,
            grant.wish.product,
            grant.wish.quantity,
            "refused" if grant.reason else "claimed",
            grant.reason.value if grant.reason else "",
            grant.cost_fen,
        )
        for grant in grants
    ]
    await conn.execute(SQL.insert_claims, *map(list, zip(*claims, strict=True)), now)
    if items:
        await conn.execute(SQL.insert_claim_items, *map(list, zip(*items, strict=True)))
    moved = advances(grants)
    if moved:
        highest, gone = zip(*moved.values(), strict=True)
        await conn.execute(SQL.advance_shelf, list(moved), list(highest), list(gone))


def _claim_of(grant: Grant, now: datetime) -> Claim:
    wish = grant.wish
    return Claim(
        attempt_no=wish.attempt_no,
        product=wish.product,
        quantity=wish.quantity,
        state="refused" if grant.reason else "claimed",
        reason=grant.reason.value if grant.reason else "",
        cost_fen=grant.cost_fen,
        claimed_at=now,
        cards=tuple(ClaimedCard(card.batch_id, card.n, card.card_enc) for card in grant.cards),
    )


async def read_levels(conn: asyncpg.Connection, now: datetime) -> list[Level]:
    """What is left, product by product, of every product that ever had cards."""
    return [Level(**row) for row in await conn.fetch(SQL.read_levels, now)]


async def list_batches(conn: asyncpg.Connection) -> list[BatchRow]:
    """The newest batches."""
    return [BatchRow(**row) for row in await conn.fetch(SQL.list_batches, LISTED_MAX)]


async def read_bin(conn: asyncpg.Connection) -> list[BinRow]:
    """The recycle bin, what came last first."""
    return [BinRow(**row) for row in await conn.fetch(SQL.read_bin, LISTED_MAX)]


async def product_of(pool: asyncpg.Pool, batch_id: str) -> str:
    """Whose cards a batch holds. Raises Problem `unknown_batch`."""
    row = await pool.fetchrow(SQL.find_batch, batch_id)
    if row is None:
        raise Problem("unknown_batch", Kind.NOT_FOUND, batch_id)
    return str(row["product"])


async def read_unbooked_value(conn: asyncpg.Connection) -> Fen:
    """What lies on the shelf, at cost, and no posting tells of: batches from before imports were booked."""
    return int(await conn.fetchval(SQL.read_unbooked_value))


async def read_left(conn: asyncpg.Connection, product: str, now: datetime) -> int | None:
    """How many cards of a product may be sold; None: without end (循环卡密)."""
    left = await conn.fetchval(SQL.read_left, product, now)
    return None if left is None else int(left)


async def set_alarm(pool: asyncpg.Pool, product: str, low_at: int) -> None:
    """At how many cards the shop is told; 0: never. Raises Problem `unknown_product`."""
    if await pool.fetchval(SQL.set_alarm, product, low_at) is None:
        raise Problem("unknown_product", Kind.NOT_FOUND, product)


async def list_crossings(conn: asyncpg.Connection, now: datetime) -> list[tuple[str, int, bool]]:
    """Products whose level crossed the threshold since it was last looked: how many are left, and whether downwards."""
    rows = await conn.fetch(SQL.list_crossings, now)
    return [(row["product"], row["available"], row["low"]) for row in rows]


async def set_low(conn: asyncpg.Connection, product: str, since: datetime | None) -> bool:
    """Remember that a crossing was told, or that it is over; False: somebody else did."""
    return await conn.fetchval(SQL.set_low, product, since) is not None
