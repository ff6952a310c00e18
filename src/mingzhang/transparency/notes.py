"""Signed notes: checkpoints, and the cosignatures of witnesses (C2SP signed-note, tlog-checkpoint, -cosignature).

A key is told as ``name+hash+base64``; a signature line as ``— name base64(key hash, signature)``. Ed25519 alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mingzhang.kit.errors import Kind, Problem

SIGNED: Final = b"\x01"  # Ed25519 over the note's text
COSIGNED: Final = b"\x04"  # Ed25519 over the text and the second at which the witness saw it
KEY_BYTES: Final = 32
NOTE_MAX_BYTES: Final = 64 * 1024
SIGNATURES_MAX: Final = 64
_DASH: Final = "— "


def _refused(why: str) -> Problem:
    return Problem("note_invalid", Kind.INVALID, why)


class Verifier(msgspec.Struct, frozen=True):
    """Who signs under a name, and by which key. ``kind``: `SIGNED` or `COSIGNED`."""

    name: str
    key: bytes
    kind: bytes = SIGNED

    @property
    def hash(self) -> bytes:
        """The four bytes by which signature lines name the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.key).digest()[:4]

    def text(self) -> str:
        """As it is given to others."""
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(self.kind + self.key).decode()}"


def parse_verifier(text: str) -> Verifier:
    """From ``name+hash+base64``. Raises Problem `note_invalid` when parts are missing or the hash is another key's."""
    name, _, rest = text.strip().partition("+")
    told, _, encoded = rest.partition("+")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("the key is not base64") from error
    if not valid_name(name) or len(key) != KEY_BYTES + 1 or key[:1] not in {SIGNED, COSIGNED}:
        raise _refused("not a key of a kind that is known here")
    verifier = Verifier(name, key[1:], key[:1])
    if verifier.hash.hex() != told:
        raise _refused("the key's hash does not belong to the key")
    return verifier


def valid_name(name: str) -> bool:
    """No blanks and no plus sign, which the forms above use."""
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


class Signature(msgspec.Struct, frozen=True):
    """One line below a note."""

    name: str
    key_hash: bytes
    value: bytes

    def line(self) -> str:
        """As it stands below the note, without the line's end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_hash + self.value).decode()}"


class Note(msgspec.Struct, frozen=True):
    """``text`` ends with a newline; the blank line before the signatures is not part of it."""

    text: str
    signatures: tuple[Signature, ...]

    def whole(self) -> str:
        """Text, blank line, signatures."""
        return self.text + "\n" + "".join(signature.line() + "\n" for signature in self.signatures)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("a signature is not base64") from error
    if not line.startswith(_DASH) or not valid_name(name) or len(raw) < 5:
        raise _refused("a signature line is malformed")
    return Signature(name, raw[:4], raw[4:])


def parse_note(whole: str) -> Note:
    """Split a note from its signatures, none of which is checked here. Raises Problem `note_invalid`."""
    if len(whole.encode()) > NOTE_MAX_BYTES:
        raise _refused("longer than a note may be")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in whole):
        raise _refused("a note ends with a blank line and signatures")
    lines = signatures[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise _refused("more signatures than a note may have")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def _check(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def cosigned_message(text: str, second: int) -> bytes:
    """What a witness signs: that at this second it saw no other beginning of this log."""
    return f"cosignature/v1\ntime {second}\n{text}".encode()


def verified(note: Note, verifier: Verifier) -> bool:
    """Whether this key signed the note. A line under its name and hash that does not hold makes the note invalid."""
    found = False
    for signature in note.signatures:
        if signature.name != verifier.name or signature.key_hash != verifier.hash:
            continue
        if verifier.kind == SIGNED:
            good = _check(verifier.key, signature.value, note.text.encode())
        else:
            good = cosigned_at(note.text, signature, verifier) is not None
        if not good:
            return False
        found = True
    return found


def cosigned_at(text: str, signature: Signature, verifier: Verifier) -> int | None:
    """The second (Unix) at which the witness cosigned; None: the line does not hold."""
    if len(signature.value) != 72:
        return None
    second = int.from_bytes(signature.value[:8])
    return second if _check(verifier.key, signature.value[8:], cosigned_message(text, second)) else None


class Signer(msgspec.Struct, frozen=True):
    """A name with its private key (32 bytes of seed). Never printed."""

    name: str
    seed: bytes
    kind: bytes = SIGNED

    def __repr__(self) -> str:
        return f"Signer({self.name!r}, key hidden)"

    @property
    def verifier(self) -> Verifier:
        """What others need to check it."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return Verifier(self.name, public.public_bytes_raw(), self.kind)

    def sign(self, text: str) -> Signature:
        """Over the note's text (kind `SIGNED`)."""
        value = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return Signature(self.name, self.verifier.hash, value)

    def cosign(self, text: str, second: int) -> Signature:
        """As a witness, at a second of Unix time (kind `COSIGNED`)."""
        value = Ed25519PrivateKey.from_private_bytes(self.seed).sign(cosigned_message(text, second))
        return Signature(self.name, self.verifier.hash, second.to_bytes(8) + value)


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log: how many entries, and the root over them. ``extensions``: further lines, rarely any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note's text."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """From a note's text. Raises Problem `note_invalid`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0]:
        raise _refused("a checkpoint has at least three lines")
    origin, size, encoded, *extensions = lines[:-1]
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("the root is not base64") from error
    if not size.isascii() or not size.isdecimal() or size != str(int(size)) or len(root) != 32:
        raise _refused("the size or the root is malformed")
    if any(not line for line in extensions):
        raise _refused("an extension line is empty")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer, others: Iterable[Signature] = ()) -> Note:
    """The checkpoint under the log's own key first, then under those of witnesses."""
    text = checkpoint.text()
    return Note(text, (signer.sign(text), *others))
