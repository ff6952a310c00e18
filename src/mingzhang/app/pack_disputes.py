"""Disputes (纠纷) in an evidence pack: their terms, what was said by whom, what came of them (R32, R43)."""

from __future__ import annotations

from typing import Any

from mingzhang.app.pack_parts import plain
from mingzhang.disputes.store import Dispute, Message, list_disputes, list_messages
from mingzhang.kit.beijing import write_beijing
from mingzhang.packs.asked import Asked
from mingzhang.packs.model import Edition, Section
from mingzhang.transparency.entry import utc
from mingzhang.web import words_disputes as words
from mingzhang.web.views import yuan_text as yuan

FIELDS = (
    "dispute_id",
    "kind",
    "source",
    "channel",
    "complaint_no",
    "wish",
    "state",
    "round",
    "outcome",
    "remedy",
)
TERMS = (
    "opened_at",
    "first_by",
    "solution_by",
    "final_by",
    "outside_by",
    "first_at",
    "solution_at",
    "closed_at",
)


async def disputes(asked: Asked) -> list[Section]:
    """Every dispute of the order with its conversation; of the staff no names outside the auditor's edition."""
    data: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for dispute in await list_disputes(asked.conn, asked.order.order_id):
        lines = await list_messages(asked.conn, dispute.dispute_id)
        told = plain(dispute, *FIELDS, *TERMS, "missed", "amount_fen")
        data.append({**told, "lines": [_line(asked, line) for line in lines]})
        rows += [_row(asked, dispute, line) for line in lines]
    if not data:
        return []
    return [
        Section(
            name="disputes",
            title="纠纷",
            data=data,
            head=("时间（北京时间）", "纠纷", "谁", "内容"),
            rows=tuple(rows),
        )
    ]


def _text(asked: Asked, line: Message) -> str:
    """The words of a line; a buyer's own only where they may be."""
    hidden = line.speaker == "buyer" and not asked.own_words
    return asked.vault.open(line.text_enc) if line.text_enc and not hidden else ""


def _line(asked: Asked, line: Message) -> dict[str, Any]:
    told = plain(line, "n", "speaker", "kind", "remedy", "amount_fen")
    told |= {"at": utc(line.at), "text": _text(asked, line), "attachments": len(line.files)}
    if asked.edition is Edition.AUDITOR:
        told["name"] = line.name
    return told


def _row(asked: Asked, dispute: Dispute, line: Message) -> tuple[str, ...]:
    said = [words.LINES.get(line.kind, line.kind)] if line.kind != "text" else []
    if line.remedy:
        said.append(words.REMEDIES.get(line.remedy, line.remedy))
    if line.amount_fen:
        said.append(yuan(line.amount_fen))
    said.append(_text(asked, line))
    if line.files:
        said.append(f"（附件 {len(line.files)} 件）")
    return (
        write_beijing(line.at),
        words.KINDS.get(dispute.kind, dispute.kind),
        words.SPEAKERS.get(line.speaker, line.speaker),
        " ".join(part for part in said if part),
    )
