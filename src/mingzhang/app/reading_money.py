"""Where an order's money is and the way it came, hop by hop, out of its legs and nothing else (ledger.md).

Amounts are those of `buyer_parts` after each posting: the price whole, or its refunded and remaining parts, never
cost, fee or margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import asyncpg

from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.ledger.places import Account
from mingzhang.ledger.postings import buyer_parts
from mingzhang.ledger.store import Step, read_steps
from mingzhang.web.model import Hop, MoneyPart

Spot = tuple[str, str]
YOU: Spot = ("", "")  # before and after its way the money is with the buyer


async def read_money(
    conn: asyncpg.Connection, order_id: str, price_fen: int
) -> tuple[tuple[MoneyPart, ...], tuple[Hop, ...]]:
    """The parts of the price where they are now, and every hop that brought them there, oldest first."""
    steps = await read_steps(conn, order_id)
    if not steps:
        return (), ()
    heads = await evidence_heads(conn, [step.evidence_id for step in steps])
    hops = follow(steps, price_fen, heads)
    balances: dict[Account, int] = {}
    for step in steps:
        _add(balances, step)
    parts = []
    for part in buyer_parts(balances, price_fen):
        came = next(
            (hop for hop in reversed(hops) if (hop.place, hop.party) == (part.place, part.party)), None
        )
        parts.append(
            MoneyPart(
                place=part.place,
                party=part.party,
                amount_fen=part.amount_fen,
                proof=came.proof if came else "",
                since=came.at if came else None,
            )
        )
    return tuple(parts), tuple(hops)


def follow(steps: Sequence[Step], price_fen: int, heads: Mapping[str, asyncpg.Record]) -> list[Hop]:
    """What each posting moved, as the buyer sees it; postings that move nothing of theirs are no hops."""
    balances: dict[Account, int] = {}
    before: dict[Spot, int] = {}
    hops: list[Hop] = []
    for step in steps:
        _add(balances, step)
        after = {(part.place, part.party): part.amount_fen for part in buyer_parts(balances, price_fen)}
        head = heads.get(step.evidence_id)
        for (from_place, from_party), (place, party), fen in _moved(before, after):
            hops.append(
                Hop(
                    from_place=from_place,
                    from_party=from_party,
                    place=place,
                    party=party,
                    amount_fen=fen,
                    at=step.at,
                    proof=head["sha256"].hex() if head else "",
                    witness=head["party"] if head else "",
                    standing=head["standing"] if head else "",
                )
            )
        before = after
    return hops


def _add(balances: dict[Account, int], step: Step) -> None:
    for account, fen in step.legs:
        balances[account] = balances.get(account, 0) + fen
        if not balances[account]:
            del balances[account]


def _moved(before: Mapping[Spot, int], after: Mapping[Spot, int]) -> Iterable[tuple[Spot, Spot, int]]:
    """From where to where, and how much: what left is matched with what came, in order."""
    left = {spot: fen - after.get(spot, 0) for spot, fen in before.items() if fen > after.get(spot, 0)}
    for spot, fen in after.items():
        rest = fen - before.get(spot, 0)
        while rest > 0:
            source = next(iter(left), YOU)
            taken = min(rest, left.get(source, rest))
            yield source, spot, taken
            rest -= taken
            if source in left:
                left[source] -= taken
                if not left[source]:
                    del left[source]


async def evidence_heads(conn: asyncpg.Connection, ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """Hash, party and standing of pieces of evidence, by id."""
    rows = await conn.fetch(EVIDENCE.read_evidence_heads, sorted({each for each in ids if each}))
    return {row["evidence_id"]: row for row in rows}
