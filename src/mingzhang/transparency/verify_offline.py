#!/usr/bin/env python3
"""Check a Mingzhang receipt, proof of what is owed, or evidence pack: no shop, no network, no other program needed.

    python3 verify_offline.py receipt.json
    python3 verify_offline.py pack.zip --key 'shop.example/log+0a1b2c3d+AQ…'

Only Python's own library is used. Of a receipt is checked: the statement belongs to its entry (SHA-256), the entry
stands in the log (RFC 6962 inclusion proof), the log's signature (Ed25519, RFC 8032) and every witness's cosignature
hold, and no byte of the file is anything but what they cover. A receipt may also be given as the text of its QR code.
Of a pack: the manifest is signed, every part is the one that the manifest names (SHA-256), every receipt in it holds,
and the file has no byte more. Timestamps (RFC 3161) are held against what they stamp; their own signatures are checked
by `openssl ts`, where it is installed, and else are said to be unchecked.
Of a proof of what is owed: the amount counts in the day's published total (Merkle sum tree, both sums hashed, none
negative), and that total's statement stands in the log.
--key, --witness and --tsa pin keys that you know from elsewhere; without --key the signature is held against the key
inside the file, and the key is printed for you to compare.
Ends with 0 when all of it holds, 1 when not (the reason is printed), 2 when the file cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

BYTES_MAX = 32 * 1024 * 1024
PARTS_MAX = 2_000
FIELDS = {
    "format", "statement", "entry", "position", "index", "proof", "checkpoint", "log_key", "witness_keys",
}  # fmt: skip
MANIFEST_FIELDS = {
    "format", "edition", "order", "shop", "made_at", "parts", "collected", "health", "log_key",
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
    if len(wanted) != 1 + len(
        witness_keys
    ):  # 32 bits of hash can be searched for: one could stand in for another
        raise Refused("two keys of the receipt have one name and hash")
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


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode(), object_pairs_hook=_one_meaning, parse_float=_no_float, parse_constant=_no_float
        )
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused("not JSON") from None


def _same(body: Any, raw: bytes) -> None:
    """That the bytes are the one canonical form of what they say."""
    try:
        same = canonical(body) == raw
    except (UnicodeEncodeError, ValueError, RecursionError):
        same = False
    if not same:
        raise Refused("not in canonical form: something was changed or added")


def parse(raw: bytes) -> dict[str, Any]:
    """The fields of a receipt. Raises Refused unless the bytes are its one canonical form."""
    body = _loads(raw)
    if not isinstance(body, dict) or body.get("format") != "mingzhang-receipt/v1":
        raise Refused("not a receipt of a form that this program knows")
    if set(body) not in (FIELDS, FIELDS | {"timestamps", "seal"}):
        raise Refused("not a receipt of a form that this program knows")
    _same(body, raw.rstrip(b"\n"))
    for name in ("entry", "proof", "witness_keys"):
        if not isinstance(body[name], list) or not all(isinstance(part, str) for part in body[name]):
            raise Refused("a list is malformed")
    if not isinstance(body["statement"], dict) or not all(
        isinstance(body[k], str) for k in ("checkpoint", "log_key")
    ):
        raise Refused("a field is malformed")
    return body


def check(
    raw: bytes,
    pinned: str | None = None,
    witnesses: list[str] | None = None,
    seen: dict[tuple[str, ...], tuple[int, bytes]] | None = None,
) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """What a receipt proves: statement, size of the log, all fields. Raises Refused with the reason.

    ``seen``: checkpoints whose signatures were found to hold, so that several receipts of one check it once.
    """
    body = parse(raw)
    if pinned is not None and body["log_key"] != pinned:
        raise Refused("signed under another key than the one you gave")
    for witness in witnesses or []:
        if witness not in body["witness_keys"]:
            raise Refused("not cosigned by a witness that you asked for")
    signed, known = (body["checkpoint"], body["log_key"], *body["witness_keys"]), {} if seen is None else seen
    if signed not in known:
        keys = [read_key(key, 4) for key in body["witness_keys"]]
        known[signed] = check_note(body["checkpoint"], read_key(body["log_key"], 1), keys)
    size, root = known[signed]
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
    if not _statement_well(body["statement"]):
        raise Refused("the statement is of a form that this program does not know")
    _check_seal(body)
    return body["statement"], size, body


def _statement_well(statement: dict[str, Any]) -> bool:
    """Whether a statement has the fields that are told of it."""
    events, money = statement.get("events"), statement.get("money")
    return (
        all(type(statement.get(name)) is str for name in ("subject", "at", "evidence"))
        and type(statement.get("seq")) is int
        and isinstance(events, list)
        and all(type(event) is str for event in events)
        and isinstance(money, list)
        and all(isinstance(part, list) and [type(each) for each in part] == [str, str, int] for part in money)
    )


def note_text(body: dict[str, Any]) -> bytes:
    """What log, witnesses and timestamps sign of a receipt's checkpoint."""
    return str(body["checkpoint"].rpartition("\n\n")[0] + "\n").encode()


