"""Safe actions on many rows: asking the outside again, sending failed notices again. Previewed, bounded, each on record.

A run is a task of one web process: whoever started it sees how far it is when that process answers. Each row is done
in a transaction of its own by the same code as one row by hand, and written to the record there; when the process ends
in between, the rows done are done and on record, and the rest was not begun.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from mingzhang.app import desk_staff
from mingzhang.app.console.listings import SQL
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import new_id
from mingzhang.orders.context import Context
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right

KEYS_MAX: Final = 50
RUNS_MAX: Final = 50
_KEY: Final = re.compile(r"[0-9A-Za-z_-]{8,80}")

Do = Callable[[Context, Member, str, str], Awaitable[None]]  # context, who, key, subject


@dataclass(frozen=True)
class Action:
    """What may be done to many rows of a list. ``states``: in which a row is worth it; others are skipped."""

    listing: str
    right: Right
    states: frozenset[str]
    find: str
    do: Do


@dataclass
class Line:
    """One row of a run. ``result``: will, skipped, unknown (before); done, failed (after). ``code``: of the refusal."""

    key: str
    state: str
    subject: str
    result: str
    code: str = ""


@dataclass
class Run:
    """One run of one person. ``done``: how many lines are behind it."""

    run_id: str
    name: str
    action: str
    lines: list[Line]
    done: int = 0
    over: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)


def _asking(kind: str, action: str) -> Do:
    async def ask(ctx: Context, member: Member, key: str, subject: str) -> None:
        _ = subject
        await desk_staff.do_action(ctx, member, kind, key, action)

    return ask


async def _send_again(ctx: Context, member: Member, key: str, subject: str) -> None:
    await desk_staff.send_notice_again(ctx, member, subject, key)


ACTIONS: Final[dict[str, Action]] = {
    "ask_channel": Action(
        "payments",
        Right.ASK_OUTSIDE,
        frozenset({"intent", "open", "closed", "failed"}),
        SQL.find_payments,
        _asking("payment", "ask_channel"),
    ),
    "ask_supplier": Action(
        "attempts",
        Right.ASK_OUTSIDE,
        frozenset({"sending", "processing", "unknown"}),
        SQL.find_attempts,
        _asking("supply", "ask_supplier"),
    ),
    "ask_refund": Action(
        "refunds",
        Right.ASK_OUTSIDE,
        frozenset({"sending", "unknown", "accepted", "waiting_float"}),
        SQL.find_refunds,
        _asking("refund", "ask_refund"),
    ),
    "send_again": Action(
        "notices", Right.ANSWER_BUYERS, frozenset({"failed"}), SQL.find_notices, _send_again
    ),
}


def clean_keys(values: Sequence[str]) -> list[str]:
    """The keys that a form names, each once, at most `KEYS_MAX`; what has no key's shape is left out."""
    return [key for key in dict.fromkeys(values) if _KEY.fullmatch(key)][:KEYS_MAX]


async def preview(
    conn: asyncpg.Connection, buckets: Sequence[int], name: str, keys: Sequence[str]
) -> list[Line]:
    """What would be done to each row, as it stands now."""
    action = ACTIONS[name]
    found = {row["key"]: row for row in await conn.fetch(action.find, list(buckets), list(keys))}
    lines = []
    for key in keys:
        row = found.get(key)
        if row is None:
            lines.append(Line(key, "", "", "unknown"))
        else:
            result = "will" if row["state"] in action.states else "skipped"
            lines.append(Line(key, row["state"], row["subject"], result))
    return lines


class Runs:
    """The runs of this process, the last `RUNS_MAX` of them."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def start(self, ctx: Context, member: Member, name: str, lines: list[Line]) -> Run:
        """Begin; the caller looks at it again by its id."""
        run = Run(new_id(ctx.now(), ctx.rng), member.name, name, lines)
        self._runs[run.run_id] = run
        while len(self._runs) > RUNS_MAX:
            _, old = self._runs.popitem(last=False)
            if old.task is not None and not old.over:
                self._runs[old.run_id] = old
                break
        run.task = asyncio.create_task(_work(ctx, member, run))
        return run

    def find(self, run_id: str, member: Member) -> Run | None:
        """A run of that person."""
        run = self._runs.get(run_id)
        return run if run is not None and run.name == member.name else None


async def _work(ctx: Context, member: Member, run: Run) -> None:
    """Row by row; a row that is refused tells its code and stops no other."""
    action = ACTIONS[run.action]
    try:
        for line in run.lines:
            if line.result == "will":
                try:
                    await action.do(ctx, member, line.key, line.subject)
                    line.result = "done"
                except Problem as problem:
                    line.result, line.code = "failed", problem.code
            run.done += 1
    finally:
        run.over = True
