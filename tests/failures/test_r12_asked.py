"""R12 by name: an order whose state and money disagree is named by the audit, and every party of it is asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from house import open_house
from mingzhang.app.audit import run_audit

CHANNELS = ("alipay", "wechat", "epay")


async def test_r12_each_channel_and_each_supplier_is_asked_about_what_disagrees(
    database_url: str, tmp_path: Path
) -> None:
    """支付成功但订单显示待处理: one order a channel, one attempt a supplier; their rows become due, and are visited."""
    async with open_house(database_url, tmp_path) as house:
        orders = {channel: await house.buy(("fulu", "silent"), channel=channel) for channel in CHANNELS}
        for order_id in orders.values():
            await house.until(order_id, lambda page: page.supply_badge in {"processing", "confirming"})
            await house.until(order_id, lambda page: "paid_confirmed" in {it.kind for it in page.timeline})
        await house.stop_worker()
        pool, ctx = house.desk.pool, house.desk.ctx
        suppliers = dict(zip(orders.values(), ("fulu", "kasushou", "dtone"), strict=True))
        later = ctx.now().replace(microsecond=0)
        for order_id, supplier in suppliers.items():
            await pool.execute(
                "UPDATE supply_attempt SET supplier = $2, due_at = deadline_at WHERE order_id = $1",
                order_id,
                supplier,
            )
            await pool.execute(
                "UPDATE orders SET state = 'awaiting_payment', next_actor = 'buyer', paid_at = NULL, "
                "deadline_at = placed_at + interval '15 minutes', due_at = NULL WHERE order_id = $1",
                order_id,
            )
        report = await run_audit(ctx, full=True, ask=True)
        named = {finding.subject for finding in report.findings}
        assert set(orders.values()) <= named
        assert set(orders.values()) <= set(report.asked)
        rows = await pool.fetch(
            "SELECT p.channel, p.due_at AS asked_at, a.supplier, a.due_at "
            "FROM payment p JOIN supply_attempt a USING (order_id)"
        )
        assert {row["channel"] for row in rows} == set(CHANNELS)
        assert {row["supplier"] for row in rows} == set(suppliers.values())
        for row in rows:
            assert row["asked_at"] is not None
            assert later <= row["asked_at"] <= ctx.now()
            assert later <= row["due_at"] <= ctx.now()
        asked = "SELECT channel, asked FROM payment"
        before = {row["channel"]: row["asked"] for row in await pool.fetch(asked)}
        house.start_worker()  # whose questions go by those rows
        for _ in range(400):
            after = {row["channel"]: row["asked"] for row in await pool.fetch(asked)}
            if all(after[channel] > before[channel] for channel in CHANNELS):
                break
            await asyncio.sleep(0.05)
        assert all(after[channel] > before[channel] for channel in CHANNELS), (before, after)
