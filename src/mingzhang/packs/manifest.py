"""The manifest: every part of a pack with its SHA-256 as canonical JSON (RFC 8785), signed by the log's key.

The signature is a signed note of three lines (form, order, hash of the manifest); its first line is no log's name, so it
is never taken for a checkpoint. `transparency/verify_offline.py` checks all of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Final

from mingzhang.kit.errors import Kind, Problem
from mingzhang.packs.model import BYTES_MAX, PARTS_MAX, Head, Part
from mingzhang.transparency.entry import canonical
from mingzhang.transparency.notes import Note, Signer
from mingzhang.transparency.verify_offline import pack_zip

FORMAT: Final = "mingzhang-pack/v1"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
RESERVED: Final = frozenset({"manifest.json", "manifest.note", "manifest-receipt.json"})


def make_manifest(head: Head, parts: Sequence[Part]) -> bytes:
    """The manifest of these parts. Raises Problem `pack_too_large`; ValueError for names that cannot be."""
    names = [part.name for part in parts]
    if len(set(names)) != len(names) or RESERVED & set(names) or not all(map(NAME.fullmatch, names)):
        raise ValueError("a part's name is taken, or none that can be unpacked anywhere")
    if len(parts) > PARTS_MAX or sum(len(part.data) for part in parts) > BYTES_MAX:
        raise Problem("pack_too_large", Kind.CONFLICT)
    return canonical(
        {
            "format": FORMAT,
            "edition": head.edition.value,
            "order": head.order_id,
            "shop": head.shop,
            "made_at": head.made_at,
            "parts": [
                {
                    "name": part.name,
                    "bytes": len(part.data),
                    "sha256": hashlib.sha256(part.data).hexdigest(),
                    "about": part.about,
                }
                for part in sorted(parts, key=lambda part: part.name)
            ],
            "collected": head.collected,
            "health": head.health,
            "log_key": head.log_key,
        }
    )


def sign_manifest(manifest: bytes, order_id: str, signer: Signer) -> bytes:
    """The signed note over a manifest."""
    digest = base64.b64encode(hashlib.sha256(manifest).digest()).decode()
    text = f"{FORMAT}\n{order_id}\n{digest}\n"
    return Note(text, (signer.sign(text),)).whole().encode()


def bind(parts: Sequence[Part], manifest: bytes, note: bytes, receipt: bytes | None) -> bytes:
    """The zip. ``receipt``: that the manifest stands in the public record, where it does already."""
    files = [(part.name, part.data) for part in sorted(parts, key=lambda part: part.name)]
    files += [("manifest.json", manifest), ("manifest.note", note)]
    if receipt is not None:
        files.append(("manifest-receipt.json", receipt))
    return pack_zip(files)
