"""Clocks: every row that waits, held against the printed table of the longest waits, by the auditor's own reading.

The table comes in as plain data (`docs/states.md` prints the same); when a row came into its state is read from the
database here, not from the product.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

SLACK_S = 2.0  # between the product's `now` of one transaction and the next


class Wait(NamedTuple):
    """One row that waits. ``entries``: by name, when what the table may count from last happened.

    ``told``: a breach of this very deadline is on record.
    """

    kind: str
    key: str
    state: str
    actor: str
    promise_s: int
    due_at: datetime | None
    deadline_at: datetime | None
    told: bool
    entries: Mapping[str, datetime]


class Took(NamedTuple):
    """A wait that is over and lasted `took_s`; ``told``: a breach of the row is on record."""

    kind: str
    key: str
    actor: str
    state: str
    promise_s: int
    took_s: float
    told: bool


ORDERS = """
SELECT o.order_id, o.state, o.next_actor, o.promise_s, o.due_at, o.deadline_at, EXISTS (
    SELECT FROM breach b WHERE b.bucket = o.bucket AND b.kind = 'order' AND b.key = o.order_id
      AND b.deadline_at = o.deadline_at) AS told,
  (SELECT jsonb_object_agg(e.kind, e.at)::text FROM (
    SELECT kind, max(at) AS at FROM event WHERE bucket = o.bucket AND order_id = o.order_id GROUP BY kind) e) AS entries
FROM orders o WHERE o.state NOT IN ('closed', 'delivered', 'refunded')
"""
# kind, key, state, actor, promise, due, deadline, told, name of the entry, its time
OTHERS = """
WITH waits AS (
  SELECT 'payment' AS kind, bucket, payment_no AS key, state, next_actor, 0 AS promise_s, due_at, deadline_at,
    CASE WHEN next_actor = 'person' THEN 'handed_over'
      WHEN state = 'paid' THEN CASE WHEN since > paid_at THEN 'asked_again' ELSE 'payment' END
      WHEN state = 'contradicted' THEN 'denied' WHEN since IS NOT NULL THEN 'asked_again' ELSE 'expiry' END AS entry,
    CASE WHEN next_actor <> 'person' AND state = 'paid' THEN greatest(since, paid_at)
      ELSE coalesce(since, expires_at) END AS at
  FROM payment WHERE due_at IS NOT NULL
  UNION ALL
  SELECT 'supply', a.bucket, a.attempt_no, a.state, a.next_actor, o.promise_s, a.due_at, a.deadline_at,
    CASE WHEN a.next_actor = 'person' THEN 'handed_over'
      WHEN a.finished_at IS NOT NULL THEN CASE WHEN a.since > a.finished_at THEN 'asked_again' ELSE 'last_word' END
      WHEN a.since IS NOT NULL THEN 'handed_over' WHEN a.sent_at IS NOT NULL THEN 'sent' ELSE 'planned' END,
    CASE WHEN a.next_actor = 'person' THEN a.since WHEN a.finished_at IS NOT NULL THEN greatest(a.since, a.finished_at)
      ELSE coalesce(a.since, a.sent_at, a.planned_at) END
  FROM supply_attempt a JOIN orders o ON o.bucket = a.bucket AND o.order_id = a.order_id WHERE a.due_at IS NOT NULL
  UNION ALL
  SELECT 'refund', bucket, refund_no, state, next_actor, 0, due_at, deadline_at,
    CASE WHEN next_actor = 'person' THEN 'handed_over' ELSE 'planned' END,
    CASE WHEN next_actor = 'person' THEN since ELSE planned_at END
  FROM refund WHERE due_at IS NOT NULL
  UNION ALL
  SELECT 'suspense', bucket, item_id, state, next_actor, 0, due_at, deadline_at, 'handed_over', since
  FROM suspense WHERE state IN ('open', 'refunding')
  UNION ALL
  SELECT 'hint', bucket, hint_id, state, next_actor, 0, due_at, deadline_at,
    CASE WHEN next_actor = 'person' THEN 'handed_over' ELSE 'told' END, coalesce(since, known_at)
  FROM trade_hint WHERE due_at IS NOT NULL
  UNION ALL
  SELECT 'claim', bucket, claim_id, state, next_actor, 0, due_at, deadline_at,
    CASE WHEN state = 'person' THEN 'handed_over' ELSE 'made' END,
    CASE WHEN state = 'person' THEN since ELSE made_at END
  FROM claim WHERE finished_at IS NULL
  UNION ALL
  SELECT 'dispute', bucket, dispute_id, state, next_actor, 0, due_at, deadline_at,
    CASE next_actor WHEN 'shop' THEN 'round' ELSE 'handed_over' END,
    CASE next_actor WHEN 'shop' THEN round_at + paused ELSE since END
  FROM dispute WHERE closed_at IS NULL
  UNION ALL
  SELECT 'fact', bucket, party || '/' || kind || '/' || external_id, 'waiting', 'shop', 0, NULL,
    known_at + interval '10 minutes', 'known', known_at FROM inbox)
SELECT w.*, EXISTS (SELECT FROM breach b WHERE b.bucket = w.bucket AND b.kind = w.kind
  AND CASE w.kind WHEN 'dispute' THEN split_part(b.key, '/', 1) ELSE b.key END = w.key
  AND b.deadline_at >= w.deadline_at) AS told FROM waits w
