"""Risk: who orders, claims and disputes more than others, whom own limits stopped, what channels took back (R22, R11).

Contacts and accounts stand masked, beside their keyed hash in the links; devices, networks and payers as the beginning
of theirs alone. Every question is bounded: the newest orders and claims of each bucket, the newest hits and disputes.
Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mingzhang.app.console.board_read import Read, to
from mingzhang.kit.ids import first_order_id
from mingzhang.kit.sql import load
from mingzhang.orders.limit_rules import RULES
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.web.model_console import Cell, Panel
from mingzhang.web.words import N_

SQL: Final = load("mingzhang.app.console", "risk")
REACH: Final = 20_000
OFTEN: Final = 3  # orders in the range, or stops, from which somebody stands here
ROWS_MAX: Final = 20
ALIKE: Final = "/staff/lists/alike"
LIMITS: Final = "/staff/limits"
DISPUTES: Final = "/staff/lists/disputes"
KINDS: Final[Mapping[str, str]] = {"contact": N_("联系方式"), "account": N_("充值账号")}


async def _ranges(read: Read) -> tuple[list[int], list[str], int]:
    """Buckets, the first number of the range in each, and how many rows of each are looked at."""
    buckets = [row["bucket"] for row in await read.conn.fetch(ORDERS.list_buckets)]
    return (
        buckets,
        [first_order_id(bucket, read.since) for bucket in buckets],
        REACH // max(len(buckets), 1),
    )


def _bars(read: Read, rows: Sequence[tuple[Cell, ...]], at: int, name: int = 0) -> dict[str, Any]:
    """A bar for each row: what stands in column `name`, and the count in column `at` with its link."""
    return {
        "kind": "bars",
        "rows": [
            [
                read.view.w(row[name].word, row[name].value) if row[name].word else row[name].value,
                *_to(row[at]),
            ]
            for row in rows
        ],
    }


def _to(cell: Cell) -> tuple[int, str]:
    return cell.value, cell.href


async def repeats(read: Read) -> Panel:
    """The same contact, or the same account, again and again."""
    found = await read.conn.fetch(SQL.list_repeats, *await _ranges(read), OFTEN, ROWS_MAX)
    rows = []
    for row in found:
        here = to(ALIKE, **{row["kind"]: row["hash"]}, since=read.since_day)
        rows.append(
            (
                Cell(value=row["mask"]),
                Cell(value=read.view.t(KINDS[row["kind"]])),
                Cell(value=row["n"], unit="count", href=here),
                Cell(value=row["fen"], unit="fen", href=here),
                Cell(value=row["unpaid"], unit="count", href=here),
                Cell(value=row["refunded"], unit="count", href=here),
            )
        )
    return Panel(
        name="repeats",
        title=N_("同一个联系方式或账号，一再下单"),
        note=N_("三单以上；只看最近两万单。多买不等于有问题，先看单。"),
        heads=(N_("对象"), N_("种类"), N_("单数"), N_("金额"), N_("没付款"), N_("退款的")),
        rows=tuple(rows),
        chart=_bars(read, rows, 2),
        as_of=read.now,
        listed=True,
    )


async def stops(read: Read) -> Panel:
    """Own limits, rule by rule: how often each one stopped somebody."""
    found = {row["rule"]: row for row in await read.conn.fetch(SQL.list_stops, read.since, REACH)}
    names = [rule.name for rule in RULES]
    rows = []
    for name in names:
        row = found.get(name)
        here = to(LIMITS, rule=name) if row else ""
        rows.append(
            (
                Cell(value=name, word="limit_rule"),
                Cell(value=row["n"] if row else 0, unit="count", href=here),
                Cell(value=row["subjects"] if row else 0, unit="count", href=here),
                Cell(value=row["newest"] if row else None, unit="time", href=here),
            )
        )
    return Panel(
        name="stops",
        title=N_("自己的限额拦下了谁：按规则"),
        note=N_("拦下的单没有下成，买家看到原因；付款人超限的整单退款。"),
        heads=(N_("规则"), N_("次数"), N_("不同对象"), N_("最近")),
        rows=tuple(rows),
        chart=_bars(read, [row for row in rows if row[1].value], 1),
        as_of=read.now,
        listed=True,
    )


async def stopped(read: Read) -> Panel:
    """Accounts, contacts, devices, networks and payers that limits stopped again and again."""
    rows = tuple(
        (
            Cell(value=row["subject"], href=to(LIMITS, subject=row["subject"])),
            Cell(value=row["n"], unit="count", href=to(LIMITS, subject=row["subject"])),
            Cell(value=row["rules"], unit="count", href=to(LIMITS, subject=row["subject"])),
            Cell(value=row["newest"], unit="time"),
        )
        for row in await read.conn.fetch(SQL.list_stopped, read.since, REACH, OFTEN, ROWS_MAX)
    )
    return Panel(
        name="stopped",
        title=N_("一再被拦下的对象"),
        note=N_("三次以上。设备、网络、付款人只有散列的开头，认不出是谁，只能看是不是同一个。"),
        heads=(N_("对象（散列）"), N_("次数"), N_("几条规则"), N_("最近")),
        rows=rows,
        chart=_bars(read, rows, 1),
        as_of=read.now,
        listed=True,
    )


async def claims(read: Read) -> Panel:
    """Payment claims that were refused, or named what is somebody else's, by contact."""
    rows = []
    for row in await read.conn.fetch(SQL.list_refused_claims, *await _ranges(read), ROWS_MAX):
        here = to(ALIKE, contact=row["hash"], since=read.since_day)
        rows.append(
            (
                Cell(value=row["mask"] or "—", href=here),
                Cell(value=row["n"], unit="count", href=here),
                Cell(value=row["flagged"], unit="count", href=here),
                Cell(value=row["newest"], unit="time"),
            )
        )
    return Panel(
        name="claims",
        title=N_("付款凭证被驳回的，按联系方式"),
        note=N_("答复“没有这笔付款”的，或交易号是别人的。点开是这个联系方式的单。"),
        heads=(N_("联系方式"), N_("凭证数"), N_("其中有标记"), N_("最近")),
        rows=tuple(rows),
        chart=_bars(read, rows, 1),
        as_of=read.now,
        listed=True,
    )


