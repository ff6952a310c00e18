"""What is owed at each day's end, published: a sum tree, its root and total in the public record, a proof for each buyer.

The tree of a Beijing day is made once the day's coverage is closed (`settlement.coverage`), out of one snapshot. The first
tree is made from the whole journal, each later one from the one before and what happened since.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import Clock
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.transparency import statements
from mingzhang.transparency.entry import canonical, utc
from mingzhang.transparency.notes import Signer, Verifier
from mingzhang.transparency.owed import Owed, measure, measure_all, sum_places, touched_since
from mingzhang.transparency.receipt import list_logged, make_receipt
from mingzhang.transparency.sum_tree import Node, leaf, path_places, root_of, rows_of, salt_of

SQL: Final = load("mingzhang.transparency", "liabilities")
FORMAT: Final = "mingzhang-liabilities/v1"
PROOF_FORMAT: Final = "mingzhang-liability/v1"
PUBLISHED: Final = "liabilities_published"
NODE_BYTES: Final = 40
TILE_NODES: Final = 256


class Tree(NamedTuple):
    """A day's tree: its leaves in their order, and its rows."""

    leaves: list[Owed]
    rows: list[list[Node]]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A day in whose tree an order stands, with what was owed to its buyer then."""

    day: date
    amount_fen: int


def subject_of(day: date) -> str:
    """A day's name in the public record."""
    return f"{statements.OWED}{day:%Y%m%d}"


def grow(owed: Sequence[Owed], seed: bytes) -> Tree:
    """The tree of what is owed, in the order of the leaves' hashes: a place says nothing of whose it is."""
    pairs = sorted(
        ((leaf(one.subject, salt_of(seed, one.subject), one.fen), one) for one in owed),
        key=lambda pair: pair[0].hash,
    )
    return Tree([one for _, one in pairs], rows_of([node for node, _ in pairs]))


async def make_next_day(conn: asyncpg.Connection, rng: Random, clock: Clock) -> date | None:
    """The tree of the oldest closed day that has none yet; of none, the newest closed one. None: nothing to make.

    Inside a repeatable-read transaction.
    """
    last = await conn.fetchrow(SQL.read_last_day)
    closed = await conn.fetchrow(SQL.read_next_closed, last["day"] if last else None)
    if closed is None:
        return None
    day, until = closed["day"], closed["ends_at"]
    if last is None:
        owed = await measure_all(conn, until)
    else:
        before = [(row["bucket"], row["subject"]) for row in await conn.fetch(SQL.list_leaves, last["day"])]
        owed = await measure(conn, await touched_since(conn, before, last["ends_at"], until), until)
    seed = secrets.token_bytes(32)
    tree = await asyncio.to_thread(grow, owed, seed)
    root, now = root_of(tree.rows), clock.now()
    standing = await sum_places(conn, owed, until)
    statement = {
        "format": FORMAT,
        "day": str(day),
        "ends_at": utc(until),
        "root": root.hash.hex(),
        "total_fen": root.fen,
        "leaves": len(tree.leaves),
        "standing": standing,
        "coverage": {"covered_fen": closed["covered_fen"], "owed_fen": closed["owed_fen"]},
    }
    message = Message(
        party="shop",
        kind="liabilities",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=canonical(statement),
        content_type="application/json",
    )
    evidence_id = await evidence.keep(conn, rng, now, message)
    await conn.execute(
        SQL.insert_day, day, until, seed, root.hash, root.fen, len(tree.leaves), standing, evidence_id, now
    )
    await _keep(conn, day, tree)
    await statements.state(
        conn, statements.SHOPS_BUCKET, subject_of(day), PUBLISHED, evidence_id, now, {"day": str(day)}
    )
    return day  # type: ignore[no-any-return]


