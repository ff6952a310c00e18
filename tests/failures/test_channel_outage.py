"""A channel that answers no more: the breaker opens, pages say so and offer the others, and it closes by itself."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_f01_f20 import sound

from house import WAIT_S, House, open_house
from variants import short


async def front_when(house: House, seen: Callable[[str], bool]) -> str:
    """The product's page once it shows something."""
    give_up = time.monotonic() + WAIT_S
    while True:
        async with house.http.get(f"{house.url}/products/phone-100") as answer:
            shown = await answer.text()
        if seen(shown):
            return shown
        assert time.monotonic() < give_up, shown
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("channel", short(("alipay", "wechat", "epay"), ("epay",)))
async def test_an_outage_is_seen_survived_and_over_by_itself(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    async with open_house(database_url, tmp_path, speed=120.0) as house:
        paid = await house.place()
        payment_no = await house.open(paid, channel)
        await house.world.fault(paid, channel, "notify_lost")
        await house.buyer_pays(payment_no)
        await house.world.down(channel, down=True)
        # It is tried again every minute, which is half a second here: one look may fall between two outages.
        offered = f'value="{channel}.'
        shown = await front_when(house, lambda page: offered not in page)
        assert "mz-kind-note" in shown
        refused = await house.place()
        token = house.desk.ctx.vault.token(refused)
        async with house.http.post(
            f"{house.url}/api/v1/orders/{refused}/payments",
            json={"channel": channel},
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "channel_unavailable")
        other = "wechat" if channel != "wechat" else "alipay"
        await house.buyer_pays(await house.open(refused, other))
        await house.until(refused, lambda page: page.supply_badge == "arrived")
        await house.world.down(channel, down=False)
        await house.until(paid, lambda page: page.supply_badge == "arrived")
        await front_when(house, lambda page: offered in page)
        await sound(house)
