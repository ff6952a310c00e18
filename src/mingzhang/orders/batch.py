"""The hot path: the plain steps of many orders in one call (docs/architecture, decision 0007).

A `Step` carries what it records for everybody (placement, evidence, fact, outside numbers) and one row for its
order's bucket. A flush makes at most one recording call, then one applying call per bucket; each commits by
itself (scale rule 14). A step that is not plain comes back as ``not_plain`` with nothing done in its bucket:
the caller then goes the general way, with a `Turn`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Message
from mingzhang.evidence.store import Fact
from mingzhang.kit.batcher import Batcher, FlushReport
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.ids import bucket_of
from mingzhang.orders.store import SQL, Order, order_of_row
from mingzhang.payments import store as payments
from mingzhang.payments.store import Payment

KINDS: Final = ("place", "open", "opened", "offered", "paid", "send", "heard", "delivered")
# Whose payment and whose attempt the database changes.
_OF_PAYMENT: Final = frozenset({"opened", "paid"})
_OF_ATTEMPT: Final = frozenset({"send", "heard", "delivered"})
DONE: Final = "done"
NOT_PLAIN: Final = "not_plain"
COMPLETIONS_MAX: Final = 1024
REMEMBERED_MAX: Final = 4096
HINT_EVERY_REAL_S: Final = 0.05

Value = TypeVar("Value")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one order. ``kind``: one of `KINDS`, or empty when there is only something to record.

    ``key``: unique for ever; ``request_hash`` set: remembered in `applied` under the key. ``row``: the database's
    ``place_step`` for a placing; for the other kinds its ``order_step`` after the order's id, see `step_row`.
    """

    kind: str
    key: str
    order_id: str
    row: tuple[Any, ...] = ()
    request_hash: bytes | None = None
    placement: tuple[Any, ...] | None = None
    evidence: tuple[tuple[Any, ...], ...] = ()
    fact: tuple[Any, ...] | None = None
    numbers: tuple[tuple[str, str, int, str], ...] = ()

    @property
    def bucket(self) -> int:
        """Where the order lives."""
        return bucket_of(self.order_id)

    @property
    def order_key(self) -> str:
        """Steps of one order keep their order."""
        return self.order_id

    @property
    def needs_record(self) -> bool:
        """Whether it takes part in the recording call."""
        return self.placement is not None or bool(self.evidence) or self.fact is not None


def step_row(
    *,
    payment_no: str | None = None,
    attempt_no: str | None = None,
    evidence_id: str = "",
    at: datetime | None = None,
    due_at: datetime | None = None,
    until_at: datetime | None = None,
    party: str | None = None,
    amount_fen: int | None = None,
    value: str = "",
    mark: str = "",
    code: str = "",
    feedback: str = "{}",
) -> tuple[Any, ...]:
    """The rest of an ``order_step``; what each column holds by kind stands beside the type (migration 0019)."""
    return (
        payment_no,
        attempt_no,
        evidence_id,
        at,
        due_at,
        until_at,
        party,
        amount_fen,
        value,
        mark,
        code,
        feedback,
    )


class Done(msgspec.Struct, frozen=True):
    """What came of a step. ``result``: done, not_plain, recorded, same, conflict, repeat, key_reused, or a
    payment's state. ``order_id``: of an earlier placing under the same key.
    """

    result: str
    order_id: str = ""


def fact_parts(
    fact: Fact, evidence_ids: Sequence[str], messages: Sequence[Message], now: datetime, due_at: datetime
) -> dict[str, Any]:
    """The recorded part of a step: messages under their ids, and the fact cited by the last of them."""
    return {
        "evidence": message_rows(evidence_ids, messages, now),
        "fact": evidence.fact_row(fact, evidence_ids[-1], now, due_at),
        "numbers": tuple(evidence.number_rows(fact)),
    }


def message_rows(
    evidence_ids: Sequence[str], messages: Sequence[Message], now: datetime
) -> tuple[tuple[Any, ...], ...]:
    """Messages as rows, each under its id."""
    pairs = zip(messages, evidence_ids, strict=True)
    return tuple(evidence.evidence_row(message, evidence_id, now) for message, evidence_id in pairs)


