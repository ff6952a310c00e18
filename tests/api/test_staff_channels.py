"""The register of channels: entered by staff, read by the offer and the opening, with figures of a real payment."""

from __future__ import annotations

import re
from pathlib import Path

from test_staff_pages import done, sign_in_strong

from house import open_house
from mingzhang.app.desk_channels import read_channels
from mingzhang.staff.rights import Role

BOARD = "/staff/channels"


async def test_terms_decide_what_is_offered_and_figures_come_from_our_own_rows(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        paid = await house.buy()
        await house.until(paid, lambda page: page.supply_badge == "arrived")
        lost = await house.buy(("wechat", "notify_lost"), channel="wechat")
        await house.until(lost, lambda page: page.supply_badge == "arrived")
        rows = {row.name: row for row in await read_channels(house.desk.ctx)}
        alipay, wechat = rows["alipay"], rows["wechat"]
        assert (alipay.openings, alipay.opened, alipay.paid, alipay.found) == (1, 1, 1, 0)
        assert alipay.told == 1
        assert alipay.delay_p50_ms is not None
        assert (wechat.paid, wechat.found) == (1, 1)
        # ... and its buyer reads that the shop asked.
        asked = [[each.asked for each in (await house.page(one)).timeline] for one in (paid, lost)]
        assert [any(each) for each in asked] == [False, True]
        operator = await sign_in_strong(house, "wu", Role.OPERATOR, Role.FINANCE)
        async with operator.session:
            assert (await operator.look(BOARD))[0] == 200
            entry = {"max": "50", "rate": "0.6", "licensee": "某支付公司", "licence": "Z2001", "settle": "1"}
            assert (await operator.send(f"{BOARD}/alipay", **entry))[0] == 303
            _, html = await operator.look(BOARD)
            assert "某支付公司" in html
            assert (await operator.send(f"{BOARD}/alipay", rate="much"))[0] == 422
            assert (await operator.send(f"{BOARD}/nobody", rate="1"))[0] == 404
        assert ("set_channel_terms", "done") in await done(house)
        async with house.http.get(f"{house.url}/products/phone-100") as answer:
            offered = re.findall(r'name="method" value="([^"]+)"', await answer.text())
        assert offered
        assert not [way for way in offered if way.startswith("alipay.")]
        async with house.http.get(f"{house.url}/products/phone-50") as answer:
            assert 'value="alipay.qr"' in await answer.text()
        order_id = await house.place()
        token = house.desk.ctx.vault.token(order_id)
        async with house.http.post(
            f"{house.url}/api/v1/orders/{order_id}/payments",
            json={"channel": "alipay"},
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            told = await answer.json()
            assert (answer.status, told["code"], told["params"]) == (
                409,
                "channel_limit",
                {"limit": "above_max"},
            )
