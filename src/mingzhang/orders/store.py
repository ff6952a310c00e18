"""Orders and their events: the only SQL that writes them. A `Turn` is one change of one order under its lock."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import msgspec

from mingzhang.evidence import unlogged
from mingzhang.kit import lease
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.ledger import store as ledger
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import Account
from mingzhang.notices import untold
from mingzhang.orders import unbooked
from mingzhang.orders.states import FINAL, PERSON_MAX_S, check_move, longest_s

SQL = load("mingzhang.orders", "store")


class Order(msgspec.Struct, kw_only=True):
    """An order as stored. Amounts in fen for all units; times aware UTC; personal data only sealed or masked."""

    bucket: int
    order_id: str
    state: str
    reason: str
    seq: int
    product_id: str
    kind: str
    title_zh: str
    title_en: str
    quantity: int
    face_value_fen: int
    price_fen: int
    cost_fen: int
    supplier: str
    supplier_product: str
    rule_version: int
    promise_s: int
    account_mask: str
    account_enc: bytes
    account_hash: bytes
    contact_mask: str
    contact_enc: bytes
    contact_hash: bytes
    token_hash: bytes
    language: str
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    finished_at: datetime | None


def order_of_row(row: asyncpg.Record) -> Order:
    """An order from its whole row."""
    return Order(**{name: row[name] for name in Order.__struct_fields__})


def _order(row: asyncpg.Record | None) -> Order:
    if row is None:
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return order_of_row(row)


class Turn:
    """One change of one order: state, events and postings, written together at `finish`.

    Only the edge opens the transaction; the caller holds it. Every event and every posting has its own number,
    taken under the lock, so the order of events never depends on a sequence (scale rule 18).
    """

    def __init__(self, conn: asyncpg.Connection, order: Order, now: datetime, rng: Random) -> None:
        self.conn = conn
        self.order = order
        self.now = now
        self.rng = rng
        self._events: list[tuple[int, str, str, dict[str, Any]]] = []
        self._balances: dict[Account, int] | None = None

    async def balances(self) -> dict[Account, int]:
        """What the order holds now, this turn's postings included."""
        if self._balances is None:
            self._balances = await ledger.read_balances(self.conn, self.order.order_id)
        return self._balances

    def event(self, kind: str, evidence_id: str = "", **data: Any) -> int:
        """Add a line to the timeline; returns its number. `data` holds allow-listed values only."""
        self.order.seq += 1
        self._events.append((self.order.seq, kind, evidence_id, data))
        return self.order.seq

    async def post(self, posting: Posting, evidence_id: str, books: str = "") -> None:
        """Write a posting under a number of its own. ``books``: the key of the waiting fact that this is (`unbooked`)."""
        await unbooked.check(self.conn, self.order.order_id, books)
        self.order.seq += 1
        self._balances = await ledger.write(
            self.conn,
            self.order.order_id,
            await self.balances(),
            posting,
            seq=self.order.seq,
            evidence_id=evidence_id,
            now=self.now,
        )

    def move(
        self,
        state: str,
        *,
        holder: str,
        next_actor: str,
        due_at: datetime | None = None,
        deadline_at: datetime | None = None,
        reason: str | None = None,
    ) -> None:
        """Change state by the table of transitions, with who holds the money, who acts next and by when.

        No deadline lies beyond the state's maximum. A wait that no other row's clock ends rings at its deadline.
        """
        order = self.order
        check_move(order.state, state)
        order.state = state
        order.holder, order.next_actor = holder, next_actor
        order.due_at, order.deadline_at = due_at, deadline_at
        if state not in FINAL:
            latest = self.now + timedelta(seconds=longest_s(state, next_actor, order.promise_s))
            order.deadline_at = latest if deadline_at is None else min(deadline_at, latest)
            rings = next_actor == "person" or state == "refunding"
            order.due_at = order.deadline_at if rings else due_at and min(due_at, order.deadline_at)
        if reason is not None:
            order.reason = reason

    def to_person(self) -> None:
        """As it stands, but a person is next, by a clock of its own."""
        order = self.order
        self.move(
            order.state,
            holder=order.holder,
            next_actor="person",
            deadline_at=self.now + timedelta(seconds=PERSON_MAX_S),
        )

    async def finish(self) -> None:
        """Write order and events, and hint to live pages."""
        order = self.order
        await self.conn.execute(
            SQL.update_order,
            order.bucket,
            order.order_id,
            order.state,
            order.reason,
            order.seq,
            order.holder,
            order.next_actor,
            order.due_at,
            order.deadline_at,
            order.paid_at,
            order.finished_at,
        )
        if self._events:
            await self.conn.execute(
                SQL.insert_events,
                order.bucket,
                order.order_id,
                self.now,
                [seq for seq, _, _, _ in self._events],
                [kind for _, kind, _, _ in self._events],
                [evidence for _, _, evidence, _ in self._events],
                [data for _, _, _, data in self._events],
            )
            await untold.note(
                self.conn, order.order_id, [(seq, kind) for seq, kind, _, _ in self._events], self.now
            )
        if self._events or self._balances is not None:
            await unlogged.note(self.conn, order.bucket, order.order_id, self.now)
        await self.conn.execute(SQL.tell_change, order.order_id)


async def open_turn(conn: asyncpg.Connection, order_id: str, now: datetime, rng: Random) -> Turn:
    """Lock an order and begin a turn; raises `unknown_order`."""
    row = await conn.fetchrow(SQL.lock_order, bucket_of(order_id), order_id)
    return Turn(conn, _order(row), now, rng)


async def open_rung_turn(conn: asyncpg.Connection, order_id: str, now: datetime, rng: Random) -> Turn | None:
    """A turn because the order's own clock rang; None when it does not ring (any more), or when another worker
    claimed it since.
    """
    turn = await open_turn(conn, order_id, now, rng)
    order = turn.order
    rings = order.due_at is not None and order.due_at <= now
    if not rings or await lease.is_lost(conn, SQL.read_order_lease, order.bucket, order_id):
        return None
    return turn


async def read_order(conn: asyncpg.Connection, order_id: str) -> Order:
    """One order without its lock; raises `unknown_order`."""
    return _order(await conn.fetchrow(SQL.read_order, bucket_of(order_id), order_id))