async def flags(read: Read) -> Panel:
    """What was odd about claims."""
    rows = tuple(
        (
            Cell(value=row["flag"], word="claim_flag"),
            Cell(
                value=row["n"],
                unit="count",
                href=to("/staff/lists/claims", flag=row["flag"], since=read.since_day),
            ),
            Cell(value=row["newest"], unit="time"),
        )
        for row in await read.conn.fetch(SQL.list_claim_flags, *await _ranges(read))
    )
    return Panel(
        name="flags",
        title=N_("凭证上的标记"),
        note=N_("只看最近两万件凭证。"),
        heads=(N_("标记"), N_("件数"), N_("最近")),
        rows=rows,
        chart=_bars(read, rows, 1),
        as_of=read.now,
        listed=True,
    )


async def disputing(read: Read) -> Panel:
    """Disputes by contact, with what channels decided."""
    rows = []
    for row in await read.conn.fetch(SQL.list_disputing, read.since, REACH, ROWS_MAX):
        here = to(ALIKE, contact=row["hash"])
        rows.append(
            (
                Cell(value=row["mask"] or "—", href=here),
                Cell(value=row["n"], unit="count", href=here),
                Cell(value=row["taken_back"], unit="count", href=here),
                Cell(value=row["fen"], unit="fen", href=here),
                Cell(value=row["newest"], unit="time"),
            )
        )
    return Panel(
        name="disputing",
        title=N_("纠纷，按联系方式"),
        note=N_("提出纠纷是买家的权利；这里只看是不是总是同一个人。"),
        heads=(N_("联系方式"), N_("纠纷"), N_("渠道退走的"), N_("涉及金额"), N_("最近")),
        rows=tuple(rows),
        chart=_bars(read, rows, 1),
        as_of=read.now,
        listed=True,
    )


async def taken_back(read: Read) -> Panel:
    """Chargebacks: what channels took back by their own decision."""
    rows = []
    for row in await read.conn.fetch(SQL.list_taken_back, read.since, REACH):
        here = to(DISPUTES, outcome=row["outcome"], kind=row["kind"])
        rows.append(
            (
                Cell(value=row["kind"], word="dispute_kind"),
                Cell(value=row["outcome"], word="dispute_outcome"),
                Cell(value=row["n"], unit="count", href=here),
                Cell(value=row["fen"], unit="fen", href=here),
                Cell(value=row["newest"], unit="time"),
            )
        )
    return Panel(
        name="taken-back",
        title=N_("拒付：渠道把钱退走的"),
        note=N_("按买家说的原因；每一件都有渠道的通知为证。"),
        heads=(N_("买家说"), N_("结局"), N_("件数"), N_("金额"), N_("最近")),
        rows=tuple(rows),
        chart=_bars(read, rows, 2),
        as_of=read.now,
        listed=True,
    )
