"""Own limits at work (R22): counted by keyed hash over all processes, asked for many orders at a time.

Before an order is placed one indexed read answers for all that are being placed at that moment; after it, the counts
are added in the background, so that no reply waits for them. Both go over one connection, in their order: what this
process has counted it also reads. Several requests at the same instant may pass together: a limit is a brake, not a
lock.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.batcher import Batcher
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.orders.limit_rules import DAY_S, HOUR_S, Action, Counted, Rule, Unit, problem_of

SQL = load("mingzhang.orders", "limits")
SUBJECT_BYTES: Final = 16
FORGET_EVERY_S: Final = 6 * HOUR_S
HITS_KEPT_DAYS: Final = 180  # whom a rule stopped: long enough for a dispute about it, then forgotten
PENDING_MAX: Final = (
    4096  # orders whose counts are not written: beyond it they are dropped, a brake is no ledger
)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order comes from: `device` is our cookie's id, `address` the client's IP; empty: not known."""

    device: str = ""
    address: str = ""


NOWHERE: Final = Origin()
_MARKS: Final = {counted: bytes([n]) for n, counted in enumerate(Counted)}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be placed. `account_hash`, `contact_hash`: as the order keeps them; `again`: the buyer means it."""

    product_id: str
    units: int
    fen: int
    account_hash: bytes
    contact_hash: bytes
    has_account: bool
    has_contact: bool
    again: bool
    origin: Origin


class _Seen(msgspec.Struct):
    """What was counted for a subject: orders, fen, and when last."""

    n: int = 0
    fen: int = 0
    last_at: datetime | None = None

    def add(self, n: int, fen: int, at: datetime | None) -> None:
        self.n += n
        self.fen += fen
        if at is not None and (self.last_at is None or at > self.last_at):
            self.last_at = at


class _Item(msgspec.Struct, frozen=True):
    """Subjects to read, each since when; whatever was counted until then is written first."""

    key: str
    wanted: tuple[tuple[bytes, datetime], ...] = ()
    bucket: int = 0

    @property
    def order_key(self) -> str:
        return self.key


def network_of(address: str) -> str:
    """The address, of IPv6 its /64: a household has a whole one."""
    if not address:
        return ""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(read, ipaddress.IPv6Address):
        if read.ipv4_mapped is not None:
            return str(read.ipv4_mapped)
        return str(ipaddress.ip_network((read, 64), strict=False))
    return str(read)


class Limits:
    """The rules of one installation, counted in its database. `close` before the pool is closed."""

    def __init__(
        self, pool: asyncpg.Pool, vault: Vault, clock: Clock, rng: Any, rules: Sequence[Rule]
    ) -> None:
        self._pool, self._vault, self._clock, self._rng = pool, vault, clock, rng
        self._rules = tuple(rule for rule in rules if rule.counted is not Counted.PAYER)
        self._payer = next((rule for rule in rules if rule.counted is Counted.PAYER), None)
        self._batcher: Batcher[_Item, dict[bytes, _Seen]] = Batcher(self._work, pool=pool, connections=1)
        # What was counted and is not written: added up here, so that an order costs no item of its own.
        self._pending: dict[tuple[bytes, datetime], _Seen] = {}
        self._pending_n = 0
        self._writing: asyncio.Task[None] | None = None
        self._counts = frozenset(rule.counted for rule in self._rules)
        self._windows = _longest((*self._rules, *([self._payer] if self._payer else [])))
        self._forgot_at = clock.now()
        self._n = 0

    async def check(self, asked: Asked, client: str, key: str) -> Sequence[bytes]:
        """Raise the Problem of the first rule that is beyond its limit, on record; a repetition passes.

        Gives whom `count` is to count once the order is placed.
        """
        if not self._rules:
            return ()
        now = self._clock.now()
        subjects = self._subjects(asked)
        seen = await self._ask(subjects, now)
        for rule in self._rules:
            subject = subjects.get(rule.counted)
            if rule.counted is not Counted.ORDER and subject is None:
                continue
            count = _counted(rule, asked, seen.get(subject or b"", _Seen()), now)
            if count <= rule.most or (rule.action is Action.ASK and asked.again):
                continue
            async with self._pool.acquire() as conn:
                if await conn.fetchval(SQL.find_placement, client, key):
                    break
            await self._hit(rule, subject or b"", "", count, now)
            raise problem_of(rule)
        return tuple(subjects.values())

    def count(self, subjects: Sequence[bytes], fen: int) -> None:
        """An order was placed, for whom `check` gave; written in the background."""
        if subjects:
            self._add(subjects, fen)

    async def check_payer(self, channel: str, payer: str, order_id: str, transaction_id: str) -> None:
        """Put on record that whoever paid, as the channel knows them, is beyond the limit: before the order goes on.

        A payment that is told of again was counted when it came.
        """
        rule = self._payer
        if rule is None or not payer:
            return
        now, subject = self._clock.now(), self._payer_subject(channel, payer)
        before = (await self._ask({Counted.PAYER: subject}, now))[subject]
        if before.n + 1 > rule.most and not await self._known(channel, transaction_id):
            await self._hit(rule, subject, order_id, before.n + 1, now)

    async def _known(self, channel: str, transaction_id: str) -> bool:
        async with self._pool.acquire() as conn:
            return await conn.fetchval(SQL.find_payment, channel, transaction_id) is not None

    def count_payer(self, channel: str, payer: str, fen: int) -> None:
        """A payment came that was not known."""
        if self._payer is not None and payer:
            self._add((self._payer_subject(channel, payer),), fen)

    def _payer_subject(self, channel: str, payer: str) -> bytes:
        return self._subject(Counted.PAYER, self._vault.fingerprint(f"payer:{channel}:{payer}"))

    async def stops(self, order_id: str) -> bool:
        """Whether a paid order must not go on: its payer was beyond the limit."""
        if self._payer is None:
            return False
        async with self._pool.acquire() as conn:
            return await conn.fetchval(SQL.find_hit, _hit_of(self._payer, order_id)) is not None

    async def close(self) -> None:
        """Write what was counted."""
        if self._writing is not None:
            await self._writing
        await self._batcher.close()

    # -- whom it counts

    def _subjects(self, asked: Asked) -> dict[Counted, bytes]:
        found = {}
        if asked.has_account:
            found[Counted.ACCOUNT] = self._subject(Counted.ACCOUNT, asked.account_hash)
            bought = self._vault.fingerprint(f"purchase:{asked.product_id}:{asked.account_hash.hex()}")
            found[Counted.PURCHASE] = self._subject(Counted.PURCHASE, bought)
        if asked.has_contact:
            found[Counted.CONTACT] = self._subject(Counted.CONTACT, asked.contact_hash)
        if asked.origin.device:
            device = self._vault.fingerprint(f"device:{asked.origin.device}")
            found[Counted.DEVICE] = self._subject(Counted.DEVICE, device)
        network = network_of(asked.origin.address)
        if network:
            address = self._vault.fingerprint(f"address:{network}")
            found[Counted.ADDRESS] = self._subject(Counted.ADDRESS, address)
            if Counted.BURST in self._counts:
                found[Counted.BURST] = self._subject(Counted.BURST, address)
        return found

    def _subject(self, counted: Counted, fingerprint: bytes) -> bytes:
        """A byte for its kind and a piece of the keyed hash: short, for a narrow index."""
        return _MARKS[counted] + fingerprint[: SUBJECT_BYTES - 1]

    # -- counting

    async def _ask(self, subjects: dict[Counted, bytes], now: datetime) -> dict[bytes, _Seen]:
        self._n += 1
        windows = self._windows
        # The first slot that a rule for such a subject looks back to.
        wanted = tuple(
            (subject, _slot(subject, now - windows[counted])) for counted, subject in subjects.items()
        )
        seen = await self._batcher.submit(_Item(str(self._n), wanted)) if wanted else {}
        return {subject: seen.get(subject) or _Seen() for subject, _ in wanted}

    def _add(self, subjects: Iterable[bytes], fen: int) -> None:
        """In the background, before whatever is asked from now on."""
        if self._pending_n >= PENDING_MAX:
            return
        now = self._clock.now()
        pending = self._pending
        for subject in subjects:
            pending.setdefault((subject, _slot(subject, now)), _Seen()).add(1, fen, now)
        self._pending_n += 1
        if pending and self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """An item that asks nothing, for what is counted while nobody asks."""
        try:
            while self._pending:
                self._n += 1
                await self._batcher.submit(_Item(str(self._n)))
        except (Problem, *DATABASE_AWAY, asyncpg.PostgresError):
            self._pending, self._pending_n = {}, 0  # a brake is no ledger: it is not counted then
        finally:
            self._writing = None

    async def _work(
        self, conn: asyncpg.Connection, _bucket: int, items: Sequence[_Item]
    ) -> list[dict[bytes, _Seen]]:
        await self._write_pending(conn)
        wanted = dict(pair for item in items for pair in item.wanted)
        if not wanted:
            return [{} for _ in items]
        found = {
            row["subject"]: _Seen(row["n"], row["fen"], row["last_at"])
            for row in await conn.fetch(SQL.read_counts, list(wanted), list(wanted.values()))
        }
        return [found] * len(items)

    async def _write_pending(self, conn: asyncpg.Connection) -> None:
        if not self._pending:
            return
        added, n = self._pending, self._pending_n
        self._pending, self._pending_n = {}, 0
        try:
            rows = sorted((*key, it.n, it.fen, it.last_at) for key, it in added.items())
            await conn.execute(SQL.add_counts, *(list(column) for column in zip(*rows, strict=True)))
        except BaseException:
            for key, it in added.items():  # for the next try
                self._pending.setdefault(key, _Seen()).add(it.n, it.fen, it.last_at)
            self._pending_n += n
            raise
        await self._forget(conn)

    async def _forget(self, conn: asyncpg.Connection) -> None:
        """Now and then, what no rule looks back to, and hits that were kept for their time."""
        now = self._clock.now()
        if now - self._forgot_at > timedelta(seconds=FORGET_EVERY_S):
            self._forgot_at = now
            await conn.execute(SQL.forget_counts, now - timedelta(seconds=2 * DAY_S))
            await conn.execute(SQL.forget_hits, now - timedelta(seconds=HITS_KEPT_DAYS * DAY_S))

    async def _hit(self, rule: Rule, subject: bytes, order_id: str, seen: int, now: datetime) -> None:
        async with self._pool.acquire() as conn:
            await conn.execute(
                SQL.insert_hit,
                _hit_of(rule, order_id) if order_id else new_id(now, self._rng),
                rule.name,
                subject,
                order_id,
                seen,
                rule.most,
                now,
            )


def _hit_of(rule: Rule, order_id: str) -> str:
    """An order is stopped by a rule once, however often the channel tells of its payment."""
    return f"{rule.name}:{order_id}"


def _longest(rules: Sequence[Rule]) -> dict[Counted, timedelta]:
    """How far back the rules for a subject look."""
    return {
        counted: timedelta(
            seconds=max((rule.window_s for rule in rules if rule.counted is counted), default=0)
        )
        for counted in Counted
    }


def _slot(subject: bytes, at: datetime) -> datetime:
    """When the slot begins in which this subject is counted: an hour, or for bursts a minute."""
    minute = at.replace(second=0, microsecond=0)
    return minute if subject[:1] == _MARKS[Counted.BURST] else minute.replace(minute=0)


def _counted(rule: Rule, asked: Asked, seen: _Seen, now: datetime) -> int:
    """How far this order would take a rule."""
    if rule.counted is Counted.ORDER:
        return asked.units if rule.unit is Unit.UNITS else asked.fen
    if rule.counted is Counted.PURCHASE:
        recent = seen.last_at is not None and now - seen.last_at < timedelta(seconds=rule.window_s)
        return 2 if recent else 1
    return seen.fen + asked.fen if rule.unit is Unit.FEN else seen.n + 1
