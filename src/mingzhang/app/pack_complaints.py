"""Complaints at payment channels in an order's evidence pack: when, in which state, and when we answered; not the words."""

from __future__ import annotations

from mingzhang.complaints import store
from mingzhang.packs.asked import Asked
from mingzhang.packs.model import Section
from mingzhang.transparency.entry import utc


async def complaints(asked: Asked) -> list[Section]:
    """What was complained of at a channel about this order; the words stand in the dispute's chapter."""
    rows = await store.list_of_order(asked.conn, asked.order.order_id)
    if not rows:
        return []
    data = []
    for row in rows:
        times = {"made_at": row.made_at, "first_by": row.first_by, "answered_at": row.answered_at}
        times["solved_by"] = row.solved_by
        acts = [
            {"act": act.act, "state": act.state, "at": utc(act.ended_at or act.planned_at)}
            for act in await store.list_acts(asked.conn, row)
        ]
        data.append(
            {
                "channel": row.channel,
                "complaint_no": row.complaint_no,
                "state": row.state,
                "wish": row.wish,
                "dispute": row.dispute_id,
                **{name: utc(at) if at else "" for name, at in times.items()},
                "acts": acts,
            }
        )
    return [
        Section(
            name="complaints",
            title="渠道投诉",
            data=data,
            head=("渠道", "投诉单号", "状态", "投诉时间", "首次答复"),
            rows=tuple(
                (
                    asked.word("party", row.channel),
                    row.complaint_no,
                    asked.word("complaint_state", row.state),
                    utc(row.made_at) if row.made_at else "",
                    utc(row.answered_at) if row.answered_at else "",
                )
                for row in rows
            ),
        )
    ]
