"""The aggregator's MD5 signature: sorted pairs without blanks, ``sign`` and ``sign_type``, then the key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote_plus


def sign(fields: Mapping[str, str], key: str, *, encoded: bool = False) -> str:
    """Lower-case hex. ``encoded``: as the clones do that sign the URL-encoded values (PHP's urlencode)."""
    pairs = []
    for name in sorted(fields):
        value = fields[name]
        if value == "" or name in ("sign", "sign_type"):
            continue
        pairs.append(f"{name}={quote_plus(value, safe='').replace('~', '%7E') if encoded else value}")
    return hashlib.md5(("&".join(pairs) + key).encode(), usedforsecurity=False).hexdigest()


def verifies(fields: Mapping[str, str], key: str, *, encoded: bool = False) -> bool:
    """Whether the fields carry this key's signature."""
    return bool(fields.get("sign")) and fields["sign"] == sign(fields, key, encoded=encoded)
