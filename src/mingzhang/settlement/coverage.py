"""Coverage (备付覆盖率): what channels and the bank say is there, against what of it is the buyers' (R15, R41).

    coverage = (statements ± listed differences − L − F − M) ÷ (o + S)

at the places that statements speak of: channel, refunding, hold, custody. New money paying old orders is Σ max(0, −F)
by place and party: float that was spent and never was there. Roll-ups go on from the last closed day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.sql import load
from mingzhang.ledger.places import (
    CHANNEL,
    CUSTODY,
    HOLD,
    MISSING,
    REFUNDING,
    SOURCES,
    SPENT,
    Account,
    F,
    L,
    M,
    O,
    S,
)

SQL: Final = load("mingzhang.settlement", "coverage")
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
WHOLE_PPM: Final = 1_000_000
PLACES: Final = (CHANNEL, REFUNDING, HOLD, CUSTODY)
GRACE: Final = timedelta(minutes=10)
"""A day is closed so long after its end: what is dated before it has committed by then."""

DAYS_MAX: Final = 400


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the proof. ``kind``: statement, words, line, payout, netted, arriving, denied, owner; ``fen`` as it
    counts for what is covered (or owed, for owners o and S)."""

    kind: str
    party: str
    what: str
    fen: int
    evidence_id: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands. ``ratio_ppm``: millionths, None while nothing is owed; ``new_money``: party → fen."""

    covered_fen: int
    owed_fen: int
    rows: tuple[Row, ...]
    new_money: Mapping[str, int]
    totals: Mapping[Account, int]
    stated: Mapping[str, tuple[int, str]]

    @property
    def ratio_ppm(self) -> int | None:
        """Rounded down: never more than there is."""
        return self.covered_fen * WHOLE_PPM // self.owed_fen if self.owed_fen else None

    @property
    def short(self) -> bool:
        """Whether less is there than is owed."""
        return self.covered_fen < self.owed_fen

    @property
    def new_money_fen(self) -> int:
        """New money paying old orders (R15), over all places."""
        return sum(self.new_money.values())


async def measure(conn: asyncpg.Connection, until: datetime, day: date | None = None) -> Coverage:
    """Coverage of all that is dated before ``until``; the caller holds one snapshot. ``day``: being closed."""
    last = await conn.fetchrow(SQL.read_last_day)
    since = last["ends_at"] if last is not None else BEGINNING
    totals: dict[Account, int] = {}
    stated: dict[str, tuple[int, str]] = {}
    if last is not None:
        _add(totals, await conn.fetch(SQL.list_day_totals, last["day"]))
        stated = {
            row["channel"]: (row["amount_fen"], "words")
            for row in await conn.fetch(SQL.list_day_stated, last["day"])
        }
    _add(totals, await conn.fetch(SQL.sum_legs, since, until))
    for row in await conn.fetch(SQL.list_stated, since, until):
        before = stated.get(row["channel"], (0, ""))[0]
        stated[row["channel"]] = (before + row["amount_fen"], "words")
    if day is not None:
        for row in await conn.fetch(SQL.list_channel_statements, day):
            stated[row["channel"]] = (row["balance_fen"], row["evidence_id"])
    totals = {account: fen for account, fen in totals.items() if fen}
    rows = [*_stated_rows(stated), *await _bank_rows(conn, until), *await _differences(conn, totals, stated)]
    return _weigh(rows, totals, stated)


def _add(totals: dict[Account, int], rows: list[asyncpg.Record]) -> None:
    for row in rows:
        account = Account(row["place"], row["party"], row["owner"])
        totals[account] = totals.get(account, 0) + row["amount_fen"]


def _stated_rows(stated: Mapping[str, tuple[int, str]]) -> list[Row]:
    return [
        Row(
            kind="words" if source == "words" else "statement",
            party=channel,
            what="",
            fen=fen,
            evidence_id="" if source == "words" else source,
        )
        for channel, (fen, source) in sorted(stated.items())
    ]


async def _bank_rows(conn: asyncpg.Connection, until: datetime) -> list[Row]:
    return [
        Row(
            kind="statement",
            party=row["bank"],
            what=f"{row['account']}/{row['statement_id']}",
            fen=row["closing_fen"],
            evidence_id=row["evidence_id"],
        )
        for row in await conn.fetch(SQL.list_bank_statements, until)
    ]


async def _differences(
    conn: asyncpg.Connection, totals: Mapping[Account, int], stated: Mapping[str, tuple[int, str]]
) -> list[Row]:
    """What is known to differ, and why: lines not booked, payouts under way, payments that were denied since."""
    found = [
        Row(kind="line", party=row["party"], what=row["what"], fen=-row["amount_fen"])
        for row in await conn.fetch(SQL.list_line_differences)
    ]
    for row in await conn.fetch(SQL.list_batch_differences):
        told = (
            ("payout", row["party"], row["listed_fen"]),
            ("netted", row["party"], -row["netted_fen"]),
            ("arriving", row["bank"], row["came_fen"] - row["bank_fen"]),
        )
        found += [Row(kind=kind, party=party, what=row["what"], fen=fen) for kind, party, fen in told if fen]
    denied: dict[str, int] = {}
    for account, fen in totals.items():
        # What a channel lacks; what a bank lacks is in no statement of it to begin with.
        if account.place == MISSING and account.party in stated:
            denied[account.party] = denied.get(account.party, 0) + fen
    found += [
        Row(kind="denied", party=party, what="", fen=-fen) for party, fen in sorted(denied.items()) if fen
    ]
    return found


def _weigh(rows: list[Row], totals: Mapping[Account, int], stated: Mapping[str, tuple[int, str]]) -> Coverage:
    owners: dict[tuple[str, str], int] = {}
    for account, fen in totals.items():
        if account.place in PLACES:
            key = (account.party, account.owner)
            owners[key] = owners.get(key, 0) + fen
    ours = [
        Row(kind="owner", party=party, what=owner, fen=-fen)
        for (party, owner), fen in sorted(owners.items())
        if owner in (L, F, M) and fen
    ]
    theirs = [
        Row(kind="owner", party=party, what=owner, fen=fen)
        for (party, owner), fen in sorted(owners.items())
        if owner in (O, S) and fen
    ]
    new_money: dict[str, int] = {}
    for account, fen in totals.items():
        if account.owner == F and fen < 0 and account.place not in SOURCES | SPENT:
            name = f"{account.place}/{account.party}"
            new_money[name] = new_money.get(name, 0) - fen
    return Coverage(
        covered_fen=sum(row.fen for row in (*rows, *ours)),
        owed_fen=sum(row.fen for row in theirs),
        rows=(*rows, *ours, *theirs),
        new_money=new_money,
        totals=totals,
        stated=stated,
    )


def day_end(day: date) -> datetime:
    """The end of a Beijing day, aware UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING).astimezone(UTC)