def from_qr(raw: bytes) -> bytes:
    """The receipt inside the text of its QR code; anything else as it is."""
    head, sep, packed = raw.strip().partition(b"#r=")
    if not sep or head[:4] != b"http" or len(raw) > 8_192:
        return raw
    try:
        data = base64.b64decode(packed + b"=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        body = zlib.decompressobj(-15).decompress(data, 65_536)
    except (binascii.Error, ValueError, zlib.error):
        raise Refused("the text of the QR code is not whole") from None
    return body


# ------------------------------------------------------------------------------------ timestamps (RFC 3161)
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
TIMESTAMP_INFO = bytes.fromhex("060b2a864886f70d0109100104")
SHA256 = bytes.fromhex("0609608648016503040201")


def _der(data: bytes, tag: int) -> list[bytes]:
    """The values inside one DER element of that tag, each with its own head; b"" stands for none."""
    at, end = _head(data, 0, tag)
    found = []
    while at < end:
        _, after = _head(data, at, data[at])
        found.append(data[at:after])
        at = after
    return found


def _head(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at that place begins and ends."""
    if at + 2 > len(data) or data[at] != tag:
        raise ValueError("another element")
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[at + 2 : begin], "big")
    if begin + size > len(data):
        raise ValueError("cut off")
    return begin, begin + size


def stamped_at(encoded: Any, text: bytes) -> datetime:
    """When a timestamp says that it saw this text. Its signature is not looked at. Raises Refused."""
    token = _base64(encoded, "a timestamp")
    try:
        kind, wrapped = _der(token, 0x30)
        signed = _der(_der(wrapped, 0xA0)[0], 0x30)
        info_kind, content = _der(signed[2], 0x30)
        start, end = _head(_der(content, 0xA0)[0], 0, 0x04)
        info = _der(_der(content, 0xA0)[0][start:end], 0x30)
        algorithm, imprint = _der(info[2], 0x30)
        time = info[4][slice(*_head(info[4], 0, 0x18))].decode("ascii")
        at = datetime.strptime(time[:14], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)  # noqa: UP017 - older Pythons
        whole = time[:14].isdigit() and time.endswith("Z")
        kinds = (kind, info_kind, _der(algorithm, 0x30)[0])
    except (ValueError, IndexError, RecursionError):
        raise Refused("a timestamp is malformed") from None
    if not whole or kinds != (SIGNED_DATA, TIMESTAMP_INFO, SHA256):
        raise Refused("a timestamp is of another kind")
    if imprint != b"\x04\x20" + hashlib.sha256(text).digest():
        raise Refused("a timestamp stamps something else")
    return at


def _stamps(body: dict[str, Any]) -> list[dict[str, str]]:
    stamps = body.get("timestamps", [])
    if not isinstance(stamps, list) or len(stamps) > 16:
        raise Refused("a list is malformed")
    for stamp in stamps:
        if not isinstance(stamp, dict) or set(stamp) != {"authority", "root", "token"}:
            raise Refused("a timestamp is malformed")
        if not all(isinstance(value, str) for value in stamp.values()):
            raise Refused("a timestamp is malformed")
    return stamps


def _check_seal(body: dict[str, Any]) -> None:
    """That timestamps are those which the log's key sealed, and stamp this checkpoint."""
    stamps = _stamps(body)
    if "seal" not in body:
        return
    for stamp in stamps:
        stamped_at(stamp["token"], note_text(body))
    if not isinstance(body["seal"], str) or not stamps:
        raise Refused("a field is malformed")
    text = f"mingzhang-timestamps/v1\n{hashlib.sha256(canonical(stamps)).hexdigest()}\n"
    key = read_key(body["log_key"], 1)[2]
    if not ed25519_holds(key, text.encode(), _base64(body["seal"], "the seal")):
        raise Refused("a timestamp was changed or added")


def openssl_holds(stamp: dict[str, str], text: bytes, root: str, openssl: str) -> bool:
    """Whether `openssl ts` finds the timestamp's signature good under that root certificate, at its own time."""
    second = int(stamped_at(stamp["token"], text).timestamp())
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("t", base64.b64decode(stamp["token"])), ("d", text), ("r", root.encode())):
            Path(folder, name).write_bytes(content)
        command = [openssl, "ts", "-verify", "-token_in", "-in", "t", "-data", "d", "-CAfile", "r"]
        command += ["-check_ss_sig", "-attime", str(second)]
        ended = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    return ended.returncode == 0


def check_stamps(body: dict[str, Any], root: str | None = None) -> list[str]:
    """A line for each timestamp of a receipt that was checked. Raises Refused for one whose signature does not hold."""
    openssl, lines = shutil.which("openssl"), []
    for stamp in _stamps(body):
        text = note_text(body)
        at = stamped_at(stamp["token"], text).strftime("%Y-%m-%d %H:%M:%S UTC")
        said = f"Timestamp of {stamp['authority']}: {at}"
        if openssl is None:
            lines.append(said + "  (its signature is UNCHECKED: openssl is not installed here)")
            continue
        if not openssl_holds(stamp, text, stamp["root"] if root is None else root, openssl):
            raise Refused("the timestamp of " + stamp["authority"] + " does not hold")
        digest = hashlib.sha256("".join(stamp["root"].split()).encode()).hexdigest()
        lines.append(said + ("" if root else f"  (root certificate {digest[:32]}: compare it)"))
    return lines


# ------------------------------------------------------------------------------------------- the pack (zip)
def pack_zip(files: list[tuple[str, bytes]]) -> bytes:
    """The one zip file that these parts make: nothing packed, no times, no notes, so that every byte is known."""
    body, central = bytearray(), bytearray()
    for name, data in files:
        crc, raw = zlib.crc32(data), name.encode("ascii")
        shared = struct.pack("<HHHHIIIHH", 0, 0, 0, 0x21, crc, len(data), len(data), len(raw), 0)
        central += b"PK\x01\x02" + struct.pack("<HH", 20, 20) + shared
        central += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + raw
        body += b"PK\x03\x04" + struct.pack("<H", 20) + shared + raw + data
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(central), len(body), 0)
    return bytes(body + central) + b"PK\x05\x06" + end


