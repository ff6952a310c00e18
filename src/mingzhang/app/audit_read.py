"""Reads dossiers for the audit: subjects in order, two hundred at a time, so that memory does not grow with the shop.

Everything here runs on one connection inside one repeatable-read snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import asyncpg

from mingzhang.app.audit_rows import (
    AttemptRow,
    DisputeRow,
    Dossier,
    Effect,
    FactKey,
    FactRow,
    Leg,
    OrderRow,
    PaymentRow,
    RefundRow,
    SuspenseRow,
    Waiting,
)
from mingzhang.kit.sql import load
from mingzhang.ledger.places import Account

SQL = load("mingzhang.app", "audit")
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
CHUNK: Final = 200  # subjects read together
TIMEOUT_S: Final = 3600.0  # real seconds for one statement: a full audit reads whole tables


class Reader:
    """One pass over the subjects that have something dated from ``since`` on (`BEGINNING`: over all)."""

    def __init__(self, conn: asyncpg.Connection, since: datetime) -> None:
        self._conn = conn
        self._since = since
        self._waiting: dict[tuple[int, str], list[Waiting]] = defaultdict(list)
        self._suspended: dict[str, list[SuspenseRow]] = defaultdict(list)
        self._items: dict[str, SuspenseRow] = {}
        self._facts: Any = None
        self._held: list[FactRow] = []

    async def dossiers(self) -> AsyncIterator[Dossier]:
        """Every subject's dossier, ordered by bucket and subject, its journal whole."""
        conn = self._conn
        for row in await self._fetch(SQL.list_waiting_facts):
            self._waiting[row["bucket"], row["subject"]].append(Waiting(**dict(row)))
        for row in await self._fetch(SQL.list_suspense_items):
            item = SuspenseRow(**dict(row))
            self._items[item.item_id] = item
            self._suspended[item.order_id].append(item)
        self._facts = await conn.cursor(SQL.list_facts_since, self._since, timeout=TIMEOUT_S)
        if self._since == BEGINNING:
            subjects = await conn.cursor(SQL.list_subjects, timeout=TIMEOUT_S)
        else:
            subjects = await conn.cursor(SQL.list_changed_subjects, self._since, timeout=TIMEOUT_S)
        while rows := await subjects.fetch(CHUNK, timeout=TIMEOUT_S):
            for bucket, group in groupby(rows, key=lambda row: int(row["bucket"])):
                for dossier in await self._chunk(bucket, [row["subject"] for row in group]):
                    yield dossier

    async def _fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._conn.fetch(statement, *values, timeout=TIMEOUT_S)
        return rows

    async def _chunk(self, bucket: int, subjects: list[str]) -> list[Dossier]:
        files = {
            subject: Dossier(bucket=bucket, subject=subject, since=self._since, item=self._items.get(subject))
            for subject in subjects
        }
        for subject, file in files.items():
            file.suspended = self._suspended.get(subject, [])
            file.inbox = self._waiting.get((bucket, subject), [])
            file.waiting = {row[:3]: row for row in file.inbox if not row.applied}
        for order in await self._fetch(SQL.list_orders, bucket, subjects):
            files[order["order_id"]].order = OrderRow(**dict(order))
        await self._add_journal(files, bucket, subjects)
        for row in await self._fetch(SQL.list_payments_of, bucket, subjects):
            files[row["order_id"]].payments.append(PaymentRow(**dict(row)))
        for row in await self._fetch(SQL.list_attempts_of, bucket, subjects):
            files[row["order_id"]].attempts.append(AttemptRow(**dict(row)))
        for row in await self._fetch(SQL.list_refunds_of, bucket, subjects):
            files[row["order_id"]].refunds.append(RefundRow(**dict(row)))
        for row in await self._fetch(SQL.list_disputes_of, bucket, subjects):
            files[row["order_id"]].disputes.append(DisputeRow(**dict(row)))
        for row in await self._fetch(SQL.list_effects, bucket, subjects):
            effect = Effect(row["seq"], row["kind"], row["evidence_id"])
            files[row["order_id"]].effects.append(effect)
        await self._add_facts(files, (bucket, subjects[-1]))
        await self._add_evidence(files)
        await self._add_numbers(files)
        return list(files.values())

    async def _add_journal(self, files: dict[str, Dossier], bucket: int, subjects: list[str]) -> None:
        sums: dict[str, dict[Account, int]] = defaultdict(dict)
        for subject, seq, place, party, owner, fen, evidence_id in await self._fetch(
            SQL.list_legs, bucket, subjects
        ):
            account = Account(place, party, owner)
            files[subject].legs.append(Leg(seq, account, fen, evidence_id))
            sums[subject][account] = sums[subject].get(account, 0) + fen
        for subject, book in sums.items():
            files[subject].balances = {account: fen for account, fen in book.items() if fen}

    async def _add_facts(self, files: dict[str, Dossier], last: tuple[int, str]) -> None:
        """The facts of the period, streamed beside the subjects in the same order, and those that rows name."""
        while True:
            if not self._held:
                rows = await self._facts.fetch(CHUNK, timeout=TIMEOUT_S)
                self._held = [FactRow(**dict(row)) for row in reversed(rows)]
            if not self._held or (self._held[-1].bucket, self._held[-1].subject) > last:
                break
            fact = self._held.pop()
            files[fact.subject].facts[fact.key] = fact
        wanted: dict[FactKey, list[Dossier]] = defaultdict(list)
        for file in files.values():
            for key in file.keys_wanted() - file.facts.keys():
                wanted[key].append(file)
        if wanted:
            parts = [list(part) for part in zip(*wanted, strict=True)]
            for row in await self._fetch(SQL.list_facts_by_key, *parts):
                fact = FactRow(**dict(row))
                for file in wanted[fact.key]:
                    file.facts[fact.key] = fact

    async def _add_evidence(self, files: dict[str, Dossier]) -> None:
        cited = {leg.evidence_id for file in files.values() for leg in file.legs}
        cited |= {effect.evidence_id for file in files.values() for effect in file.effects}
        cited |= {fact.evidence_id for file in files.values() for fact in file.facts.values()}
        rows = await self._fetch(SQL.list_evidence, sorted(cited))
        kept = {row["evidence_id"]: (row["standing"], row["known_at"]) for row in rows}
        for file in files.values():
            file.evidence = kept

    async def _add_numbers(self, files: dict[str, Dossier]) -> None:
        wanted = {value for file in files.values() for _, value in file.numbers_wanted()}
        for row in await self._fetch(SQL.list_numbers_among, sorted(wanted)):
            if row["order_id"] in files:
                files[row["order_id"]].numbers.add((row["kind"], row["value"]))
