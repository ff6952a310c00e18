"""A witness: a third party that signs each state of a log, having seen that nothing before it changed (C2SP tlog-witness).

It keeps one line for each log: the last state that it signed. Whatever does not grow from there it refuses, so that a
shop cannot show one history to its buyers and another to everybody else. Its key and its memory are its own.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from mingzhang.kit.errors import Problem
from mingzhang.transparency.merkle import EMPTY_ROOT, check_consistency
from mingzhang.transparency.notes import (
    NOTE_MAX_BYTES,
    Checkpoint,
    Note,
    Signer,
    Verifier,
    parse_checkpoint,
    parse_note,
    verified,
)

PROOF_MAX: Final = 63
BODY_MAX_BYTES: Final = NOTE_MAX_BYTES + PROOF_MAX * 48 + 64


class Seen(msgspec.Struct, frozen=True):
    """The last state of one log that was signed. ``root`` in hex."""

    size: int
    root: str


class Told(NamedTuple):
    """What the witness answers: HTTP status, body, media type."""

    status: int
    body: str
    media_type: str = "text/plain; charset=utf-8"


class Memory:
    """What was signed, by origin, in one small file that is replaced whole and synced before anything is answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Seen] = {}
        if path.exists():
            self._seen = msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])

    def read(self, origin: str) -> Seen:
        """The last state of a log; an empty tree when none was signed."""
        return self._seen.get(origin, Seen(0, EMPTY_ROOT.hex()))

    def write(self, origin: str, seen: Seen) -> None:
        """Keep it, durably."""
        after = {**self._seen, origin: seen}
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(after)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._seen = after


class _Asked(NamedTuple):
    old: int
    proof: tuple[bytes, ...]
    note: Note
    state: Checkpoint


def _parse(body: bytes) -> _Asked | None:
    """``old SIZE``, the proof's hashes one a line, a blank line, the checkpoint; None: malformed."""
    try:
        head, blank, note = body.decode().partition("\n\n")
        first, *hashes = head.split("\n")
        proof = tuple(base64.b64decode(line, validate=True) for line in hashes)
        size = first.removeprefix("old ")
        parsed = parse_note(note)
        state = parse_checkpoint(parsed.text)
    except (UnicodeDecodeError, binascii.Error, ValueError, Problem):
        return None
    plain = first.startswith("old ") and size.isascii() and size.isdecimal() and size == str(int(size))
    if not blank or not plain or len(proof) > PROOF_MAX or any(len(value) != 32 for value in proof):
        return None
    return _Asked(int(size), proof, parsed, state)


class Witness:
    """Answers ``add-checkpoint`` for the logs whose keys it knows."""

    def __init__(self, signer: Signer, logs: Sequence[Verifier], memory: Memory) -> None:
        self._signer = signer
        self._logs = {log.name: log for log in logs}
        self._memory = memory

    def add_checkpoint(self, body: bytes, second: int) -> Told:
        """Sign the state at a second of Unix time, or say why not; in the order of the protocol's refusals."""
        asked = _parse(body) if len(body) <= BODY_MAX_BYTES else None
        if asked is None:
            return Told(400, "malformed request\n")
        log = self._logs.get(asked.state.origin)
        if log is None:
            return Told(404, "unknown log\n")
        if not verified(asked.note, log):
            return Told(403, "not signed by the log's key\n")
        if asked.old > asked.state.size:
            return Told(400, "the old size is beyond the new one\n")
        seen = self._memory.read(log.name)
        if asked.old != seen.size:
            return Told(409, f"{seen.size}\n", "text/x.tlog.size")
        root = bytes.fromhex(seen.root)
        if seen.size == asked.state.size and asked.state.root != root:
            return Told(409, f"{seen.size}\n", "text/x.tlog.size")  # two histories: this one is never signed
        if not check_consistency(seen.size, asked.state.size, asked.proof, root, asked.state.root):
            return Told(422, "the proof does not lead from what was signed before\n")
        self._memory.write(log.name, Seen(asked.state.size, asked.state.root.hex()))
        return Told(200, self._signer.cosign(asked.note.text, second).line() + "\n")