async def close_next_day(conn: asyncpg.Connection, now: datetime) -> date | None:
    """Close the oldest open day that is over; the day, or None when there is none. Inside a repeatable-read transaction."""
    last = await conn.fetchrow(SQL.read_last_day)
    if last is not None:
        day: date = last["day"] + timedelta(days=1)
    else:
        first = await conn.fetchval(SQL.read_first_leg)
        if first is None:
            return None
        day = first.astimezone(BEIJING).date()
    ends = day_end(day)
    if now < ends + GRACE:
        return None
    found = await measure(conn, ends, day)
    await conn.execute(
        SQL.insert_totals,
        day,
        [account.place for account in found.totals],
        [account.party for account in found.totals],
        [account.owner for account in found.totals],
        list(found.totals.values()),
    )
    await conn.execute(
        SQL.insert_stated,
        day,
        list(found.stated),
        [fen for fen, _ in found.stated.values()],
        [source for _, source in found.stated.values()],
    )
    proof: dict[str, Any] = {"rows": msgspec.to_builtins(found.rows), "new_money": dict(found.new_money)}
    await conn.execute(
        SQL.insert_day,
        day,
        ends,
        found.covered_fen,
        found.owed_fen,
        found.ratio_ppm,
        found.new_money_fen,
        proof,
        now,
    )
    return day
