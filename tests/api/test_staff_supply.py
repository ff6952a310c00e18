"""Staff keep the calendar and say how products choose: who may, what is refused, and what the record holds."""

from __future__ import annotations

import re
from pathlib import Path

from test_staff_pages import done, sign_in_strong

from house import open_house
from mingzhang.staff.rights import Role

BOARD = "/staff/suppliers"


async def test_staff_keep_the_calendar_and_the_ways_of_choosing(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        operator = await sign_in_strong(house, "wu", Role.OPERATOR)
        async with operator.session:
            status, html = await operator.look(BOARD)
            assert status == 200
            assert "卡速售" in html
            assert "¥" not in html  # no balance without the right to see costs
            for wrong, code in [
                ({"what": "supplier:nobody", "cause": "paused"}, 404),
                ({"what": "product:nothing", "cause": "paused"}, 404),
                ({"what": "planet:earth", "cause": "paused"}, 422),
                ({"what": "supplier:fulu", "cause": "boredom"}, 422),
                ({"what": "supplier:fulu", "cause": "paused", "starts": "tomorrow"}, 422),
                ({"what": "supplier:fulu", "cause": "paused", "ends": "2020-01-01T00:00"}, 422),
                ({}, 422),
            ]:
                assert (await operator.send(f"{BOARD}/pauses", **wrong))[0] == code, wrong
            window = {"what": "supplier:fulu", "cause": "maintenance", "note": "例行维护"}
            assert (await operator.send(f"{BOARD}/pauses", **window))[0] == 303
            _, html = await operator.look(BOARD)
            assert "例行维护" in html
            assert "生效中" in html
            entry = re.findall(rf'action="{BOARD}/pauses/([0-9A-Z]+)/lift"', html)[0]
            async with house.http.get(f"{house.url}/products/phone-100") as answer:
                assert "例行维护" in await answer.text()
            assert (await operator.send(f"{BOARD}/pauses/{entry}/lift"))[0] == 303
            assert (await operator.send(f"{BOARD}/pauses/{entry}/lift"))[0] == 404
            assert (await operator.send(f"{BOARD}/pauses/x'--/lift"))[0] == 404
            choice = {"product": "phone-30", "route_mode": "scored", "allow_loss": "0.50"}
            assert (await operator.send(f"{BOARD}/routing", **choice))[0] == 303
            for wrong in ({"route_mode": "best"}, {"allow_loss": "-1"}, {"allow_loss": "99999999"}):
                assert (await operator.send(f"{BOARD}/routing", **{**choice, **wrong}))[0] == 422
            assert (await operator.send(f"{BOARD}/routing", **{**choice, "product": "x"}))[0] == 404
        stored = await house.desk.pool.fetchrow(
            "SELECT route_mode, allow_loss_fen FROM product WHERE product_id = 'phone-30'"
        )
        assert tuple(stored) == ("scored", 50)
        helper = await sign_in_strong(house, "bo", Role.SUPPORT, Role.FINANCE)
        async with helper.session:
            _, html = await helper.look(f"{BOARD}?lang=en")
            assert "Suppliers and the maintenance calendar" in html
            assert (await helper.send(f"{BOARD}/pauses", what="supplier:fulu", cause="paused"))[0] == 403
        actions = [action for action, kind in await done(house) if kind == "done"]
        assert actions == ["pause", "lift_pause", "set_routing"]
