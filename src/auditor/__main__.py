"""``AUDITOR_DATABASE_URL=… python -m auditor < books.json``: one JSON report; exit 1 when money is missing."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import asyncpg

from auditor.books import Row, audit

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


def main() -> int:
    """Books from standard input, the report to standard output."""
    books = json.load(sys.stdin)
    report = audit(books, asyncio.run(read_rows(os.environ["AUDITOR_DATABASE_URL"])))
    sys.stdout.write(json.dumps(report.as_json()) + "\n")
    return 1 if report.differences or report.double_topups else 0


if __name__ == "__main__":
    raise SystemExit(main())
