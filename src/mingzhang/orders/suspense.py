"""Money put aside (挂账): a subject of the ledger with its own lock, trail, owner and clock (row 23, F15, F18)."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence import unlogged
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_suspense_id, new_suspense_id
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.moves import Posting, Spot
from mingzhang.ledger.places import CHANNEL, CUSTODY, Account
from mingzhang.orders import unbooked
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn, open_turn
from mingzhang.payments import store as payments
from mingzhang.payments.policy import POLICY, REFUND_S, Case, Then
from mingzhang.payments.states import SUSPENSE
from mingzhang.payments.store import Item


class ItemTurn:
    """One change of one item, under its order's lock (where it has an order) and its own.

    The item's trail is written under its own number; `order_turn` is its order's turn, for what the buyer reads.
    """

    def __init__(
        self,
        conn: asyncpg.Connection,
        item: Item,
        order_turn: Turn | None,
        now: datetime,
        rng: Random,
        *,
        finishes_order: bool,
    ) -> None:
        self._finishes_order = finishes_order
        self.conn = conn
        self.item = item
        self.order_turn = order_turn
        self.now = now
        self.rng = rng
        self._events: list[tuple[int, str, str, dict[str, Any]]] = []
        self._balances: dict[Account, int] | None = None

    async def balances(self) -> dict[Account, int]:
        """What the item holds now, this turn's postings included."""
        if self._balances is None:
            self._balances = await ledger.read_balances(self.conn, self.item.item_id)
        return self._balances

    def event(self, kind: str, evidence_id: str = "", **data: Any) -> int:
        """Add a line to the item's own trail; returns its number."""
        self.item.seq += 1
        self._events.append((self.item.seq, kind, evidence_id, data))
        return self.item.seq

    def tell_buyer(self, kind: str, evidence_id: str = "", **data: Any) -> None:
        """The same on the order's timeline, where there is an order."""
        if self.order_turn is not None:
            self.order_turn.event(
                kind, evidence_id, channel=self.item.channel, amount_fen=self.item.amount_fen, **data
            )

    async def post(self, posting: Posting, evidence_id: str, books: str = "") -> None:
        """Write a posting under a number of its own. ``books``: the key of the waiting fact that this is (`unbooked`)."""
        await unbooked.check(self.conn, self.item.item_id, books)
        self.item.seq += 1
        self._balances = await ledger.write(
            self.conn,
            self.item.item_id,
            await self.balances(),
            posting,
            seq=self.item.seq,
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
        """Change state by the table, with who holds the money, who acts next and by when."""
        item = self.item
        if state != item.state and state not in SUSPENSE[item.state]:
            raise Problem("state_refused", Kind.CONFLICT, f"{item.state} -> {state}")
        if (state, next_actor) != (item.state, item.next_actor) or deadline_at is not None:
            item.since = self.now
        item.state, item.holder, item.next_actor = state, holder, next_actor
        item.due_at, item.deadline_at = due_at, deadline_at
        if reason is not None:
            item.reason = reason

    def to_person(self, case: Case, evidence_id: str = "") -> None:
        """No rule decides any more: it waits for a person, by the case's clock."""
        self.item.for_order = ""
        self.event("excess_needs_person", evidence_id, reason=case.value)
        self.tell_buyer("excess_needs_person", evidence_id, reason=case.value)
        deadline = self.now + timedelta(seconds=POLICY[case].clock_s)
        self.move(
            "open", holder=self.item.holder, next_actor="person", deadline_at=deadline, reason=case.value
        )

    def go_on(self) -> None:
        """What held it up is over: back by itself, or to a person, as its case says."""
        rule = POLICY[Case(self.item.cause)]
        by_itself = rule.then is Then.REFUND
        self.item.asked = 0
        self.move(
            "open",
            holder="channel",
            next_actor="shop" if by_itself else "person",
            due_at=self.now if by_itself else None,
            deadline_at=self.now + timedelta(seconds=rule.clock_s),
            reason="",
        )

    async def finish(self) -> None:
        """Write item and trail, and the order's turn."""
        item = self.item
        await self.conn.execute(
            payments.SQL.update_suspense,
            item.bucket,
            item.item_id,
            item.state,
            item.reason,
            item.seq,
            item.asked,
            item.holder,
            item.next_actor,
            item.due_at,
            item.deadline_at,
            item.since,
            item.for_order,
            item.order_id,
        )
        await _insert_events(self.conn, item.bucket, item.item_id, self.now, self._events)
        if self.order_turn is not None and self._finishes_order:
            await self.order_turn.finish()


async def _insert_events(
    conn: asyncpg.Connection,
    bucket: int,
    subject: str,
    now: datetime,
    events: list[tuple[int, str, str, dict[str, Any]]],
) -> None:
    if not events:
        return
    await conn.execute(
        ORDERS.insert_events,
        bucket,
        subject,
        now,
        [seq for seq, _, _, _ in events],
        [kind for _, kind, _, _ in events],
        [evidence for _, _, evidence, _ in events],
        [data for _, _, _, data in events],
    )
    await unlogged.note(conn, bucket, subject, now)


async def open_item(
    conn: asyncpg.Connection, item_id: str, now: datetime, rng: Random, order_turn: Turn | None = None
) -> ItemTurn:
    """Lock an item's order, then the item, and begin a turn; raises `unknown_order`.

    With the turn of its order at hand, that one is used, and finished by whoever opened it.
    """
    known = await payments.read_item(conn, item_id)
    if known is None:
        raise Problem("unknown_order", Kind.NOT_FOUND)
    own = await open_turn(conn, known.order_id, now, rng) if known.order_id and not order_turn else None
    row = await conn.fetchrow(payments.SQL.lock_suspense, bucket_of(item_id), item_id)
    return ItemTurn(conn, Item(**dict(row)), order_turn or own, now, rng, finishes_order=own is not None)


async def open_subject(conn: asyncpg.Connection, subject: str, now: datetime, rng: Random) -> Turn | ItemTurn:
    """Lock an order or a suspense item and begin its turn; raises `unknown_order`."""
    if is_suspense_id(subject):
        return await open_item(conn, subject, now, rng)
    return await open_turn(conn, subject, now, rng)


def check_send_back(item: Item) -> None:
    """Whether a person may send it back by the original path. Raises `suspense_not_open`."""
    if item.state != "open" or item.next_actor != "person" or item.holder != "channel":
        raise Problem("suspense_not_open", Kind.CONFLICT)


async def send_back(turn: ItemTurn, approval_id: str, names: tuple[str, str], reason: str) -> None:
    """Two people decided it (row 23, 13): from here on it goes back like what goes back by itself."""
    item = turn.item
    check_send_back(item)
    told = Message(
        party="staff",
        kind="approval",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=msgspec.json.encode(
            {
                "approval": approval_id,
                "action": "refund_suspense",
                "item": item.item_id,
                "amount_fen": item.amount_fen,
                "proposed_by": names[0],
                "decided_by": names[1],
                "reason": reason,
            }
        ),
        content_type="application/json",
    )
    evidence_id = await evidence.keep(turn.conn, turn.rng, turn.now, told)
    turn.event("excess_decided", evidence_id, reason=item.reason or item.cause)
    deadline = turn.now + timedelta(seconds=REFUND_S)
    turn.move("open", holder="channel", next_actor="shop", due_at=turn.now, deadline_at=deadline, reason="")
    item.asked = 0


async def suspend(turn: Turn, waiting: Waiting, case: Case, amount_fen: int, then: Then) -> str:
    """Put money aside that came for an order whose turn is open (row 3); returns the item's number."""
    item_id = new_suspense_id(turn.order.bucket, turn.now, turn.rng)
    turn.event(
        "excess_money", waiting.evidence_id, channel=waiting.party, amount_fen=amount_fen, reason=case.value
    )
    await _book(turn.conn, turn.now, item_id, waiting, case, amount_fen, then, turn.order.order_id)
    return item_id


async def suspend_unknown(conn: asyncpg.Connection, now: datetime, waiting: Waiting) -> None:
    """Book a paid trade whose number is no order of ours (row 23); the fact's subject is the item."""
    case, amount_fen = Case.UNKNOWN_ORDER, int(waiting.content["amount_fen"])
    await _book(conn, now, waiting.subject, waiting, case, amount_fen, POLICY[case].then, "")


async def _book(
    conn: asyncpg.Connection,
    now: datetime,
    item_id: str,
    waiting: Waiting,
    case: Case,
    amount_fen: int,
    then: Then,
    order_id: str,
    at: Spot | None = None,
) -> None:
    by_itself = then is Then.REFUND
    await conn.execute(
        payments.SQL.insert_suspense,
        bucket_of(item_id),
        item_id,
        case.value,
        waiting.party,
        waiting.external_id,
        str(waiting.content["payment_no"]),
        order_id,
        amount_fen,
        int(waiting.content["amount_fen"]),
        "shop" if by_itself else "person",
        now if by_itself else None,
        now + timedelta(seconds=POLICY[case].clock_s),
        now,
    )
    told = {"channel": waiting.party, "amount_fen": amount_fen, "reason": case.value}
    event = (1, "excess_money", waiting.evidence_id, told)
    await _insert_events(conn, bucket_of(item_id), item_id, now, [event])
    posting = postings.unexplained(item_id, at=at or (CHANNEL, waiting.party), amount_fen=amount_fen)
    if at is not None:
        await conn.execute(payments.SQL.set_holder, bucket_of(item_id), item_id, at[0])
    await ledger.write(conn, item_id, {}, posting, seq=2, evidence_id=waiting.evidence_id, now=now)


async def put_aside_at_bank(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    *,
    bank: str,
    line_key: str,
    amount_fen: int,
    evidence_id: str,
) -> str:
    """Money in custody that is nobody's (rows 6, 23): an item of its own, a person next; returns its number.

    ``line_key``: which bank line brought it; the fact that holds it is stated and applied here, at once.
    """
    item_id = new_suspense_id(0, now, rng)
    content = {"payment_no": "", "amount_fen": amount_fen, "bank_line": line_key}
    fact = Fact(party=bank, kind="paid", external_id=line_key, subject=item_id, content=content)
    row = evidence.fact_row(fact, evidence_id, now, now)
    await conn.execute(evidence.SQL.insert_fact, *row[:5], content, row[6], evidence_id, now)
    waiting = Waiting(
        party=bank,
        kind="paid",
        external_id=line_key,
        bucket=bucket_of(item_id),
        subject=item_id,
        content=content,
        evidence_id=evidence_id,
        known_at=now,
        asked=0,
    )
    await conn.execute(ORDERS.ensure_bucket, bucket_of(item_id), now)
    await _book(
        conn, now, item_id, waiting, Case.UNKNOWN_ORDER, amount_fen, Then.PERSON, "", at=(CUSTODY, bank)
    )
    return item_id
