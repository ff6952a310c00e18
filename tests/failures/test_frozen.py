"""A trade that its channel freezes (row 21): nothing is spent of it, and the order goes on when the channel lets go."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from test_f01_f20 import sound

from house import House, open_house
from mingzhang.kit.database import transaction
from mingzhang.orders import correct
from mingzhang.orders.freeze import freeze, unfreeze
from mingzhang.orders.store import open_turn


async def _turn(house: House, order_id: str, change: Callable[..., Awaitable[None]]) -> None:
    """The channel froze it, or let it go."""
    ctx = house.desk.ctx
    async with transaction(house.desk.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg WHERE evidence_id <> ''")
        await (unfreeze(ctx, turn, "alipay", cited) if change is unfreeze else change(turn, "alipay", cited))
        await turn.finish()


async def test_frozen_money_waits_and_goes_on(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "trade_frozen")
        payment_no = await house.open(order_id, "epay")
        await house.buyer_pays(payment_no)
        page = await house.until(order_id, lambda page: page.sentence.code == "needs_person")
        assert (page.pay_badge, page.sentence.place) == ("paid", "hold")
        assert [(part.place, part.amount_fen) for part in page.money] == [("hold", page.price_fen)]
        assert await house.desk.pool.fetchval("SELECT count(*) FROM supply_attempt") == 0
        assert (await house.audit()).ok
        assert await house.lost_fen() == 0
        await house.world.tell("PUT", "/epay/freeze", {"out_trade_no": payment_no, "frozen": False})
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        kinds = [item.kind for item in page.timeline]
        assert kinds.index("payment_frozen") < kinds.index("payment_unfrozen") < kinds.index("delivered")
        await sound(house)


async def test_staff_have_the_channel_asked_about_a_frozen_trade_now(
    database_url: str, tmp_path: Path
) -> None:
    """补发回调 works for it, too: what waits for its daily question is asked about at once."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "trade_frozen")
        payment_no = await house.open(order_id, "epay")
        await house.buyer_pays(payment_no)
        await house.until(order_id, lambda page: page.sentence.code == "needs_person")
        await house.stop_worker()
        later = "UPDATE payment SET due_at = paid_at + interval '23 hours', deadline_at = paid_at + interval '1 day'"
        await house.desk.pool.execute(later)
        await house.world.tell("PUT", "/epay/freeze", {"out_trade_no": payment_no, "frozen": False})
        await house.desk.staff_action("finance", "order", order_id, "ask_channel")
        house.start_worker()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_what_was_ready_when_it_froze_is_sent_once(database_url: str, tmp_path: Path) -> None:
    """Frozen between payment and dispatch: that attempt never goes out beside the one that is planned later (F20)."""
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        states = "SELECT state FROM supply_attempt ORDER BY n"
        for change, expected in ((freeze, ["cancelled"]), (unfreeze, ["cancelled", "ready"])):
            await _turn(house, order_id, change)
            assert [row["state"] for row in await house.desk.pool.fetch(states)] == expected
        house.start_worker()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_an_account_corrected_while_the_money_is_frozen_is_sent_when_it_is_let_go(
    database_url: str, tmp_path: Path
) -> None:
    """Row 21: nothing is spent that the channel keeps, not even work that costs us nothing."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(f"{order_id}T1", "fulu", "wrong_account")
        await house.buyer_pays(await house.open(order_id))
        await house.until(order_id, lambda page: page.supply_badge == "needs_you")
        await house.stop_worker()
        await _turn(house, order_id, freeze)
        await correct.correct(house.desk.ctx, order_id, "13900139000", {})
        page = await house.page(order_id)
        assert (page.sentence.code, page.sentence.place) == ("needs_person", "hold")
        states = "SELECT state FROM supply_attempt ORDER BY n"
        assert [row["state"] for row in await house.desk.pool.fetch(states)] == ["refused"]
        order = await house.desk.ctx.reader.order(order_id)
        assert order is not None
        assert order.reason == "payment_frozen"
        assert not correct.may_ask(order, ())
        await _turn(house, order_id, unfreeze)
        house.start_worker()
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert page.account_mask == "139****9000"
        await sound(house)


async def test_f01_late_money_that_was_frozen_is_held_against_the_price_when_it_is_let_go(
    database_url: str, tmp_path: Path
) -> None:
    """Paid after expiry and frozen at once: not supplied at a price that is no longer asked."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "trade_frozen")
        payment_no = await house.open(order_id, "epay")
        await house.until(order_id, lambda page: page.pay_badge == "closed")
        await house.buyer_pays(payment_no, late=True)
        page = await house.until(order_id, lambda page: page.sentence.code == "needs_person")
        assert page.sentence.place == "hold"
        await house.desk.pool.execute("UPDATE product SET price_fen = price_fen + 100")
        house.desk.ctx.catalogue.forget()
        await house.world.tell("PUT", "/epay/freeze", {"out_trade_no": payment_no, "frozen": False})
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        kinds = [item.kind for item in page.timeline]
        assert kinds.index("payment_unfrozen") < kinds.index("refund_arrived")
        assert "sent" not in kinds
        await sound(house)


async def test_frozen_money_aside_is_held_and_goes_back_when_it_is_let_go(
    database_url: str, tmp_path: Path
) -> None:
    """Row 21 for a suspense item: booked as held, nobody sends it back meanwhile."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        first, second = await house.open(order_id), await house.open(order_id, "epay")
        await house.world.fault(second, "epay", "trade_frozen")
        await house.desk.pool.execute("UPDATE payment SET due_at = deadline_at WHERE channel = 'epay'")
        await house.buyer_pays(first)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await house.buyer_pays(second)
        page = await house.until(
            order_id, lambda page: bool(page.aside) and page.aside[0].cause == "payment_frozen"
        )
        assert page.aside[0].next_actor == "person"
        assert await house.desk.pool.fetchval("SELECT holder FROM suspense") == "hold"
        assert (await house.audit()).ok
        await house.world.tell("PUT", "/epay/freeze", {"out_trade_no": second, "frozen": False})
        await house.until(order_id, lambda page: page.aside[0].state == "refunded")
        await sound(house)
