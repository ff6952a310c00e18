"""How a run of days ended: every statement against the ledger, every difference with its owner, every refund (R8, R11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.app.days.walk import SQL

PERIOD: Final = ("judged", "no_trades")
CLOSED: Final = ("resolved", "withdrawn")


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """Days of sources that had to be held against the ledger, and banks: how many, of them judged, and lines that agreed."""

    expected: int
    judged: int
    agreed_lines: int
    bank_lines_waiting: int


class Breaks(msgspec.Struct, frozen=True, kw_only=True):
    """Differences: lines bent on purpose, of them found; open ones, of them with owner and clock; how they ended."""

    planted: int
    found: int
    open: int
    owned: int
    by_class: dict[str, int]
    ended: dict[str, int]


class Refunds(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds by how far they are. ``waiting``: those that did not arrive, each with its reason, owner and clock."""

    arrived: int
    waiting: list[dict[str, str]]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What holding the run against the outside brought; ``findings``: what must not be."""

    statements: Statements
    breaks: Breaks
    refunds: Refunds
    reports: int
    payouts: dict[str, int]
    instructions: dict[str, int]
    findings: list[str]


async def hold(
    conn: asyncpg.Connection,
    days: Sequence[date],
    sources: Iterable[str],
    bent: Sequence[Mapping[str, Any]],
    now: datetime,
    grace: timedelta,
) -> Held:
    """Look at everything the run left behind, in one snapshot. ``bent``: the lines that were shown wrong on purpose."""
    findings: list[str] = []
    wanted = [(source, day) for day in days for source in sources]
    told = {(row["source"], row["day"]): row for row in await conn.fetch(SQL.list_days, list(days))}
    judged = [key for key in wanted if key in told and told[key]["state"] in PERIOD]
    findings += [
        f"{source} of {day} is {told[source, day]['state'] if (source, day) in told else 'not planned'}"
        for source, day in wanted
        if (source, day) not in judged
    ]
    lines = await conn.fetch(SQL.list_waiting_lines)
    findings += [f"bank line {row['line']}: {why}" for row in lines if (why := _unowned(row, now, grace))]
    findings += await _banks(conn)
    reports = {row["day"]: row["n"] for row in await conn.fetch(SQL.list_reports, list(days))}
    findings += [f"no closing report of {day}" for day in days if day not in reports]
    payouts = await conn.fetch(SQL.list_payouts)
    findings += [
        f"payout {row['channel']}:{row['batch_id']} ({row['state']}): {why}"
        for row in payouts
        if row["state"] != "closed" and (why := _unowned(row, now, grace))
    ]
    orders = await conn.fetch(SQL.list_instructions)
    findings += [
        f"instruction {row['instruction_id']} ({row['state']}): {why}"
        for row in orders
        if row["state"] not in ("done", "rejected") and (why := _unowned(row, now, grace))
    ]
    rows = await conn.fetch(SQL.list_breaks)
    refunds = await conn.fetch(SQL.list_refunds)
    return Held(
        statements=Statements(
            expected=len(wanted),
            judged=len(judged),
            agreed_lines=sum(told[key]["agreed"] for key in judged),
            bank_lines_waiting=len(lines),
        ),
        breaks=_breaks(rows, bent, now, grace, findings),
        refunds=_refunds(refunds, now, grace, findings),
        reports=sum(reports.values()),
        payouts=dict(Counter(row["state"] for row in payouts)),
        instructions=dict(
            Counter("returned" if row["code"] == "returned" else row["state"] for row in orders)
        ),
        findings=findings,
    )


async def _banks(conn: asyncpg.Connection) -> list[str]:
    """Closing balance = ledger + lines that wait, at every bank."""
    found = []
    for row in await conn.fetch(SQL.list_bank_stand):
        ledger, waits = row["ledger_fen"], row["waiting_fen"]
        if row["closing_fen"] != ledger + waits:
            found.append(
                f"{row['bank']} closes with {row['closing_fen']} fen, the ledger has {ledger}, {waits} wait"
            )
    return found


def _breaks(
    rows: Sequence[Mapping[str, Any]],
    bent: Sequence[Mapping[str, Any]],
    now: datetime,
    grace: timedelta,
    findings: list[str],
) -> Breaks:
    about = {
        number
        for row in rows
        for side in (row["theirs"], row["ours"])
        if side
        for number in (row["key"], side["our_no"], side["their_no"])
    }
    lost = [it for it in bent if not {it["number"], it["trade_no"]} & about]
    findings += [f"not found: {it['fault']} on {it['number']} of {it['party']}" for it in lost]
    waits = [row for row in rows if row["state"] not in CLOSED]
    unowned = [(row, why) for row in waits if (why := _unowned(row, now, grace))]
    findings += [f"difference {row['source']} {row['key']}: {why}" for row, why in unowned]
    return Breaks(
        planted=len(bent),
        found=len(bent) - len(lost),
        open=len(waits),
        owned=len(waits) - len(unowned),
        by_class=dict(Counter(row["class"] for row in rows)),
        ended=dict(Counter(row["resolution"] for row in rows if row["state"] in CLOSED)),
    )


def _refunds(
    rows: Sequence[Mapping[str, Any]], now: datetime, grace: timedelta, findings: list[str]
) -> Refunds:
    waiting = []
    for row in rows:
        if row["state"] == "arrived":
            continue
        over = row["state"] == "refused"
        if not over and (why := _unowned(row, now, grace)):
            findings.append(f"refund {row['refund_no']} ({row['state']}): {why}")
        deadline = row["deadline_at"].isoformat() if row["deadline_at"] else ""
        told = (row["refund_no"], row["state"], row["code"], row["next_actor"], deadline)
        waiting.append(dict(zip(("refund", "state", "reason", "next", "until"), told, strict=True)))
    return Refunds(arrived=len(rows) - len(waiting), waiting=waiting)


def _unowned(row: Mapping[str, Any], now: datetime, grace: timedelta) -> str:
    """Why nobody is answerable for what waits; empty when somebody is, and in time."""
    if not row["next_actor"]:
        return "nobody is next"
    if row["deadline_at"] is None:
        return "no clock"
    return "" if row["deadline_at"] + grace >= now or row["next_actor"] == "person" else "past its clock"
