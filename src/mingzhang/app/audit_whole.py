"""What the audit checks over whole tables: guards, hashes, numbers, and the roll-ups against their checkpoint."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from mingzhang.app.audit_read import BEGINNING, SQL, TIMEOUT_S
from mingzhang.kit.migrations import read_migrations
from mingzhang.ledger.model import Finding, named, rollup_findings
from mingzhang.ledger.places import Account
from mingzhang.transparency.liabilities import SQL as LIABILITIES
from mingzhang.transparency.liabilities import check_day

_TRIGGER: Final = re.compile(
    r"CREATE TRIGGER (?P<made>\w+) BEFORE (?P<events>[A-Z][A-Za-z_, ]*?)\s+ON (?P<table>\w+)\s+"
    r"(?P<row>FOR EACH ROW\s+)?EXECUTE FUNCTION (?P<function>\w+)\((?P<given>[^)]*)\)"
    r"|DROP TRIGGER (?:IF EXISTS )?(?P<gone>\w+) ON (?P<gone_table>\w+)"
)
_TEXT: Final = re.compile(r"'(\w+)'")
_CHECK: Final = re.compile(r"ALTER TABLE (leg) ADD CONSTRAINT (\w+) CHECK")
_BODY: Final = re.compile(r"FUNCTION (\w+)\(\) RETURNS trigger[^$]*\$\$(.*?)\$\$", re.DOTALL)
_TYPES: Final = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
_BEFORE, _ROW = 2, 1
_FIRES: Final = frozenset({"O", "A"})


class Checkpoint(NamedTuple):
    """Where an incremental audit starts: everything dated before ``closed_to`` was checked and summed up."""

    run_id: str
    closed_to: datetime
    orders: int
    totals: Mapping[Account, int]


class Sums(NamedTuple):
    """Roll-ups over all legs: those dated before the new checkpoint, and all. Orders likewise."""

    closed: dict[Account, int]
    total: dict[Account, int]
    closed_orders: int
    orders: int


async def read_checkpoint(conn: asyncpg.Connection) -> Checkpoint | None:
    """The newest checkpoint with its totals; none before the first clean audit."""
    row = await conn.fetchrow(SQL.read_checkpoint)
    if row is None:
        return None
    totals = {
        Account(total["place"], total["party"], total["owner"]): int(total["amount_fen"])
        for total in await conn.fetch(SQL.read_checkpoint_totals, row["run_id"])
    }
    return Checkpoint(row["run_id"], row["closed_to"], row["orders"], totals)


async def read_sums(
    conn: asyncpg.Connection, start: Checkpoint | None, last: Checkpoint | None, closing: datetime
) -> tuple[Sums, list[Finding]]:
    """Roll-ups from ``start`` on (none: from the first leg), and what ``last`` remembers otherwise.

    Only a sum from the first leg can contradict a checkpoint; from a checkpoint on, its totals are the start.
    """
    since = start.closed_to if start else BEGINNING
    checked_to = last.closed_to if last else BEGINNING
    closed = dict(start.totals) if start else {}
    total = dict(closed)
    at_checkpoint: dict[Account, int] = {}
    for row in await conn.fetch(SQL.read_sums, since, checked_to, closing, timeout=TIMEOUT_S):
        account = Account(row["place"], row["party"], row["owner"])
        closed[account] = closed.get(account, 0) + row["closed"]
        total[account] = total.get(account, 0) + row["total"]
        at_checkpoint[account] = row["checked"]
    counted = await conn.fetchrow(SQL.count_orders_since, since, closing, timeout=TIMEOUT_S)
    before = start.orders if start else 0
    sums = Sums(_not_zero(closed), _not_zero(total), before + counted["closed"], before + counted["total"])
    findings = list(rollup_findings(sums.total))
    if start is None and last is not None:
        findings += _differences("checkpoint_differs", last.totals, at_checkpoint)
    return sums, findings


def replay_findings(replayed: Mapping[Account, int], summed: Mapping[Account, int]) -> list[Finding]:
    """Invariant 6: the pure-Python replay of every subject comes to what the database sums."""
    return list(_differences("rollup_differs", summed, replayed))


def _differences(code: str, told: Mapping[Account, int], seen: Mapping[Account, int]) -> Iterator[Finding]:
    for account in sorted(told.keys() | seen.keys()):
        left, right = told.get(account, 0), seen.get(account, 0)
        if left != right:
            yield Finding(6, code, "", f"account={named(account)} stored={left} legs={right}")


def _not_zero(sums: dict[Account, int]) -> dict[Account, int]:
    return {account: fen for account, fen in sums.items() if fen}


async def whole_findings(conn: asyncpg.Connection, since: datetime) -> AsyncIterator[Finding]:
    """Invariant 7: guards in place, bodies as hashed. From the beginning also: numbers without ground, card stock."""
    for finding in await _guards(conn):
        yield finding
    for row in await conn.fetch(SQL.list_altered_evidence, since, timeout=TIMEOUT_S):
        detail = f"evidence={row['evidence_id']} {row['party']}/{row['kind']}"
        yield Finding(7, "evidence_altered", "", detail)
    if since != BEGINNING:
        return
    for row in await conn.fetch(SQL.list_unfounded_numbers, timeout=TIMEOUT_S):
        detail = f"bucket={row['bucket']} number={row['kind']}/{row['value']}"
        yield Finding(8, "number_unfounded", row["order_id"], detail)
    for row in await conn.fetch(SQL.list_rollup_differences, timeout=TIMEOUT_S):
        detail = f"account={row['account']} stored={row['stored']} legs={row['legs']}"
        yield Finding(6, "day_rollup_differs", "", detail)
    newest = await conn.fetchrow(LIABILITIES.read_last_day)
    for told in await check_day(conn, newest["day"]) if newest is not None else ():
        yield Finding(3, "liabilities_differ", "", f"day={newest['day']} {told}")
    for row in await conn.fetch(SQL.list_custody_findings, timeout=TIMEOUT_S):
        yield Finding(4, row["code"], row["subject"], row["detail"])
    for row in await conn.fetch(SQL.list_stock_findings, timeout=TIMEOUT_S):
        yield Finding(8, row["code"], row["subject"], row["detail"])


def _wanted_guards(text: str) -> dict[tuple[str, str], tuple[int, str, str]]:
    """The triggers that the migrations leave behind: (table, trigger) to its type in the catalogue, its body, and what it
    is given, as the catalogue writes that.
    """
    bodies = dict(_BODY.findall(text))
    wanted: dict[tuple[str, str], tuple[int, str, str]] = {}
    for match in _TRIGGER.finditer(text):
        if match["gone"]:
            wanted.pop((match["gone_table"], match["gone"]), None)
            continue
        kind = _BEFORE + (_ROW if match["row"] else 0)
        kind += sum(_TYPES[event.split()[0]] for event in match["events"].split(" OR "))
        given = "".join(f"{text}\\000" for text in _TEXT.findall(match["given"]))
        wanted[match["table"], match["made"]] = kind, bodies[match["function"]], given
    return wanted


async def _guards(conn: asyncpg.Connection) -> list[Finding]:
    """Every trigger that the migrations make is there, enabled, and does what it did; the legs' checks too."""
    text = "\n".join(migration.text for migration in read_migrations())
    rows = {(row["name"], row["trigger"]): row for row in await conn.fetch(SQL.list_guards)}
    found = []
    for (table, trigger), (kind, body, given) in sorted(_wanted_guards(text).items()):
        row = rows.get((table, trigger))
        if row is None:
            found.append(Finding(7, "guard_missing", "", f"table={table} trigger={trigger}"))
        elif row["enabled"] not in _FIRES:
            found.append(Finding(7, "guard_disabled", "", f"table={table} trigger={trigger}"))
        elif (row["type"], row["body"], row["given"]) != (kind, body, given):
            found.append(Finding(7, "guard_altered", "", f"table={table} trigger={trigger}"))
    checks = {(row["name"], row["check"]) for row in await conn.fetch(SQL.list_checks)}
    for table, check in sorted(set(_CHECK.findall(text)) - checks):
        found.append(Finding(7, "guard_missing", "", f"table={table} constraint={check}"))
    if await conn.fetchval(SQL.read_replication_role) != "origin":
        found.append(Finding(7, "guard_disabled", "", "session_replication_role"))
    return found
