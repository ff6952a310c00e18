"""卡速售's signatures: SHA-1 over time, sorted JSON and key; of a callback with slashes escaped, without cards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

CALLBACK_UNSIGNED = frozenset({"sign", "card_list", "express_list"})


def sha1_of(time_ms: str, text: str, key: str) -> str:
    """Lower-case hex."""
    return hashlib.sha1(f"{time_ms}{text}{key}".encode(), usedforsecurity=False).hexdigest()


def request_sign(time_ms: str, body: Mapping[str, object], key: str) -> str:
    """A request's ``Sign`` header: top level sorted, unicode and slashes as they are."""
    text = json.dumps({name: body[name] for name in sorted(body)}, ensure_ascii=False, separators=(",", ":"))
    return sha1_of(time_ms, text, key)


def callback_sign(fields: Mapping[str, str], key: str) -> str:
    """A callback's ``sign``: PHP's json_encode with flag 256 escapes slashes."""
    bare = {name: fields[name] for name in sorted(fields) if name not in CALLBACK_UNSIGNED}
    text = json.dumps(bare, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    return sha1_of(fields["time"], text, key)
