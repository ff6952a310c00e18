"""Yuan on the wire, integer fen inside."""

from __future__ import annotations

import re

_YUAN = re.compile(r"(\d{1,11})(?:\.(\d{1,2}))?")


def fen(text: object) -> int | None:
    """Fen of a yuan amount such as ``30``, ``9.9`` or ``98.50``; None when it is not one."""
    found = _YUAN.fullmatch(str(text).strip())
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def yuan(amount_fen: int) -> str:
    """``9850`` → ``98.50``; negative amounts keep their sign."""
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"
