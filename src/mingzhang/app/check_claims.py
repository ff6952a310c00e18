"""Buyers of a checked run who claim (已付款,订单未更新): wrong numbers and other people's first, then their own (R26).

Nobody learns anything by guessing: what the shop answers to a number that is another order's must not name it.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
from PIL import Image, ImageDraw

MADE_UP: Final = "2026112399000000000000000000"
FIRST_STATES: Final = frozenset({"asking", "waiting"})


def own_session(index: int) -> aiohttp.ClientSession:
    """A session from a loopback address of this buyer's own: guesses are limited by address, as for real buyers."""
    connector = aiohttp.TCPConnector(local_addr=(f"127.1.{index // 250 % 250}.{index % 250 + 1}", 0))
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30))


class LeakError(RuntimeError):
    """A claim's answer told of somebody else's order, or believed a number that nobody's payment has."""


class Claimant:
    """Claims over HTTP.

    ``known``: every order's trades seen so far, from the channels' books, so that others can try them.
    """

    def __init__(self, base_url: str, control: str) -> None:
        self._base_url, self._control = base_url, control
        self.known: dict[str, str] = {}
        self.made = 0

    async def claim(self, index: int, order_id: str, token: str, numbers: Sequence[str]) -> None:
        """One claim for each of ``numbers``: made_up, others, own. Raises LeakError."""
        async with own_session(index) as http:
            for name in numbers:
                number, owner = await self._number(http, name, order_id)
                if number:
                    await self._one(http, order_id, token, number, owner)

    async def _number(self, http: aiohttp.ClientSession, name: str, order_id: str) -> tuple[str, str]:
        """The number to show, and whose order it is."""
        if name == "made_up":
            return MADE_UP, ""
        if name == "others":
            owner = next((it for it in reversed(self.known) if it != order_id), "")
            return self.known.get(owner, ""), owner
        async with http.get(f"{self._control}/books", params={"order": order_id}) as answer:
            books: dict[str, Any] = await answer.json()
        number = _trade_of(books)
        if number:
            self.known[order_id] = number
        return number, order_id

    async def _one(
        self, http: aiohttp.ClientSession, order_id: str, token: str, number: str, owner: str
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self._base_url}/api/v1/orders/{order_id}"
        body = {"number": number, "picture": screenshot(number)}
        async with http.post(f"{url}/claims", json=body, headers=headers) as answer:
            told = await answer.json()
            if answer.status != 201:
                raise LeakError(f"order {order_id}: a claim was refused: {answer.status} {told}")
        self.made += 1
        own = owner == order_id
        if not own and told["state"] not in FIRST_STATES:
            raise LeakError(f"order {order_id}: a stranger's number was believed: {told['state']}")
        async with http.get(url, headers=headers) as answer:
            page = await answer.text()
        if owner and not own and (owner in json.dumps(told) or owner in page):
            raise LeakError(f"order {order_id} was told of order {owner}")


def _trade_of(books: Mapping[str, Any]) -> str:
    """The channel's number of what this buyer paid, as their own bill shows it."""
    trades = [trade for book in books.values() for trade in book.get("trades", ())]
    return next((str(trade["trade_no"]) for trade in trades if trade.get("paid_at")), "")


def screenshot(number: str) -> str:
    """A picture of a bill with the number on it: PNG in base64."""
    picture = Image.new("RGB", (360, 240), "white")
    ImageDraw.Draw(picture).text((20, 40), f"PAID\n{number}", fill="black")
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return base64.b64encode(kept.getvalue()).decode()