def unpack_zip(raw: bytes) -> dict[str, bytes]:
    """The parts of a pack. Raises Refused unless the file is exactly what `pack_zip` makes of them."""
    files: dict[str, bytes] = {}
    at = 0
    while raw[at : at + 4] == b"PK\x03\x04" and len(files) <= PARTS_MAX:
        if len(raw) < at + 30:
            raise Refused("the pack is cut off")
        size, length = struct.unpack("<IH", raw[at + 22 : at + 28])
        name = raw[at + 30 : at + 30 + length].decode("ascii", "replace")
        if name in files:
            raise Refused("a part stands twice")
        files[name] = raw[at + 30 + length : at + 30 + length + size]
        at += 30 + length + size
    if not files:
        raise Refused("not a pack")
    return files


def check_pack(
    raw: bytes, pinned: str | None = None, witnesses: list[str] | None = None
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any] | None]:
    """The manifest, the receipts inside, and the receipt of the manifest itself, if there is one. Raises Refused."""
    files = unpack_zip(raw)
    manifest = _manifest(files, pinned)
    listed = {"manifest.json", "manifest.note"}
    for part in manifest["parts"]:
        name, data = part["name"], files.get(part["name"])
        if data is None:
            raise Refused("a part is missing: " + name)
        if len(data) != part["bytes"] or hashlib.sha256(data).hexdigest() != part["sha256"]:
            raise Refused("a part is not the one that the manifest names: " + name)
        listed.add(name)
    seen: dict[tuple[str, ...], tuple[int, bytes]] = {}
    receipts = []
    for name in sorted(files):
        if name.startswith("receipts/"):
            statement, _, body = check(files[name], manifest["log_key"], witnesses, seen)
            if statement["subject"] != manifest["order"]:
                raise Refused("a receipt is another order's: " + name)
            receipts.append(body)
    if witnesses and not receipts:
        raise Refused("no receipt in it is cosigned by a witness that you asked for")
    own = None
    if "manifest-receipt.json" in files:
        listed.add("manifest-receipt.json")
        statement, _, own = check(files["manifest-receipt.json"], manifest["log_key"], None, seen)
        digest = hashlib.sha256(files["manifest.json"]).hexdigest()
        if statement["evidence"] != digest or statement["events"] != ["pack_made"]:
            raise Refused("the manifest's receipt is another manifest's")
    if set(files) != listed:
        raise Refused("a part that the manifest does not name: " + sorted(set(files) - listed)[0])
    if pack_zip(list(files.items())) != raw:
        raise Refused("not in the one form that a pack has: something was changed or added")
    return manifest, receipts, own


