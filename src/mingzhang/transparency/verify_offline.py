#!/usr/bin/env python3
"""Check a Mingzhang receipt without the shop, without the network, without any other program.

    python3 verify_offline.py receipt.json
    python3 verify_offline.py receipt.json --key 'shop.example/log+0a1b2c3d+AQ…'

Only Python's own library is used. What is checked: the statement belongs to its entry (SHA-256), the entry stands in
the log (RFC 6962 inclusion proof), the log's signature (Ed25519, RFC 8032) and every witness's cosignature hold, and
no byte of the file is anything but what they cover. --key and --witness pin keys that you know from elsewhere; without
--key the signature is held against the key inside the receipt, and the key is printed for you to compare.
Ends with 0 when all of it holds, 1 when not (the reason is printed), 2 when the file cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

BYTES_MAX = 4 * 1024 * 1024
FIELDS = {
    "format", "statement", "entry", "position", "index", "proof", "checkpoint", "log_key", "witness_keys",
}  # fmt: skip
PLACES = {
    "channel": "at the payment channel",
    "hold": "held for a dispute",
    "transit.settlement": "settling",
    "custody": "in custody",
    "supplier.reserved": "with the supplier, not yet final",
    "supplier.settled": "spent on this order",
    "refunding": "refund in progress",
    "refund.transit": "refund in progress",
    "refund.arrived": "refunded by the channel",
    "refund.chargeback": "charged back by the payer's bank",
    "missing": "under investigation",
}


class Refused(Exception):  # noqa: N818 - the command prints this word
    """Why a receipt does not hold."""


# ---------------------------------------------------------------------------------------- Ed25519 (RFC 8032)
if TYPE_CHECKING:
    Point = tuple[int, int, int, int]
    Key = tuple[str, bytes, bytes]
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def _recover_x(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = _recover_x(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def _add(a: Point, b: Point) -> Point:
    first, second = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    third, fourth = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = second - first, fourth - third, fourth + third, second + first
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _point(data: bytes) -> Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def ed25519_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes is that of the key's holder over the message."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, nonce = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if public is None or nonce is None or scalar >= Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    left, right = _times(scalar, BASE), _add(nonce, _times(challenge, public))
    return (
        not (left[0] * right[2] - right[0] * left[2]) % P
        and not (left[1] * right[2] - right[1] * left[2]) % P
    )


# ------------------------------------------------------------------------------------------- the log (RFC 6962)
def root_of(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that a leaf hash and its proof lead to."""
    place, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refused("the proof is longer than the tree is high")
        if place & 1 or place == last:
            value = hashlib.sha256(b"\x01" + sibling + value).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise Refused("the proof is shorter than the tree is high")
    return value


