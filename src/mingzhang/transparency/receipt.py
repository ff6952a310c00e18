"""What a buyer holds of one change: the statement, its place in the log, and the signed state that proves it (R29, R32).

A receipt is one line of canonical JSON, so that any changed byte shows. It is checked by `verify_offline.py`, which
needs nothing of this product, and no network.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of
from mingzhang.transparency.anchors import RFC3161, Anchored, read_anchored
from mingzhang.transparency.entry import Change, History, canonical, changes_of
from mingzhang.transparency.history import Range, read_histories
from mingzhang.transparency.merkle import inclusion_parts
from mingzhang.transparency.notes import Signer, Verifier
from mingzhang.transparency.tree import SQL, prove

FORMAT: Final = "mingzhang-receipt/v1"
STAMPS: Final = "mingzhang-timestamps/v1"  # begins what the log's key signs of a receipt's timestamps


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
    (whole,) = await read_histories(conn, [Range(bucket, subject, 0, rows[-1]["to_seq"])])
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
    conn: asyncpg.Connection, logged: Logged, signer: Signer, witnesses: Sequence[Verifier] = ()
) -> bytes | None:
    """The receipt under the best state there is (`_head`); None: there is none yet.

    ``witnesses``: whose cosignatures, where the state has them, go into the receipt.
    """
    known = {witness.name: witness for witness in witnesses}
    head = await _head(conn, logged.index, list(known))
    if head is None:
        return None
    proof = await prove(conn, inclusion_parts(logged.index, head["size"]))
    lines = [row["line"] for row in await conn.fetch(SQL.list_cosignatures, head["size"])]
    kept = [line for line in lines if signed_by(line, known)]
    note = head["note"] + "".join(f"{line}\n" for line in kept)
    stamps = [one for one in await read_anchored(conn, head["size"]) if one.form == RFC3161]
    return render(logged, proof, note, signer, [known[_name(line)].text() for line in kept], stamps)


async def _head(conn: asyncpg.Connection, index: int, witnesses: Sequence[str]) -> asyncpg.Record | None:
    """The state to prove an entry in: of those that a witness signed, where there are any, else of all; of these the
    first that has a timestamp, which says the most of when, else the newest. None: the entry is in no state yet.
    """
    for seen in (witnesses, []) if witnesses else ([],):
        stamped = await conn.fetchrow(SQL.read_anchored_head, index, RFC3161, seen)
        newest = (
            await conn.fetchrow(SQL.read_cosigned_head, seen) if seen else await conn.fetchrow(SQL.read_head)
        )
        if stamped is not None or (newest is not None and index < newest["size"]):
            return stamped if stamped is not None else newest
    return None


def _name(line: str) -> str:
    return line.split(" ")[1]


def signed_by(line: str, known: Mapping[str, Verifier]) -> bool:
    """Whether a line is by the key that its name stands for today: a witness may have changed it since."""
    key = known.get(_name(line))
    return key is not None and base64.b64decode(line.split(" ")[2])[:4] == key.hash


def render(
    logged: Logged,
    proof: Sequence[bytes],
    note: str,
    signer: Signer,
    witnesses: Sequence[str],
    stamps: Sequence[Anchored] = (),
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
        "log_key": signer.verifier.text(),
        "witness_keys": list(witnesses),
    }
    if stamps:
        body["timestamps"] = [
            {"authority": one.authority, "root": one.root, "token": base64.b64encode(one.token).decode()}
            for one in stamps
        ]
        seal = signer.sign(f"{STAMPS}\n{hashlib.sha256(canonical(body['timestamps'])).hexdigest()}\n")
        body["seal"] = base64.b64encode(seal.value).decode()
    return canonical(body)
