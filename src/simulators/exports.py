"""What a merchant downloads from a supplier's site: the day's orders as CSV, right or wrong as planned."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from aiohttp import web

from simulators.money import yuan
from simulators.world import BEIJING, beijing
from simulators.wrong_bills import Shown, WrongBills

COLUMNS = {
    "fulu": ("外部订单号", "订单编号", "订单金额", "退款金额", "订单状态", "下单时间"),
    "kasushou": ("外部单号", "订单号", "总价", "退款金额", "状态", "创建时间"),
}
WORDS = {
    "fulu": {"success": "成功", "processing": "处理中", "failed": "失败"},
    "kasushou": {"success": "交易成功", "processing": "处理中", "failed": "交易失败"},
}


def export_list(bills: WrongBills, party: str, orders: Iterable[Any], day: date) -> str:
    """What the supplier's site exports as a day's orders: CSV with a count at its end."""
    rows: list[tuple[str, ...]] = []
    for order in orders:
        number = getattr(order, "customer_order_no", "") or getattr(order, "external_orderno", "")
        their_no = getattr(order, "order_id", "") or getattr(order, "ordersn", "")
        if order.created_at.astimezone(BEIJING).date() != day:
            continue
        word = WORDS[party]["failed" if order.reversed else order.state]
        for it in bills.show(party, Shown(order.created_at, number, their_no, order.cost_fen)):
            amounts = (yuan(it.amount_fen), yuan(order.credited_fen))
            rows.append((it.number, it.their_no, *amounts, word, beijing(it.at)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS[party])
    writer.writerows(rows)
    out.write(f"#合计：{len(rows)}笔\r\n")
    return bills.cut(party, day, out.getvalue())


def routes(bills: WrongBills, orders_of: dict[str, Callable[[], Iterable[Any]]]) -> list[web.RouteDef]:
    """GET /exports/{party}?day= · GET /bills/bent · POST /bills/{party}/mend"""

    async def export(request: web.Request) -> web.Response:
        party = request.match_info["party"]
        try:
            day = date.fromisoformat(request.query.get("day", ""))
        except ValueError:
            return web.json_response({"error": "day_needed"}, status=400)
        if party not in orders_of:
            return web.json_response({"error": "unknown_party"}, status=404)
        text = export_list(bills, party, orders_of[party](), day)
        return web.Response(body=text.encode("gb18030"), content_type="text/csv")

    async def bent(_: web.Request) -> web.Response:
        return web.json_response({"bent": bills.bent()})

    async def mend(request: web.Request) -> web.Response:
        bills.mend(request.match_info["party"])
        return web.json_response({"ok": True})

    return [
        web.get("/exports/{party}", export),
        web.get("/bills/bent", bent),
        web.post("/bills/{party}/mend", mend),
    ]