class OrderBatch:
    """Steps in, results out, after the commit. `close` before the pool is closed."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        crash_point: Callable[[str], None] | None = None,
        observe: Callable[[FlushReport], None] | None = None,
    ) -> None:
        self._pool = pool
        self._batcher: Batcher[Step, Done] = Batcher(
            self._apply,
            record=self._record,
            pool=pool,
            crash_point=self._reach,
            observe=observe,
        )
        self._crash_point = crash_point
        self._stakes = {"record": False, "apply": False}
        # Facts applied by this process whose inbox rows are still there, and the connections that it knows.
        self._applied: list[tuple[str, str, str]] = []
        self._backends: set[int] = set()
        self._buckets: set[int] = set()
        self._hint: asyncio.Task[None] | None = None

    @property
    def batcher(self) -> Batcher[Step, Done]:
        """For the metrics."""
        return self._batcher

    async def submit(self, step: Step) -> Done:
        """Wait until the step is committed; raises what `Batcher.submit` raises."""
        return await self._batcher.submit(step)

    async def close(self) -> None:
        """Finish what was taken in."""
        await self._batcher.close()
        if self._hint is not None:
            await self._hint

    def _reach(self, point: str) -> None:
        # Crash tests count the facts of an order, not everything that passes here.
        stake = self._stakes["record" if point == "fact_to_apply" else "apply"]
        if self._crash_point is not None and (stake or point in {"mid_bisect", "batch_half_applied"}):
            self._crash_point(point)

    def _forget_after_a_change(self, conn: asyncpg.Connection) -> None:
        """A new connection may lead to a server that was restored, or took over, without the last commits: facts that the
        old one had applied may wait there again, and buckets be unknown. The worker has one more look.
        """
        backend = conn.get_server_pid()
        if backend not in self._backends:
            self._applied.clear()
            self._buckets.clear()
            self._backends.add(backend)

    async def _record(self, conn: asyncpg.Connection, steps: Sequence[Step]) -> Mapping[str, Done]:
        self._forget_after_a_change(conn)
        self._stakes["record"] = any(step.fact for step in steps)
        placements = [step.placement for step in steps if step.placement is not None]
        buckets = {placement[3] for placement in placements} - self._buckets
        completions, self._applied = self._applied[:COMPLETIONS_MAX], self._applied[COMPLETIONS_MAX:]
        parties, kinds, ids = zip(*completions, strict=True) if completions else ((), (), ())
        try:
            rows = await conn.fetch(
                evidence.SQL.record_batch,
                placements,
                list(buckets),
                [row for step in steps for row in step.evidence],
                [step.fact for step in steps if step.fact is not None],
                [row for step in steps for row in step.numbers],
                parties,
                kinds,
                ids,
            )
        except BaseException:
            self._applied.clear()
            self._backends.clear()
            raise
        self._buckets |= buckets
        return _recorded(steps, {row["step_key"]: row for row in rows})

    async def _apply(
        self, conn: asyncpg.Connection, bucket: int, steps: Sequence[Step]
    ) -> Mapping[str, Done]:
        self._forget_after_a_change(conn)
        self._stakes["apply"] = any(step.fact for step in steps)
        placed = [step.row for step in steps if step.kind == "place"]
        moving = [step for step in steps if step.kind != "place"]
        found = {step.key: _DONE for step in steps if step.kind == "place"} if placed else {}
        noted, noted_at = _noted(steps)
        rows = await conn.fetch(
            SQL.apply_batch,
            bucket,
            list({step.kind for step in moving}),
            sorted(step.order_id for step in moving),
            [step.row[0] for step in moving if step.kind in _OF_PAYMENT],
            [step.row[1] for step in moving if step.kind in _OF_ATTEMPT],
            noted,
            noted_at,
            placed,
            [(step.kind, step.key, step.request_hash, step.order_id, *step.row) for step in moving],
        )
        for result, keys in rows:
            done = _DONE if result == DONE else Done(result)
            found.update(dict.fromkeys(keys, done))
        self._applied += [
            step.fact[:3]
            for step in moving
            if step.fact is not None and found.get(step.key, _NO).result == DONE
        ]
        if self._hint is None:
            self._hint = asyncio.create_task(self._tell_pages())
        return {step.key: found.get(step.key, _NO) for step in steps}

    async def _tell_pages(self) -> None:
        """One hint for all batches of a moment, outside of their transactions: a NOTIFY makes commits queue."""
        await asyncio.sleep(HINT_EVERY_REAL_S)
        self._hint = None
        try:
            await self._pool.execute(SQL.tell_change, "")
        except (*DATABASE_AWAY, asyncpg.PostgresError):
            return  # pages poll, too


def _noted(steps: Sequence[Step]) -> tuple[list[str], datetime | None]:
    """Whose rows change, for the public record, and when at the latest; a step without a time changes nothing it tells."""
    noted, latest = [], None
    for step in steps:
        at = step.row[-2] if step.kind == "place" else step.row[3]
        if at is not None:
            noted.append(step.order_id)
            latest = at if latest is None or at > latest else latest
    return noted, latest


_NO: Final = Done(NOT_PLAIN)
_DONE: Final = Done(DONE)


def _recorded(steps: Sequence[Step], rows: Mapping[str, asyncpg.Record]) -> dict[str, Done]:
    """What recording alone answers: everything but new placements and new facts, which go on to be applied."""
    answers = {}
    for step in steps:
        if step.placement is not None:
            row = rows.get(step.order_id)
        elif step.fact is not None:
            row = rows.get(step.fact[7])
        else:
            row = None
        if row is not None:
            answers[step.key] = Done(row["step_result"], row["step_order"])
        elif not step.kind:
            answers[step.key] = Done("recorded" if step.fact is None else "new")
    return answers


class Remembered(Generic[Value]):
    """The last things by key, at least `size` and at most twice as many. In two generations: taking the oldest entry out
    of a dictionary again and again costs ever more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[str, Value] = {}
        self._old: dict[str, Value] = {}

    def get(self, key: str) -> Value | None:
        """What is remembered under the key."""
        found = self._young.get(key)
        return found if found is not None else self._old.get(key)

    def put(self, key: str, value: Value) -> None:
        """Remember, and forget what is beyond the size."""
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = value