def _manifest(files: dict[str, bytes], pinned: str | None) -> dict[str, Any]:
    """The manifest, once its signature holds."""
    raw, note = files.get("manifest.json"), files.get("manifest.note")
    if raw is None or note is None:
        raise Refused("the manifest or its signature is missing")
    body = _loads(raw)
    if not isinstance(body, dict) or set(body) != MANIFEST_FIELDS or body["format"] != "mingzhang-pack/v1":
        raise Refused("not a manifest of a form that this program knows")
    _same(body, raw)
    if not isinstance(body["log_key"], str) or not isinstance(body["order"], str):
        raise Refused("a field is malformed")
    if pinned is not None and body["log_key"] != pinned:
        raise Refused("signed under another key than the one you gave")
    key = read_key(body["log_key"], 1)
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    text = f"mingzhang-pack/v1\n{body['order']}\n{digest}\n"
    head = text + "\n\u2014 " + key[0] + " "
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise Refused("the manifest's signature is malformed") from None
    if not whole.startswith(head) or not whole.endswith("\n"):
        raise Refused("the manifest is not the one that was signed")
    signature = _base64(whole[len(head) : -1], "a signature")
    if signature[:4] != key[1] or not ed25519_holds(key[2], text.encode(), signature[4:]):
        raise Refused("the manifest's signature does not hold")
    names = [part["name"] for part in body["parts"]] if _parts_well(body["parts"]) else []
    if not names or names != sorted(set(names)):
        raise Refused("the manifest's list is malformed")
    return body


def _parts_well(parts: Any) -> bool:
    fields = {"name": str, "bytes": int, "sha256": str, "about": str}
    return isinstance(parts, list) and all(
        isinstance(part, dict) and {name: type(value) for name, value in part.items()} == fields
        for part in parts
    )


