"""Licences in an evidence pack: the shop's own, and those of the channels and suppliers that the order used (R42, R45)."""

from __future__ import annotations

from mingzhang.app.pack_parts import plain
from mingzhang.fulfilment.store import list_attempts
from mingzhang.oversight.licences import list_licences
from mingzhang.packs.asked import Asked
from mingzhang.packs.model import Section
from mingzhang.payments.store import list_payments

OWN = "own"
FIELDS = (
    "kind",
    "party",
    "title",
    "number",
    "issuer",
    "scope",
    "valid_until",
    "source_url",
    "version",
    "set_at",
)


async def licences(asked: Asked) -> list[Section]:
    """As they stand in the registry when the pack is made, each with the time at which it was entered."""
    order_id = asked.order.order_id
    parties = {one.channel for one in await list_payments(asked.conn, order_id)}
    parties |= {one.supplier for one in await list_attempts(asked.conn, order_id)}
    rows = [
        one
        for one in await list_licences(asked.conn)
        if not one.ended and (one.kind == OWN or one.party in parties)
    ]
    if not rows:
        return []
    return [
        Section(
            name="licences",
            title="资质登记",
            data=[plain(row, *FIELDS) | {"proof_sha256": row.proof_sha256.hex()} for row in rows],
            head=("主体", "资质", "编号", "发证机关", "有效期至"),
            rows=tuple(
                (
                    row.party if row.kind == OWN else asked.word("party", row.party),
                    row.title,
                    row.number,
                    row.issuer,
                    row.valid_until.isoformat() if row.valid_until else "长期",
                )
                for row in rows
            ),
        )
    ]
