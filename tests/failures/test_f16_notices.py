"""F16 over the real wire: a courier that takes the mail and then fails. A row is not a sending, and nobody is told so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from test_f01_f20 import sound
from test_money_aside import member

from house import open_house
from mingzhang.app import desk_staff
from notice_sinks import mail_sink

NOTICES = """
[email]
host = "127.0.0.1"
port = {port}
sender = "shop@shop.test"
tls = "none"

[[route]]
audience = "buyer"
channel = "email"
"""


async def test_f16_a_notice_is_sent_when_the_other_side_said_so_and_not_before(
    database_url: str, tmp_path: Path
) -> None:
    """The server takes the mail, then drops the line; later it is busy; then it says yes. Staff read each."""
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(NOTICES.format(port=sink.port), encoding="utf-8")
        sink.data = [None, "451 4.3.0 busy"]
        async with open_house(database_url, tmp_path, speed=600.0, notices_path=str(path)) as house:
            pool = house.desk.pool
            order_id = await house.buy()
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
            give_up = time.monotonic() + 40
            while await pool.fetchval("SELECT coalesce(sum(attempts), 0) FROM notice") < 4:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.1)
            rows = await pool.fetch("SELECT state, sent_at, unsure FROM notice")
            assert len(rows) == 2  # paid and delivered: two rows, and none is a sending
            assert not [row for row in rows if row["state"] == "sent" or row["sent_at"] is not None]
            assert any(row["unsure"] for row in rows)  # one mail was taken by a server that then said nothing
            page = await house.page(order_id)
            shown = await desk_staff.read_staff_order(house.desk.ctx, member("ann"), page)
            assert {row.state for row in shown.notices} <= {"waiting", "sending", "retrying", "failed"}
            sink.data = ["250 2.0.0 queued"]
            while await pool.fetchval("SELECT count(*) FROM notice WHERE state = 'sent'") < 2:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.1)
            sent = await pool.fetch("SELECT sent_at, evidence_id FROM notice")
            assert all(row["sent_at"] is not None and row["evidence_id"] for row in sent)
            await sound(house)
