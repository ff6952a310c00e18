"""What a buyer holds of one change: the statement, its place in the log, and the signed state that proves it (R29, R32).

A receipt is one line of canonical JSON, so that any changed byte shows. It is checked by `verify_offline.py`, which
needs nothing of this product, and no network.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of
from mingzhang.transparency.entry import Change, History, canonical, changes_of
from mingzhang.transparency.history import Range, read_histories
from mingzhang.transparency.merkle import inclusion_parts
from mingzhang.transparency.notes import Verifier
from mingzhang.transparency.tree import SQL, prove

FORMAT: Final = "mingzhang-receipt/v1"


class Logged(msgspec.Struct, frozen=True):
    """One change that stands in the log: entry ``index``, and which hash of the entry it is."""

    index: int
    position: int
    entry: bytes
    change: Change


async def list_logged(conn: asyncpg.Connection, subject: str, bucket: int | None = None) -> list[Logged]:
    """Every logged change of one subject, oldest first; none while the sequencer has not come to it.

    ``bucket``: of a subject that is no order or suspense number, which carry theirs.
    """
    bucket = bucket_of(subject) if bucket is None else bucket
    rows = await conn.fetch(SQL.list_subject_entries, bucket, subject)
    if not rows:
        return []
    (whole,) = await read_histories(conn, bucket, [Range(subject, 0, rows[-1]["to_seq"])])
    found: list[Logged] = []
    for row in rows:
        upto = row["to_seq"]
        history = History(
            subject,
            whole.price_fen,
            row["from_seq"] - 1,
            [event for event in whole.events if event.seq <= upto],
            [leg for leg in whole.legs if leg.seq <= upto],
        )
        changes = changes_of(history, row["salt"])
        found += [Logged(row["idx"], n, row["data"], change) for n, change in enumerate(changes)]
    return found


async def make_receipt(
    conn: asyncpg.Connection, logged: Logged, verifier: Verifier, witnesses: Sequence[Verifier] = ()
) -> bytes | None:
    """The receipt under the newest state that a witness signed, else under the newest; None: there is none yet.

    ``witnesses``: whose cosignatures, where the state has them, go into the receipt.
    """
    known = {witness.name: witness for witness in witnesses}
    head = await conn.fetchrow(SQL.read_cosigned_head, list(known)) if known else None
    if head is None or logged.index >= head["size"]:
        head = await conn.fetchrow(SQL.read_head)
    if head is None or logged.index >= head["size"]:
        return None
    proof = await prove(conn, inclusion_parts(logged.index, head["size"]))
    lines = [row["line"] for row in await conn.fetch(SQL.list_cosignatures, head["size"])]
    kept = [line for line in lines if _name(line) in known]
    note = head["note"] + "".join(f"{line}\n" for line in kept)
    return render(logged, proof, note, verifier, [known[_name(line)].text() for line in kept])


def _name(line: str) -> str:
    return line.split(" ")[1]


def render(
    logged: Logged, proof: Sequence[bytes], note: str, verifier: Verifier, witnesses: Sequence[str]
) -> bytes:
    """The receipt's bytes."""
    entry = [logged.entry[at : at + 32].hex() for at in range(0, len(logged.entry), 32)]
    body: dict[str, Any] = {
        "format": FORMAT,
        "statement": logged.change.shown,
        "entry": entry,
        "position": logged.position,
        "index": logged.index,
        "proof": [base64.b64encode(value).decode() for value in proof],
        "checkpoint": note,
        "log_key": verifier.text(),
        "witness_keys": list(witnesses),
    }
    return canonical(body)