class _Question(msgspec.Struct, frozen=True):
    """One row to read. ``n`` keeps two readers of the same row apart."""

    bucket: int
    key: str
    n: int

    @property
    def order_key(self) -> int:
        return self.n


class Snapshot(msgspec.Struct, frozen=True):
    """What an order never changes after it was placed."""

    bucket: int
    order_id: str
    title_zh: str
    price_fen: int
    expires_at: datetime


class BatchReader:
    """Reads orders and payments for many callers at a time; answers may be a moment old, as any read.

    What can't change is remembered for a while: an order's snapshot, and of a payment its number, order, channel
    and amount.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._snapshots: Remembered[Snapshot] = Remembered(REMEMBERED_MAX)
        self._opened: Remembered[Payment] = Remembered(REMEMBERED_MAX)
        self._orders: Batcher[_Question, Order | None] = Batcher(_read_orders, pool=pool, connections=1)
        self._payments: Batcher[_Question, Payment | None] = Batcher(_read_payments, pool=pool, connections=1)
        self._n = 0

    async def order(self, order_id: str) -> Order | None:
        """One order, or None. Raises `unknown_order` for what is no order number."""
        self._n += 1
        return await self._orders.submit(_Question(bucket_of(order_id), order_id, self._n))

    async def snapshot(self, order_id: str) -> Snapshot | None:
        """What never changes of an order, or None. Raises `unknown_order` for what is no order number."""
        found = self._snapshots.get(order_id)
        if found is None and (order := await self.order(order_id)) is not None:
            found = Snapshot(order.bucket, order_id, order.title_zh, order.price_fen, order.expires_at)
            self._snapshots.put(order_id, found)
        return found

    def placed(self, snapshot: Snapshot) -> None:
        """This process placed it: its payment is likely to be opened here, too."""
        self._snapshots.put(snapshot.order_id, snapshot)

    async def opened_payment(self, order_id: str, payment_no: str) -> Payment | None:
        """A payment, or None. Only its number, order, channel and amount are sure to be as they are now."""
        found = self._opened.get(payment_no) or await self.payment(order_id, payment_no)
        if found is not None:
            self.opened(found)
        return found

    def opened(self, payment: Payment) -> None:
        """This process opened it: its notify is likely to come here, too."""
        self._opened.put(payment.payment_no, payment)

    def is_opened(self, payment_no: str) -> bool:
        """Whether this process remembers that it was opened. False: not known."""
        return self._opened.get(payment_no) is not None

    async def payment(self, order_id: str, payment_no: str) -> Payment | None:
        """One payment of an order by our number, or None."""
        self._n += 1
        return await self._payments.submit(_Question(bucket_of(order_id), payment_no, self._n))

    async def close(self) -> None:
        """Finish what was asked."""
        await self._orders.close()
        await self._payments.close()


async def _read_orders(
    conn: asyncpg.Connection, bucket: int, asked: Sequence[_Question]
) -> list[Order | None]:
    rows = await conn.fetch(SQL.read_orders, bucket, list({question.key for question in asked}))
    found = {row["order_id"]: row for row in rows}
    # Every caller gets an order of its own, because a turn changes it in place.
    return [order_of_row(found[question.key]) if question.key in found else None for question in asked]


async def _read_payments(
    conn: asyncpg.Connection, bucket: int, asked: Sequence[_Question]
) -> list[Payment | None]:
    rows = await conn.fetch(payments.SQL.read_payments, bucket, list({question.key for question in asked}))
    found = {row["payment_no"]: Payment(**dict(row)) for row in rows}
    return [found.get(question.key) for question in asked]
