"""Chapters of an evidence pack, read from the same rows as the pages; named in `app/pack_list.py`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.beijing import write_beijing
from mingzhang.orders.requests import list_requests
from mingzhang.packs.asked import Asked
from mingzhang.packs.model import Edition, Section
from mingzhang.packs.store import SQL
from mingzhang.payments.claim_store import list_claims
from mingzhang.payments.store import list_payments
from mingzhang.refunds.store import list_refunds
from mingzhang.staff import record
from mingzhang.transparency.entry import utc
from mingzhang.web.views import yuan_text as yuan

RECORDS_MAX: Final = 200


def plain(row: Any, *names: str) -> dict[str, Any]:
    """Some fields of a row as JSON: times in UTC, nothing for None."""
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    return value.isoformat() if isinstance(value, date) else "" if value is None else value


def inner(asked: Asked) -> bool:
    """Whether cost and legs may be seen."""
    return asked.edition is Edition.AUDITOR


async def payments(asked: Asked) -> list[Section]:
    """Every attempt to pay, with the channel's own number."""
    rows = await list_payments(asked.conn, asked.order.order_id)
    rows.reverse()
    names = ("payment_no", "channel", "method", "amount_fen", "paid_fen", "state", "transaction_id")
    times = ("buyer_mask", "opened_at", "paid_at")
    return [
        Section(
            name="payments",
            title="支付",
            data=[plain(row, *names, *times) for row in rows],
            head=("商户订单号", "渠道", "应付", "实付", "状态", "渠道交易号"),
            rows=tuple(
                (
                    row.payment_no,
                    asked.word("party", row.channel),
                    yuan(row.amount_fen),
                    yuan(row.paid_fen),
                    asked.word("payment_state", row.state),
                    row.transaction_id,
                )
                for row in rows
            ),
        )
    ]


async def supplies(asked: Asked) -> list[Section]:
    """Every request to a supplier and its answer: the allow-listed fields (R40); cost for auditors alone."""
    rows = await list_attempts(asked.conn, asked.order.order_id)
    rows.reverse()
    names = ["attempt_no", "supplier", "state", "reason", "serial", "quantity", "units"]
    names += ["planned_at", "sent_at", "asked_at", "answered_at", "finished_at"]
    if asked.edition is not Edition.BUYER:
        names += ["supplier_order_id", "code", "choice", "asked"]
    if inner(asked):
        names += ["cost_fen", "supplier_product"]
    data = []
    for row in rows:
        told = plain(row, *names)
        if "choice" in told:
            told["choice"] = {
                key: str(value) for key, value in row.choice.items() if inner(asked) or key == "why"
            }
        data.append({**told, "feedback": {key: str(value) for key, value in row.feedback.items()}})
    return [
        Section(
            name="supplies",
            title="供应商请求与反馈",
            data=data,
            head=("供应商订单号", "供应商", "发出（北京时间）", "结果", "反馈"),
            rows=tuple(
                (
                    row.attempt_no,
                    asked.word("party", row.supplier),
                    write_beijing(row.sent_at) if row.sent_at else "",
                    asked.word("supply_state", row.state)
                    + (f"：{asked.word('reason', row.reason)}" if row.reason else ""),
                    " ".join(str(value) for value in row.feedback.values()),
                )
                for row in rows
            ),
        )
    ]


async def refunds(asked: Asked) -> list[Section]:
    """Every refund, where it went and what to quote."""
    rows = [row for row in await list_refunds(asked.conn, asked.order.order_id) if row.state != "dropped"]
    rows.reverse()
    names = ("refund_no", "payment_no", "channel", "amount_fen", "cause", "state", "destination", "reference")
    times = ("planned_at", "accepted_at", "arrived_at", "promised_at")
    return [
        Section(
            name="refunds",
            title="退款",
            data=[plain(row, *names, *times) for row in rows],
            head=("退款请求号", "渠道", "金额", "状态", "去向", "可向银行报的编号"),
            rows=tuple(
                (
                    row.refund_no,
                    asked.word("party", row.channel),
                    yuan(row.amount_fen),
                    asked.word("refund_state", row.state),
                    row.destination,
                    row.reference,
                )
                for row in rows
            ),
        )
    ]


async def conversation(asked: Asked) -> list[Section]:
    """What the buyer asked and showed, and the answers."""
    data: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for request in reversed(await list_requests(asked.conn, asked.order.order_id)):
        told = plain(request, "request_id", "wish", "cause", "state", "made_at", "deadline_at", "answer")
        told |= plain(request, "answer_text", "answered_at") | {"kind": "request"}
        words = asked.vault.open(request.words_enc) if request.words_enc and asked.own_words else ""
        data.append({**told, "words": words, "has_words": bool(request.words_enc)})
        wish = f"{asked.word('wish', request.wish)} · {asked.word('request_cause', request.cause)} {words}"
        rows.append((write_beijing(request.made_at), "买家", wish.strip()))
        if request.answered_at:
            said = f"{asked.word('request_answer', request.answer)} {request.answer_text}"
            rows.append((write_beijing(request.answered_at), "商家", said.strip()))
    for claim in reversed(await list_claims(asked.conn, asked.order.order_id)):
        told = plain(claim, "claim_id", "state", "number", "said", "asked", "asked_at", "made_at", "answer")
        data.append({**told, "picture": bool(claim.picture_id), "kind": "claim"})
        rows.append((write_beijing(claim.made_at), "买家", f"已付款，订单未更新：{claim.number}"))
    return [
        Section(
            name="conversation",
            title="沟通",
            data=data,
            head=("时间（北京时间）", "谁", "内容"),
            rows=tuple(rows),
        )
    ]


async def ledger(asked: Asked) -> list[Section]:
    """Every leg, for auditors alone."""
    if not inner(asked):
        return []
    order = asked.order
    rows = [dict(row) for row in await asked.conn.fetch(SQL.list_legs, order.bucket, order.order_id)]
    return [
        Section(
            name="ledger",
            title="分录（仅审计版）",
            data=[{**row, "at": utc(row["at"])} for row in rows],
            head=("序号", "分录", "位置", "对方", "归属", "分"),
            rows=tuple(
                (
                    str(row["seq"]),
                    row["posting"],
                    row["place"],
                    row["party"],
                    row["owner"],
                    str(row["amount_fen"]),
                )
                for row in rows
            ),
        )
    ]


async def staff_record(asked: Asked) -> list[Section]:
    """Who of the staff did or saw what of this order, for auditors alone."""
    if not inner(asked):
        return []
    entries = await record.read(asked.conn, asked.now, subject=asked.order.order_id, limit=RECORDS_MAX)
    names = ("at", "name", "kind", "action", "subject", "reason")
    return [
        Section(
            name="staff-record",
            title="操作记录（仅审计版）",
            data=[plain(entry, *names) for entry in reversed(entries)],
            head=("时间（北京时间）", "谁", "动作", "理由"),
            rows=tuple(
                (write_beijing(entry.at), entry.name, f"{entry.kind} {entry.action}", entry.reason)
                for entry in reversed(entries)
            ),
        )
    ]
