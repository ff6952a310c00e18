"""Raw messages in a pack: which of them an edition may see, and how personal data in them is masked.

A message that had to be masked is no longer the one whose hash the record cites: it is then marked so, beside the hash
of the original, which the shop keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from mingzhang.packs.masking import masked
from mingzhang.packs.model import Edition, Part
from mingzhang.transparency.entry import utc

EMPTY: Final = hashlib.sha256(b"").digest()
CHANNEL: Final = "channel"
SUPPLIER: Final = "supplier"
SHOP: Final = "shop"
BODY_MAX: Final = 64 * 1024
MESSAGES_MAX: Final = 150
# Bills, lists and statements tell of other people's orders, too: their hash alone.
OF_MANY: Final = ("bill", "settlement", "statement", "bank.line", "list")
# What a channel may say of its own fee.
FEES: Final = (b"charge_amount", b"charge_flags", b"service_fee", b"fee_rate", "服务费".encode())


class RawMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was kept. ``side``: who is the other side: channel, supplier, shop (our own word), or else."""

    evidence_id: str
    party: str
    kind: str
    direction: str
    standing: str
    content_type: str
    body: bytes
    sha256: bytes
    known_at: datetime
    side: str


def withheld(message: RawMessage, edition: Edition, goods: str) -> str:
    """Why a message's body is not shown in this edition: a word of `WITHHELD`; empty for one that is."""
    if not message.body and message.sha256 != EMPTY:
        return "erased"
    if any(word in message.kind for word in OF_MANY):
        return "of_many"
    if len(message.body) > BODY_MAX:
        return "too_long"
    if message.side == CHANNEL:
        forged = message.standing == "forged" and edition is Edition.BUYER
        fees = edition is not Edition.AUDITOR and any(word in message.body for word in FEES)
        return "not_genuine" if forged else "inner" if fees else ""
    if edition is not Edition.AUDITOR:
        return "inner"
    if message.side not in {SUPPLIER, SHOP}:
        return "personal"
    return "codes" if goods == "card" and message.side == SUPPLIER else ""


WITHHELD: Final[Mapping[str, str]] = {
    "of_many": "含其他订单的内容，只列指纹",
    "too_long": "内容过长，只列指纹",
    "not_genuine": "验签不通过，不作凭据，只列指纹",
    "inner": "含供应商原文或费用，此版本只列指纹；可公开的字段见供应商反馈",
    "codes": "含卡密，只列指纹",
    "erased": "已按个人信息删除请求清空，只列原来的指纹",
    "personal": "含收款账户、截图等个人信息，只列指纹",
}


def message_parts(
    messages: Sequence[RawMessage],
    edition: Edition,
    goods: str,
    secrets: Sequence[tuple[str, str]],
) -> tuple[list[dict[str, Any]], list[Part]]:
    """The list of messages as JSON, and their bodies as files. ``secrets``: text and mask; none: nothing is masked."""
    listed: list[dict[str, Any]] = []
    parts: list[Part] = []
    for n, message in enumerate(messages[:MESSAGES_MAX], 1):
        why = withheld(message, edition, goods)
        body = b"" if why else masked(message.body, secrets)
        name = "" if why else f"messages/{n:03d}.{_ending(message.content_type)}"
        changed = not why and body != message.body
        listed.append(
            {
                "file": name,
                "party": message.party,
                "kind": message.kind,
                "direction": message.direction,
                "standing": message.standing,
                "content_type": message.content_type,
                "known_at": utc(message.known_at),
                "sha256": message.sha256.hex(),
                "masked": changed,
                "withheld": WITHHELD.get(why, ""),
            }
        )
        if name:
            about = "原始报文" + ("（个人信息已遮盖，原件指纹见 messages.json）" if changed else "")
            parts.append(Part(name, body, f"{about} {message.party} {message.kind}"))
    return listed, parts


def _ending(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return {"application/json": "json", "text/html": "txt", "application/xml": "xml"}.get(kind, "txt")
