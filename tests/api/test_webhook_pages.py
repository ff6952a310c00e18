"""Webhooks over HTTP: made by staff, the secret seen once, an order's changes signed and sent, the log and its button."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import msgspec
from standardwebhooks import Webhook
from test_staff_pages import sign_in_strong

from house import open_house
from mingzhang.staff.rights import Role
from notice_sinks import web_sink

HOME = "/staff/webhooks"
ALL = {f"topic_{group}": "yes" for group in ("order", "refund", "dispute")}


async def test_an_orders_changes_reach_the_shops_own_system_signed(database_url: str, tmp_path: Path) -> None:
    async with (
        web_sink((200, {})) as sink,
        open_house(database_url, tmp_path, webhook_private=True) as house,
    ):
        admin = await sign_in_strong(house, "ann", Role.ADMIN)
        support = await sign_in_strong(house, "bo", Role.SUPPORT)
        async with admin.session, support.session:
            assert (await support.look(HOME))[0] == 403
            assert (await admin.look(HOME))[0] == 200
            for wrong in ({"url": "ftp://x"}, {"url": "https://user:pw@example.com/"}):
                assert (await admin.send(HOME, **ALL | wrong))[0] == 422
            assert (await admin.send(HOME, url=sink.url))[0] == 422  # told of nothing
            status, html = await admin.send(HOME, url=f"{sink.url}/in?key=unseen", note="ERP", **ALL)
            assert status == 200
            secret = re.findall(r"whsec_[A-Za-z0-9+/=]+", html)[0]
            _, html = await admin.look(HOME)
            assert secret not in html
            assert "unseen" not in html
            endpoint = re.findall(rf"{HOME}/([^/]+)/ping", html)[0]
            order_id = await house.buy()
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
            give_up = time.monotonic() + 40
            while len(sink.bodies) < 2:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)
            signer = Webhook(secret)
            told = [
                signer.verify(msgspec.json.encode(body), dict(request.headers))
                for body, request in zip(sink.bodies, sink.requests, strict=True)
            ]
            assert {each["type"] for each in told} == {"order.paid", "order.delivered"}
            assert {each["data"]["order_id"] for each in told} == {order_id}
            assert "13800138000" not in str(sink.bodies)
            assert "9700" not in str(sink.bodies)
            while await house.desk.pool.fetchval("SELECT count(*) FROM notice WHERE state <> 'sent'"):
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)
            _, html = await admin.look(HOME)
            again = re.findall(rf'{HOME}/messages/\d+~[^"]+/send-again', html)[0]
            before = {request.headers["webhook-id"] for request in sink.requests}
            assert (await admin.send(again))[0] == 303
            assert (await admin.send(f"{HOME}/messages/0~nothing/send-again"))[0] == 409
            while len(sink.bodies) < 3:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)
            assert {request.headers["webhook-id"] for request in sink.requests} == before
            assert (await admin.send(f"{HOME}/{endpoint}/pause"))[0] == 303
            assert (await admin.send(f"{HOME}/{endpoint}/pause"))[0] == 409
            assert (await admin.send(f"{HOME}/{endpoint}/nothing"))[0] == 404
            assert (await admin.send(f"{HOME}/{endpoint}/ping"))[0] == 404
            assert (await admin.send(f"{HOME}/{endpoint}/close"))[0] == 303
            done = await house.desk.pool.fetch("SELECT action FROM staff_action WHERE action LIKE '%webhook'")
            assert {row["action"] for row in done} == {
                "add_webhook",
                "resend_webhook",
                "pause_webhook",
                "close_webhook",
            }