"""
TOOK = """
SELECT 'supply' AS kind, a.bucket, a.attempt_no AS key, 'supplier' AS actor, 'sending' AS state, o.promise_s,
  extract(epoch FROM coalesce((
    SELECT min(f.known_at) FROM fact f WHERE f.party = a.supplier AND f.external_id = a.attempt_no
      AND f.kind IN ('supply_succeeded', 'supply_refused', 'supply_reversed')), a.finished_at) - a.sent_at)::float8 AS took_s
FROM supply_attempt a JOIN orders o ON o.bucket = a.bucket AND o.order_id = a.order_id
WHERE a.finished_at IS NOT NULL AND a.sent_at IS NOT NULL AND a.choice ->> 'why' <> 'shop_cost'
UNION ALL
SELECT 'refund', bucket, refund_no, 'shop', 'accepted', 0, extract(epoch FROM arrived_at - planned_at)::float8
FROM refund WHERE arrived_at IS NOT NULL
UNION ALL
SELECT 'claim', bucket, claim_id, 'shop', 'asking', 0, extract(epoch FROM finished_at - made_at)::float8
FROM claim WHERE finished_at IS NOT NULL AND since IS NULL
"""


async def read_clocks(connection: asyncpg.Connection) -> tuple[list[Wait], list[Took]]:
    """Every row that waits, and how long the waits that are over took."""
    waits = [
        Wait("order", row[0], row[1], row[2], row[3], row[4], row[5], row[6], _entries(row[7]))
        for row in await connection.fetch(ORDERS)
    ]
    waits += [
        Wait(
            row["kind"],
            row["key"],
            row["state"],
            row["next_actor"],
            row["promise_s"],
            row["due_at"],
            row["deadline_at"],
            row["told"],
            {row["entry"]: row["at"]} if row["at"] else {},
        )
        for row in await connection.fetch(OTHERS)
    ]
    told = {
        (row[0], row[1])
        for row in await connection.fetch(
            "SELECT kind, key FROM breach UNION SELECT 'claim', claim_id FROM claim WHERE since IS NOT NULL"
        )
    }
    took = [
        Took(
            row["kind"],
            row["key"],
            row["actor"],
            row["state"],
            row["promise_s"],
            row["took_s"],
            (row["kind"], row["key"]) in told,
        )
        for row in await connection.fetch(TOOK)
    ]
    return waits, took


def _entries(text: str | None) -> dict[str, datetime]:
    return {str(name): datetime.fromisoformat(at) for name, at in json.loads(text or "{}").items()}


def clock_findings(
    waits: Iterable[Wait],
    took: Iterable[Took],
    table: Iterable[Mapping[str, Any]],
    at: datetime,
    grace_s: float,
) -> list[str]:
    """What breaks the table, in words. ``at``: the product's time; ``grace_s``: how late a visit may be by then."""
    lines = list(table)
    found = [finding for wait in waits for finding in _wait(wait, lines, at, grace_s)]
    return found + [finding for over in took for finding in _took(over, lines, grace_s)]


def _wait(wait: Wait, table: list[Mapping[str, Any]], at: datetime, grace_s: float) -> list[str]:
    name = f"{wait.kind} {wait.key} ({wait.state}, {wait.actor or 'nobody'}'s turn)"
    fits = [
        line
        for line in table
        if line["kind"] == wait.kind and wait.state in line["states"] and line["actor"] == wait.actor
    ]
    if not fits:
        return [f"{name}: the table knows no such wait"]
    if wait.deadline_at is None:
        return [f"{name}: no deadline"]
    found = []
    if wait.due_at is not None and wait.due_at > wait.deadline_at:
        found.append(f"{name}: due after its deadline")
    latest = [
        wait.entries[entry] + timedelta(seconds=_longest_s(line, wait.promise_s) + SLACK_S)
        for line in fits
        for entry in line["entry"]
        if entry in wait.entries
    ]
    if not latest:
        found.append(f"{name}: nothing says since when")
    elif wait.deadline_at > max(latest):
        over_s = (wait.deadline_at - max(latest)).total_seconds()
        found.append(f"{name}: its deadline is {over_s:.0f} s beyond the table's maximum")
    # A payment's own deadline is its next question; what nobody may miss is the end of the table's time.
    end = max(latest) if wait.kind == "payment" and latest else wait.deadline_at
    if end + timedelta(seconds=grace_s) < at and not wait.told:
        found.append(
            f"{name}: past its deadline since {wait.deadline_at.isoformat()}, and no breach on record"
        )
    return found


def _took(over: Took, table: list[Mapping[str, Any]], grace_s: float) -> list[str]:
    longest = [
        _longest_s(line, over.promise_s)
        for line in table
        if line["kind"] == over.kind and over.state in line["states"] and line["actor"] == over.actor
    ]
    if over.told or over.took_s <= max(longest) + grace_s:
        return []
    return [f"{over.kind} {over.key}: took {over.took_s:.0f} s of {max(longest)}, and no breach on record"]


def _longest_s(line: Mapping[str, Any], promise_s: int) -> int:
    return int(line["max_s"]) + (promise_s if line["promise"] else 0)