# ------------------------------------------------------------------------- what is owed (Merkle sum tree)
OWED_FIELDS = {"format", "subject", "amount_fen", "salt", "index", "path", "statement", "receipt"}


def check_liability(
    raw: bytes, pinned: str | None = None, witnesses: list[str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The proof's fields and its receipt's, once the amount is shown to count in the day's total. Raises Refused."""
    body = _loads(raw)
    if not isinstance(body, dict) or set(body) != OWED_FIELDS or body["format"] != "mingzhang-liability/v1":
        raise Refused("not a proof of a form that this program knows")
    _same(body, raw.rstrip(b"\n"))
    statement, path = body["statement"], body["path"]
    if not isinstance(statement, dict) or not isinstance(path, list) or not isinstance(body["subject"], str):
        raise Refused("a field is malformed")
    told, _, receipt = check(canonical(body["receipt"]), pinned, witnesses)
    day = statement.get("day")
    if not isinstance(day, str) or told["subject"] != "OWED-" + day.replace("-", ""):
        raise Refused("the receipt is of another day's statement")
    if told["events"] != ["liabilities_published"]:
        raise Refused("the receipt is of something else")
    if told["evidence"] != hashlib.sha256(canonical(statement)).hexdigest():
        raise Refused("the day's statement is not the one that was logged")
    place, size = _whole(body["index"], "the index"), _whole(statement.get("leaves"), "the number of leaves")
    if place >= size:
        raise Refused("a tree of that size has no such leaf")
    fen, salt = _whole(body["amount_fen"], "the amount"), body["salt"]
    if not isinstance(salt, str) or len(salt) != 32 or set(salt) - set("0123456789abcdef"):
        raise Refused("the salt is malformed")
    commitment = hashlib.sha256(b"\x02" + bytes.fromhex(salt) + body["subject"].encode()).digest()
    value, rest = hashlib.sha256(b"\x00" + fen.to_bytes(8, "big") + commitment).digest(), list(path)
    while size > 1:
        if place ^ 1 < size:
            value, fen = _joined(value, fen, rest.pop(0) if rest else None, left=bool(place & 1))
        place, size = place // 2, (size + 1) // 2
    if rest:
        raise Refused("the path is longer than the tree is high")
    if (value.hex(), fen) != (statement.get("root"), statement.get("total_fen")):
        raise Refused("the amount does not count in the total that was published")
    return body, receipt


def _joined(value: bytes, fen: int, sibling: Any, *, left: bool) -> tuple[bytes, int]:
    """The node above: both sums are hashed, each by itself, and none is negative. ``left``: the sibling stands there."""
    if not isinstance(sibling, list) or len(sibling) != 2 or not isinstance(sibling[0], str):
        raise Refused("the path is shorter than the tree is high, or malformed")
    other, sum_ = _hex(sibling[0]), _whole(sibling[1], "a sum")
    if fen + sum_ >= 2**53:
        raise Refused("a sum is larger than money is")
    pairs = [(other, sum_), (value, fen)] if left else [(value, fen), (other, sum_)]
    sums = b"".join(each.to_bytes(8, "big") for _, each in pairs)
    return hashlib.sha256(b"\x01" + sums + pairs[0][0] + pairs[1][0]).digest(), fen + sum_


# ------------------------------------------------------------------------------------------------ the command


def told(statement: dict[str, Any]) -> list[str]:
    """The statement in a sentence for each part of the money."""
    what = "Statement" if statement["subject"].startswith(("PACK-", "PAPER-", "OWED-")) else "Order"
    lines = [
        f"{what} {statement['subject']}, change {statement['seq']} ({', '.join(statement['events'])}) at {statement['at']}"
    ]
    for place, party, fen in statement["money"]:
        yuan = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
        lines.append(f"  \u00a5{yuan}  {PLACES.get(place, place)}" + (f" ({party})" if party else ""))
    return lines


def _tell_receipt(raw: bytes, given: argparse.Namespace, tsa: str | None) -> list[str]:
    statement, size, body = check(raw, given.key, given.witness)
    lines = [f"GENUINE: in the log of {body['log_key'].split('+')[0]}, entry {body['index']} of {size}"]
    lines += told(statement) + check_stamps(body, tsa)
    return lines + _tell_keys(body["log_key"], body["witness_keys"], pinned=bool(given.key))


def _tell_liability(raw: bytes, given: argparse.Namespace, tsa: str | None) -> list[str]:
    body, receipt = check_liability(raw, given.key, given.witness)
    day, total, fen = body["statement"]["day"], body["statement"]["total_fen"], body["amount_fen"]
    lines = [
        f"GENUINE: at the end of {day} {fen} fen were owed on {body['subject']}",
        f"  counted in the total of {total} fen over {body['statement']['leaves']} claims, which stands in the log",
    ]
    return (
        lines
        + check_stamps(receipt, tsa)
        + _tell_keys(receipt["log_key"], receipt["witness_keys"], pinned=bool(given.key))
    )


def _tell_file(raw: bytes, given: argparse.Namespace, tsa: str | None) -> list[str]:
    if raw[:2] == b"PK":
        return _tell_pack(raw, given, tsa)
    if b'"format":"mingzhang-liability/v1"' in raw:
        return _tell_liability(raw, given, tsa)
    return _tell_receipt(from_qr(raw), given, tsa)


def _tell_pack(raw: bytes, given: argparse.Namespace, tsa: str | None) -> list[str]:
    manifest, receipts, own = check_pack(raw, given.key, given.witness)
    lines = [
        f"GENUINE: evidence pack of order {manifest['order']}, {manifest['edition']} edition, made at {manifest['made_at']}",
        f"  {len(manifest['parts'])} parts are the ones that the signed manifest names",
        f"  {len(receipts)} changes of the order stand in the log of {manifest['log_key'].split('+')[0]}",
    ]
    lines.append(
        "  the manifest itself stands in the log"
        if own
        else "  the manifest itself is signed; that it stands in the log is not shown here"
    )
    stamps = [line for body in [*receipts, *([own] if own else [])] for line in check_stamps(body, tsa)]
    lines += sorted(set(stamps)) or ["No timestamp of a third party is in it."]
    keys = sorted({key for body in receipts for key in body["witness_keys"]})
    return lines + _tell_keys(manifest["log_key"], keys, pinned=bool(given.key))


def _tell_keys(log_key: str, witnesses: list[str], *, pinned: bool) -> list[str]:
    lines = ["Log key: " + log_key + ("" if pinned else "  (compare it with the one the shop published)")]
    lines += ["Cosigned by: " + witness for witness in witnesses]
    if not witnesses:
        lines.append("Cosigned by nobody: the shop alone vouches that it shows everybody the same log.")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Check a receipt or an evidence pack offline.")
    parser.add_argument("file")
    parser.add_argument("--key", help="the log's key, known from elsewhere")
    parser.add_argument(
        "--witness", action="append", default=[], help="a witness's key that must have cosigned"
    )
    parser.add_argument("--tsa", help="file with the timestamp authority's root certificate (PEM)")
    given = parser.parse_args(arguments)
    try:
        tsa = Path(given.tsa).read_text(encoding="ascii") if given.tsa else None
        with Path(given.file).open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        print(f"Cannot read {given.tsa or ''} {given.file}: {error}", file=sys.stderr)
        return 2
    try:
        if len(raw) > BYTES_MAX:
            raise Refused("longer than a pack is")
        lines = _tell_file(raw, given, tsa)
    except Refused as refusal:
        print(f"REFUSED: {refusal}")
        return 1
    for line in lines:  # whoever signed it must not move the cursor over what is said about it
        print("".join(char if char.isprintable() else "?" for char in line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
