"""``AUDITOR_DATABASE_URL=… python -m auditor < input.json``: one JSON report; exit 1 when anything is wrong.

The input: ``{"books": …, "clocks": {"table": […], "at": ISO time, "grace_s": seconds}}``; without ``clocks`` the
waits are not judged. ``"disputes": true`` asks, too, whether every order that was delivered and given back has its decision.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from auditor.books import Row, audit
from auditor.clocks import clock_findings, read_clocks
from auditor.decisions import read_both

READ_ROWS = """
SELECT subject, place, party, owner, sum(amount_fen)::bigint AS amount
FROM leg GROUP BY subject, place, party, owner HAVING sum(amount_fen) <> 0
"""


async def read_rows(dsn: str) -> list[Row]:
    """The ledger's sums, by the auditor's own statement."""
    connection = await asyncpg.connect(dsn)
    try:
        return [Row(*record) for record in await connection.fetch(READ_ROWS)]
    finally:
        await connection.close()


async def judge_clocks(dsn: str, clocks: Mapping[str, Any]) -> list[str]:
    """Every wait against the table; see `clock_findings`."""
    connection = await asyncpg.connect(dsn)
    try:
        waits, took = await read_clocks(connection)
    finally:
        await connection.close()
    at = datetime.fromisoformat(clocks["at"])
    return clock_findings(waits, took, clocks["table"], at, float(clocks["grace_s"]))


def main() -> int:
    """The input from standard input, the report to standard output."""
    given = json.load(sys.stdin)
    dsn = os.environ["AUDITOR_DATABASE_URL"]
    report = audit(given["books"], asyncio.run(read_rows(dsn)))
    clocks = asyncio.run(judge_clocks(dsn, given["clocks"])) if "clocks" in given else []
    told = {**report.as_json(), "clocks": clocks}
    wrong = bool(report.differences or report.double_topups or clocks)
    if "disputes" in given:
        both = asyncio.run(read_both(dsn))
        told["disputes"] = both.as_json()
        wrong = wrong or both.decided < both.both
    sys.stdout.write(json.dumps(told) + "\n")
    return int(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