async def _keep(conn: asyncpg.Connection, day: date, tree: Tree) -> None:
    await conn.execute(
        SQL.insert_leaves,
        day,
        [one.bucket for one in tree.leaves],
        [one.subject for one in tree.leaves],
        [one.fen for one in tree.leaves],
    )
    tiles = tiles_of(tree.rows)
    await conn.execute(
        SQL.insert_tiles,
        day,
        [level for level, _ in tiles],
        [n for _, n in tiles],
        list(tiles.values()),
    )


def tiles_of(rows: Sequence[Sequence[Node]]) -> dict[tuple[int, int], bytes]:
    """The rows of a tree as they are kept: (level, n) → nodes."""
    return {
        (level, at // TILE_NODES): b"".join(node.packed() for node in row[at : at + TILE_NODES])
        for level, row in enumerate(rows)
        for at in range(0, len(row), TILE_NODES)
    }


async def list_counted(conn: asyncpg.Connection, subject: str, limit: int) -> list[Counted]:
    """The newest days whose trees hold this subject."""
    rows = await conn.fetch(SQL.list_counted, bucket_of(subject), subject, limit)
    return [Counted(day=row["day"], amount_fen=row["amount_fen"]) for row in rows]


async def prove(
    conn: asyncpg.Connection, subject: str, day: date, signer: Signer, witnesses: Sequence[Verifier]
) -> bytes | None:
    """A buyer's proof: the leaf, its siblings up to the root, the statement, and the statement's receipt.

    None: nothing was owed to the subject then, or the public record has not come to the day's statement yet.
    """
    found = await conn.fetchrow(SQL.read_leaf, bucket_of(subject), subject, day)
    if found is None:
        return None
    logged = await list_logged(conn, subject_of(day), statements.SHOPS_BUCKET)
    receipt = await make_receipt(conn, logged[0], signer, witnesses) if logged else None
    if receipt is None:
        return None
    path = []
    for level, place in path_places(found["n"], found["leaves"]):
        offset = place % TILE_NODES * NODE_BYTES
        node: bytes = await conn.fetchval(SQL.read_node, day, level, place // TILE_NODES, offset)
        path.append([node[:32].hex(), int.from_bytes(node[32:], "big")])
    body: dict[str, Any] = {
        "format": PROOF_FORMAT,
        "subject": subject,
        "amount_fen": found["amount_fen"],
        "salt": salt_of(found["seed"], subject).hex(),
        "index": found["n"],
        "path": path,
        "statement": msgspec.json.decode(found["body"]),
        "receipt": msgspec.json.decode(receipt),
    }
    return canonical(body)


async def check_day(conn: asyncpg.Connection, day: date) -> list[str]:
    """What disagrees in a day's tree: with the books as they were, with itself, with the day's roll-up by place."""
    head = await conn.fetchrow(SQL.read_day, day)
    kept = [Owed(*row) for row in map(tuple, await conn.fetch(SQL.list_leaves_whole, day))]
    books = {(one.bucket, one.subject): one.fen for one in await measure_all(conn, head["ends_at"])}
    told = {(one.bucket, one.subject): one.fen for one in kept}
    troubles = [
        f"{key[1]}: {books.get(key, 0)} fen owed, {told.get(key, 0)} in the tree"
        for key in sorted(books.keys() | told.keys())
        if books.get(key, 0) != told.get(key, 0)
    ]
    tree = await asyncio.to_thread(grow, kept, head["seed"])
    root = root_of(tree.rows)
    if (root.hash, root.fen, len(kept)) != (head["root"], head["total_fen"], head["leaves"]):
        troubles.append("root or total is not the tree's")
    if [one.subject for one in tree.leaves] != [one.subject for one in kept]:
        troubles.append("the leaves stand in another order")
    tiles = {(row["level"], row["n"]): row["nodes"] for row in await conn.fetch(SQL.list_tiles, day)}
    if tiles != tiles_of(tree.rows):
        troubles.append("nodes are not the tree's")
    troubles += [
        f"{row['place']}: {row['told']} fen in the tree, {row['booked']} in the day's roll-up"
        for row in await conn.fetch(SQL.compare_places, day)
    ]
    return troubles
