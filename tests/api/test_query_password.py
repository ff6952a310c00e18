"""查询密码, tiered prices and further account fields, from the API to the supplier's wire and the finding page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from house import House, open_house
from mingzhang.app.wiring import sample_products
from mingzhang.catalogue.store import Tier, add_product

PASSWORD = "kite-42-lake"


async def place(house: House, key: str, **body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": f"password-{key}", "X-Client": "test"}
    async with house.http.post(f"{house.url}/api/v1/orders", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_query_password_opens_an_order_without_a_contact(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        first = sample_products()[2]
        fields = {name: getattr(first, name) for name in first.__struct_fields__} | {
            "product_id": "game-tiers",
            "account_template": "region_server",
            "tiers": (Tier(from_quantity=3, price_fen=980),),
        }
        async with house.desk.pool.acquire() as conn:
            await add_product(conn, type(first)(**fields))
        asked: dict[str, Any] = {
            "product_id": "game-tiers",
            "quantity": 3,
            "account": "wanderer",
            "fields": {"region": "电信一区", "server": "S12"},
            "query_password": PASSWORD,
        }
        status, placed = await place(house, "one", **asked)
        assert status == 201, placed
        order_id = placed["order_id"]
        assert (await place(house, "one", **asked))[1]["repeated"]
        assert (await place(house, "one", **asked | {"query_password": "other-42"}))[0] == 409
        assert (await place(house, "two", **asked | {"query_password": "aaaaaa"}))[1][
            "code"
        ] == "bad_password"
        assert (await place(house, "two", **asked | {"query_password": ""}))[1]["code"] == "bad_contact"
        assert (await place(house, "two", **asked | {"fields": {}}))[1]["params"]["field"] == "region"

        page = await house.page(order_id)
        assert (page.price_fen, page.account_mask) == (2940, "w****erer · 电信一区 · S12")
        desk = house.desk
        assert await desk.find(order_id, PASSWORD) == order_id
        for wrong in ("", "kite-42-lakes", PASSWORD.upper()):
            assert not await desk.check_contact(order_id, wrong)
        other = await house.place()
        assert not await desk.check_contact(other, PASSWORD)
        # Guesses are counted by order: then even the right one waits, and a contact still opens its own order.
        for _ in range(30):
            await desk.check_contact(order_id, "guess-work")
            await desk.check_contact(other, "guess-work")
        assert not await desk.check_contact(order_id, PASSWORD)
        assert await desk.check_contact(other, "buyer@example.com")
        stored = await desk.pool.fetch("SELECT hash FROM order_password")
        assert [len(row["hash"]) for row in stored] == [32]

        await house.buyer_pays(await house.open(order_id))
        await house.until(order_id, lambda seen: seen.supply_badge == "arrived")
        sold = (await house.world.books())["fulu"]["orders"]
        assert [row["account"] for row in sold] == ["wanderer"]