# ------------------------------------------------------------------------------------- signed notes (C2SP)
def _base64(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(what + " is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Refused(what + " is not written in the one way that base64 has for it")
    return raw


def read_key(text: str, kind: int) -> Key:
    """Name, hash and 32 bytes of ``name+hash+base64``; kind 1 signs a log, 4 is a witness."""
    name, _, rest = text.partition("+")
    told, _, encoded = rest.partition("+")
    raw = _base64(encoded, "a key")
    if not name or len(raw) != 33 or raw[0] != kind:
        raise Refused("a key is malformed or of another kind")
    digest = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if digest.hex() != told:
        raise Refused("a key's hash does not belong to it")
    return name, digest, raw[1:]


def check_note(note: str, log_key: Key, witness_keys: list[Key]) -> tuple[int, bytes]:
    """Size and root of a checkpoint whose every signature line is by a key given, and holds."""
    text, blank, below = note.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise Refused("the checkpoint carries no signatures")
    text += "\n"
    wanted = {key[:2]: ("log", key) for key in [log_key]}
    wanted.update({key[:2]: ("witness", key) for key in witness_keys})
    seen = []
    for line in below[:-1].split("\n"):
        head, _, encoded = line.rpartition(" ")
        if not head.startswith("\u2014 "):
            raise Refused("a signature line is malformed")
        raw = _base64(encoded, "a signature")
        if (head[2:], raw[:4]) not in wanted or (head[2:], raw[:4]) in seen:
            raise Refused("a signature is by a key that the receipt does not name, or stands twice")
        role, key = wanted[head[2:], raw[:4]]
        seen.append((head[2:], raw[:4]))
        message, signature = text.encode(), raw[4:]
        if role == "witness":
            if len(signature) != 72:
                raise Refused("a cosignature has another length")
            second = int.from_bytes(signature[:8], "big")
            message = f"cosignature/v1\ntime {second}\n".encode() + message
            signature = signature[8:]
        if not ed25519_holds(key[2], message, signature):
            raise Refused("the signature of " + head[2:] + " does not hold")
    if set(seen) != set(wanted):
        raise Refused("a key that the receipt names did not sign")
    lines = text[:-1].split("\n")
    if len(lines) != 3 or lines[0] != log_key[0]:
        raise Refused("the checkpoint is of another log, or malformed")
    root = _base64(lines[2], "the root")
    if not lines[1].isascii() or not lines[1].isdigit() or str(int(lines[1])) != lines[1] or len(root) != 32:
        raise Refused("the checkpoint's size or root is malformed")
    return int(lines[1]), root


# --------------------------------------------------------------------------------------------- the receipt
def canonical(value: Any) -> bytes:
    """RFC 8785, for text, whole numbers, lists and objects."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _one_meaning(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("a field stands twice")
    return found


def _no_float(text: str) -> NoReturn:
    raise Refused("a number that is not whole: " + text[:20])


def _hex(text: str) -> bytes:
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise Refused("a hash of the entry is malformed")
    return bytes.fromhex(text)


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise Refused(what + " is not a whole number")
    return value


def parse(raw: bytes) -> dict[str, Any]:
    """The fields of a receipt. Raises Refused unless the bytes are its one canonical form."""
    try:
        body = json.loads(
            raw.decode(), object_pairs_hook=_one_meaning, parse_float=_no_float, parse_constant=_no_float
        )
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(body, dict) or set(body) != FIELDS or body["format"] != "mingzhang-receipt/v1":
        raise Refused("not a receipt of a form that this program knows")
    try:
        same = canonical(body) == raw.rstrip(b"\n")
    except (UnicodeEncodeError, ValueError):
        same = False
    if not same:
        raise Refused("not in canonical form: something was changed or added")
    for name in ("entry", "proof", "witness_keys"):
        if not isinstance(body[name], list) or not all(isinstance(part, str) for part in body[name]):
            raise Refused("a list is malformed")
    if not isinstance(body["statement"], dict) or not all(
        isinstance(body[k], str) for k in ("checkpoint", "log_key")
    ):
        raise Refused("a field is malformed")
    return body


def check(
    raw: bytes, pinned: str | None = None, witnesses: list[str] | None = None
) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """What a receipt proves: statement, size of the log, names of witnesses. Raises Refused with the reason."""
    body = parse(raw)
    if pinned is not None and body["log_key"] != pinned:
        raise Refused("signed under another key than the one you gave")
    for witness in witnesses or []:
        if witness not in body["witness_keys"]:
            raise Refused("not cosigned by a witness that you asked for")
    log_key = read_key(body["log_key"], 1)
    size, root = check_note(body["checkpoint"], log_key, [read_key(key, 4) for key in body["witness_keys"]])
    hashes = [_hex(text) for text in body["entry"]]
    position, index = _whole(body["position"], "the position"), _whole(body["index"], "the index")
    if position >= len(hashes) or hashlib.sha256(canonical(body["statement"])).digest() != hashes[position]:
        raise Refused("the statement is not the one that was logged")
    if index >= size:
        raise Refused("the log of that size has no such entry")
    leaf = hashlib.sha256(b"\x00" + b"".join(hashes)).digest()
    proof = [_base64(text, "the proof") for text in body["proof"]]
    if any(len(part) != 32 for part in proof):
        raise Refused("the proof is malformed")
    if root_of(leaf, index, size, proof) != root:
        raise Refused("the entry does not stand in the log that was signed")
    return body["statement"], size, body


def told(statement: dict[str, Any]) -> list[str]:
    """The statement in a sentence for each part of the money."""
    lines = [
        f"Order {statement['subject']}, change {statement['seq']} ({', '.join(statement['events'])}) at {statement['at']}"
    ]
    for place, party, fen in statement["money"]:
        yuan = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
        lines.append(f"  \u00a5{yuan}  {PLACES.get(place, place)}" + (f" ({party})" if party else ""))
    return lines


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Check a receipt offline.")
    parser.add_argument("file")
    parser.add_argument("--key", help="the log's key, known from elsewhere")
    parser.add_argument(
        "--witness", action="append", default=[], help="a witness's key that must have cosigned"
    )
    given = parser.parse_args(arguments)
    try:
        with Path(given.file).open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        print(f"Cannot read {given.file}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        if len(raw) > BYTES_MAX:
            raise Refused("longer than a receipt is")
        statement, size, body = check(raw, given.key, given.witness)
    except Refused as refusal:
        print(f"REFUSED: {refusal}")
        return 1
    print(f"GENUINE: in the log of {body['log_key'].split('+')[0]}, entry {body['index']} of {size}")
    for line in told(statement):
        print(line)
    print(
        "Log key: "
        + body["log_key"]
        + ("" if given.key else "  (compare it with the one the shop published)")
    )
    for witness in body["witness_keys"]:
        print("Cosigned by: " + witness)
    if not body["witness_keys"]:
        print("Cosigned by nobody: the shop alone vouches that it shows everybody the same log.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
