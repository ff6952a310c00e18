"""Orders that were delivered and whose money went back: each needs a decision on record, by the auditor's own reading."""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg

# What decides that a buyer keeps goods and money: people or policy in a dispute, two people, the buyer after the promised
# time, a supplier who took it back, who delivered a part or came late, an account given up, or the channel by itself.
DECIDED = (
    "dispute_remedy",
    "refund_decided",
    "buyer_chose_refund",
    "supplier_reversed",
    "partly_delivered",
    "late_success",
    "correction_expired",
    "charged_back",
    "refunded_outside",
)
READ = """
SELECT o.order_id, EXISTS (SELECT FROM event e WHERE e.bucket = o.bucket AND e.order_id = o.order_id
  AND e.kind = ANY ($1::text[])) AS decided
FROM orders o
WHERE EXISTS (SELECT FROM leg l WHERE l.bucket = o.bucket AND l.subject = o.order_id AND l.place = 'supplier.settled'
    AND l.owner = 'o' GROUP BY l.subject HAVING sum(l.amount_fen) > 0)
  AND EXISTS (SELECT FROM leg l WHERE l.bucket = o.bucket AND l.subject = o.order_id
    AND l.place IN ('refund.arrived', 'refund.transit', 'refund.chargeback') AND l.owner = 'o'
    GROUP BY l.subject HAVING sum(l.amount_fen) > 0)
"""


AGAIN = "SELECT count(*) FROM supply_attempt WHERE choice ->> 'why' = 'shop_cost' AND state = 'succeeded'"


class Both(NamedTuple):
    """``both``: orders delivered and given back; ``decided``: with a decision; ``undecided``: those without; ``again``:
    second deliveries at the shop's cost, each by two people's decision.
    """

    both: int
    decided: int
    undecided: tuple[str, ...]
    again: int

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {**self._asdict(), "undecided": list(self.undecided)}


async def read_both(dsn: str) -> Both:
    """Read the database whose address is given."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(READ, list(DECIDED))
        again = await connection.fetchval(AGAIN)
    finally:
        await connection.close()
    missing = tuple(row["order_id"] for row in rows if not row["decided"])
    return Both(len(rows), len(rows) - len(missing), missing, again)
