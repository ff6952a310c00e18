"""Maintenance, an outage and scores at the suppliers: sold or not, sent or not, said before the buyer pays (R14, R20)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from test_supply_routes import PHONE, attempts, buy, happened, sound

from house import House, open_house
from mingzhang.catalogue import pauses
from mingzhang.catalogue.pauses import NewPause
from mingzhang.catalogue.store import set_routing
from mingzhang.fulfilment.routing import ATTEMPTS_MAX
from mingzhang.orders.hold import before_sending
from notice_sinks import mail_sink

ALL = ("kasushou", "fulu", "dtone")


async def close(house: House, scope: str, name: str, minutes: int | None = None) -> str:
    """Enter a maintenance from now on; returns its number."""
    ctx = house.desk.ctx
    ends = None if minutes is None else ctx.now() + timedelta(minutes=minutes)
    wish = NewPause(scope=scope, name=name, cause="maintenance", note="例行维护", ends_at=ends)
    async with ctx.pool.acquire() as conn:
        made = await pauses.add_pause(conn, ctx.rng, ctx.now(), wish, "tester")
    ctx.catalogue.forget()
    return made.pause_id


async def reopen(house: House, *entries: str) -> None:
    ctx = house.desk.ctx
    async with ctx.pool.acquire() as conn:
        for entry in entries:
            await pauses.lift_pause(conn, entry, ctx.now(), "tester")
    ctx.catalogue.forget()


async def refusal(house: House, product: str, key: str = "paused-key-1") -> tuple[int, dict[str, Any]]:
    """What placing an order answers."""
    body = {"product_id": product, "account": "13800138000", "contact": "buyer@example.com"}
    async with house.http.post(
        f"{house.url}/api/v1/orders", json=body, headers={"Idempotency-Key": key, "X-Client": "house"}
    ) as answer:
        return answer.status, await answer.json()


async def shown(house: House, path: str) -> str:
    async with house.http.get(f"{house.url}{path}") as answer:
        return await answer.text()


async def test_a_maintenance_routes_on_refuses_new_orders_and_lets_paid_ones_wait(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        first = await close(house, "supplier", "kasushou", minutes=600)
        routed = await buy(house, PHONE)
        page = await house.until(routed, lambda page: page.supply_badge == "arrived")
        cancelled, sent = await attempts(house, routed)
        assert (cancelled.supplier, cancelled.state, cancelled.sent_at) == ("kasushou", "cancelled", None)
        assert (sent.supplier, sent.state, sent.choice["why"]) == ("fulu", "succeeded", "closed")
        assert sent.choice["passed"] == [{"supplier": "kasushou", "why": "maintenance"}]
        assert happened(page, "rerouted") == 1

        waiting = await house.place(PHONE)
        entries = [first, *[await close(house, "supplier", name, minutes=600) for name in ALL[1:]]]
        status, refused = await refusal(house, PHONE)
        assert (status, refused["code"], refused["params"]["reason"]) == (409, "sale_paused", "maintenance")
        assert "until" in refused["params"]
        assert "暂停销售" in await shown(house, "/")
        product = await shown(house, f"/products/{PHONE}")
        assert "暂停销售" in product
        assert "例行维护" in product
        # A retry of what was placed before gets its order again, whatever is paused by now.
        body = {"product_id": PHONE, "quantity": 1, "account": "13800138000", "contact": "buyer@example.com"}
        headers = {"Idempotency-Key": "house-key-000002", "X-Client": "house"}
        async with house.http.post(f"{house.url}/api/v1/orders", json=body, headers=headers) as answer:
            again = await answer.json()
        assert (again["order_id"], again["repeated"]) == (waiting, True)

        await house.buyer_pays(await house.open(waiting))
        page = await house.until(waiting, lambda page: page.sentence.code == "waiting_supplier")
        assert (page.pay_badge, page.supply_badge, page.sentence.place) == ("paid", "none", "channel")
        assert page.sentence.deadline_at is not None
        assert happened(page, "waiting_supplier") == 1
        assert [each.sent_at for each in await attempts(house, waiting)] == [None]
        await reopen(house, *entries[1:])
        page = await house.until(waiting, lambda page: page.supply_badge == "arrived")
        assert (await attempts(house, waiting))[-1].supplier == "fulu"
        await sound(house)


async def test_suppliers_that_come_and_go_do_not_make_attempts_without_end(
    database_url: str, tmp_path: Path
) -> None:
    """Two suppliers that close in turn: from some number on the order waits where it is."""
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        ctx = house.desk.ctx
        open_entry = await close(house, "supplier", "kasushou")
        order_id = await house.place(PHONE)
        await house.buyer_pays(await house.open(order_id))
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        for turn in range(ATTEMPTS_MAX + 5):
            newest = (await attempts(house, order_id))[-1]
            entry = await close(house, "supplier", newest.supplier)
            order = await ctx.reader.order(order_id)
            assert order is not None
            assert await before_sending(ctx, order, newest) is None, turn
            await reopen(house, entry)
        made = await attempts(house, order_id)
        assert len(made) == ATTEMPTS_MAX
        assert [each.state for each in made if each.state != "cancelled"] == ["ready"]
        await reopen(house, open_entry)
        house.start_worker()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_what_waits_for_a_supplier_past_the_promise_is_refunded(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=300.0) as house:
        order_id = await house.place()
        await close(house, "product", "phone-100")
        await house.buyer_pays(await house.open(order_id))
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert page.refund is not None
        assert page.refund.cause == "maintenance"
        await sound(house)


async def test_an_outage_opens_the_breaker_and_scores_choose_around_it(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=120.0) as house:
        ctx = house.desk.ctx
        async with ctx.pool.acquire() as conn:
            await set_routing(conn, "phone-10", "scored", 0)
        ctx.catalogue.forget()
        scored = await buy(house, "phone-10")  # dtone, kasushou, fulu; kasushou is the cheapest
        await house.until(scored, lambda page: page.supply_badge == "arrived")
        chosen = (await attempts(house, scored))[-1]
        assert (chosen.supplier, chosen.choice["why"]) == ("kasushou", "scored")
        parts = {each["supplier"]: each for each in chosen.choice["scores"]}
        assert parts["kasushou"]["total"] > parts["dtone"]["total"]
        assert parts["kasushou"]["cost"] == 1000

        caught = await house.place()  # fulu alone
        await house.world.down("fulu", down=True)
        await house.buyer_pays(await house.open(caught))
        await house.until(caught, lambda _: "fulu" in ctx.standing.down(ctx.now()))
        status, refused = await refusal(house, "phone-100")
        assert (status, refused["code"], refused["params"]) == (
            409,
            "sale_paused",
            {"reason": "supplier_down"},
        )
        around = await buy(house, "phone-10")
        await house.until(around, lambda page: page.supply_badge == "arrived")
        passed = (await attempts(house, around))[-1].choice["passed"]
        assert {"supplier": "fulu", "why": "supplier_down"} in passed
        await house.world.down("fulu", down=False)
        await house.until(around, lambda _: "fulu" not in ctx.standing.down(ctx.now()))
        await house.until(await house.buy(), lambda page: page.supply_badge == "arrived")
        # What was under way when it fell silent is unknown: asked about, and never sent elsewhere.
        assert [each.supplier for each in await attempts(house, caught)] == ["fulu"]
        report = await house.audit()
        assert report.ok, report.findings


async def test_sales_stop_before_the_prefund_runs_out_and_somebody_is_told(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(
            f'[email]\nhost = "127.0.0.1"\nport = {sink.port}\nsender = "s@shop.test"\ntls = "none"\n'
            '[[route]]\naudience = "shop"\nchannel = "email"\naddress = "owner@shop.test"\n',
            encoding="utf-8",
        )
        async with open_house(database_url, tmp_path, balance_every_s=30, notices_path=str(path)) as house:
            ctx = house.desk.ctx
            await house.world.tell("PUT", "/fulu/balance", {"fen": 15_000})
            order_id = await house.buy()  # 98.50 of 150.00: what is left lasts about half an hour
            await house.until(order_id, lambda page: page.supply_badge == "arrived")

            def standing(wanted: str) -> bool:
                known = ctx.standing.prefunds.get("fulu")
                return known is not None and known.standing == wanted

            await house.until(order_id, lambda _: standing("stop"))
            status, refused = await refusal(house, "phone-100")
            assert (status, refused["code"], refused["params"]) == (
                409,
                "sale_paused",
                {"reason": "prefund"},
            )
            assert "暂停销售" in await shown(house, "/products/phone-100")
            told = await ctx.pool.fetch("SELECT subject FROM notice WHERE template = 'prefund_stop'")
            assert {row["subject"] for row in told} == {"supplier-fulu"}
            await house.world.tell("PUT", "/fulu/balance", {"fen": 100_000_000})
            await house.until(order_id, lambda _: standing("fine"))
            await house.until(await house.buy(), lambda page: page.supply_badge == "arrived")


async def test_a_cost_above_the_price_needs_a_rule(database_url: str, tmp_path: Path) -> None:
    """Without one: not sent, a person, the money stays. With one: sent, and the loss is the shop's."""
    async with open_house(database_url, tmp_path) as house:
        ctx = house.desk.ctx
        await ctx.pool.execute("UPDATE product SET cost_fen = 10050 WHERE product_id = 'phone-100'")
        ctx.catalogue.forget()
        refused = await house.buy()
        page = await house.until(refused, lambda page: page.sentence.code == "needs_person")
        assert (page.pay_badge, page.sentence.place) == ("paid", "channel")
        assert [each.sent_at for each in await attempts(house, refused)] == [None]
        async with ctx.pool.acquire() as conn:
            await set_routing(conn, "phone-100", "ordered", 50)
        ctx.catalogue.forget()
        sold = await house.buy()
        await house.until(sold, lambda page: page.supply_badge != "none")
        loss = await ctx.pool.fetchval(
            "SELECT sum(amount_fen) FROM leg WHERE subject = $1 AND posting = 'dispatched' AND place = 'spent.loss'",
            sold,
        )
        assert loss == 50
        await house.until(sold, lambda page: page.final)
        report = await house.audit()
        assert report.ok, report.findings
