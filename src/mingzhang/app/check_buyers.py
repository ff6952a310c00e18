"""The buyers of a checked run: they do what the plan says, over the API and the simulated cashier only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import aiohttp

from mingzhang.app.check_claims import Claimant, own_session
from mingzhang.kit.clock import Clock

AT_ONCE_MAX: Final = 16
TRY_S: Final = 30.0  # real seconds a buyer goes on trying what is out of service
PAUSE_S: Final = 0.25  # real seconds between tries
# Virtual seconds past the payment window; long after lies behind the third question of the sweep, before the fourth.
AFTER_S: Final = {"after_expiry": 5.0, "long_after_expiry": 700.0}
PAID_BADGES: Final = ("paid", "refunding", "refunded")
PLACED_MAX: Final = 3
ACCOUNT_FAULTS: Final = frozenset(
    {"wrong_account", "region_refused"}
)  # the buyer is asked to correct the account
TAKE_BACK_S: Final = (
    400.0  # real seconds until the supplier has refused, whatever is killed or crowded meanwhile
)
LOOK_AGAIN_MAX_S: Final = 3.0  # real; a crowd of buyers that look all the time would be the load itself
# By the plan's list of suppliers, where it names one.
ROUTED: Final = {
    ("mobile", "fulu"): "phone-100",
    ("mobile", "kasushou/fulu/dtone"): "phone-30",
    ("mobile", "dtone/kasushou/fulu"): "phone-10",
    ("direct", "fulu/kasushou"): "steam-100",
    ("card", "kasushou/fulu"): "card-50",
    ("card", "stock/fulu/kasushou"): "card-100-stock",
}
PRODUCTS: Final = {"mobile": "phone-100", "direct": "qq-10", "card": "card-100"}


class BuyerError(RuntimeError):
    """A buyer could not do what the plan says: the call and what was answered."""


class LapsedError(RuntimeError):
    """The payment window was over before a payment could be opened."""


def account_of(kind: str, seed: int, index: int) -> str:
    """An account of its own for every order, so that a double top-up cannot hide behind another order's."""
    number = (seed * 7919 + index) % 10_000_000
    return {
        "mobile": f"1380{number:07d}",
        "direct": f"6{number:08d}",
        "steam64": f"7656119{number:010d}",
    }.get(kind, "")


class Buyers:
    """All buyers of one plan. ``ids``: order number by plan index; ``paid``: orders whose buyer has paid.

    An order whose buyer paid too little counts as not paid. ``channels``: those the plan uses.
    ``lapsed``: orders that could not be paid in time because the shop was out of service.
    """

    def __init__(
        self, http: aiohttp.ClientSession, base_url: str, control: str, clock: Clock, seed: int
    ) -> None:
        self.ids: dict[int, str] = {}
        self.paid: set[str] = set()
        self.lapsed: set[str] = set()
        self.channels: set[str] = set()
        self._http, self._base_url, self._control, self._clock, self._seed = (
            http,
            base_url,
            control,
            clock,
            seed,
        )
        self._tokens: dict[str, str] = {}
        self.claimant = Claimant(base_url, control)
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)

    def now(self) -> datetime:
        """The shop's time."""
        return self._clock.now()

    async def act(self, row: Mapping[str, Any], speed: float, after_s: float = 0.0) -> None:
        """One order's buyer, who comes after ``after_s`` real seconds, up to the last step. Raises BuyerError."""
        await asyncio.sleep(after_s)
        order_id, panel = await self._begin(row)
        if panel is None:
            self.paid.add(order_id)
            return
        if row["buyer"]["when"] in AFTER_S:
            expires = datetime.fromisoformat(panel["expires_at"])
            left = (expires - self._clock.now()).total_seconds() + AFTER_S[row["buyer"]["when"]]
            await asyncio.sleep(max(0.0, left) / speed)
        numbers = await self._open_others(row, order_id, panel)
        for step in row["buyer"]["steps"]:
            body = {name: value for name, value in step.items() if name != "channel"}
            number = numbers[step.get("channel", row["channel"])]
            async with self._slots:
                told = await self._call(f"{self._control}/buyers/pay", {**body, "out_trade_no": number})
            if step["outcome"] == "pay" and told["result"] not in ("paid", "already_paid"):
                raise BuyerError(f"order {order_id}: the buyer could not pay: {told['result']}")
        if row["expected"] != "closed":
            self.paid.add(order_id)
        if row["buyer"].get("claims"):
            claims = row["buyer"]["claims"]
            await self.claimant.claim(row["index"], order_id, self._tokens[order_id], claims)
        if row["expected"] == "refunded" and ACCOUNT_FAULTS & {fault["name"] for fault in row["faults"]}:
            async with own_session(row["index"]) as http:
                await self._take_back(order_id, http)

    async def _take_back(self, order_id: str, http: aiohttp.ClientSession) -> None:
        """待您处理: this buyer has no other account and takes the money back (R19)."""
        url = f"{self._base_url}/api/v1/orders/{order_id}"
        headers = {"Authorization": f"Bearer {self._tokens[order_id]}"}
        give_up = time.monotonic() + TAKE_BACK_S
        pause_s = PAUSE_S
        while time.monotonic() < give_up:
            state = (await self._call(f"{url}/status", None, headers, http))["state"]
            if state == "needs_buyer":
                try:
                    await self._call(f"{url}/correction", {"refund": True}, headers, http)
                except BuyerError as error:
                    if "correction_not_open" not in str(error):
                        raise  # else it was done, and only the answer was lost
            if state in ("needs_buyer", "refunding", "refunded"):
                return
            await asyncio.sleep(pause_s)
            pause_s = min(LOOK_AGAIN_MAX_S, pause_s * 1.5)

    async def _open_others(
        self, row: Mapping[str, Any], order_id: str, panel: Mapping[str, Any]
    ) -> dict[str, str]:
        """Our payment numbers by channel; those beside the first are opened before anything is paid."""
        numbers = {row["channel"]: str(panel["payment_no"])}
        for channel in {step["channel"] for step in row["buyer"]["steps"] if "channel" in step}:
            if channel not in numbers:
                opened = await self._open(order_id, self._tokens[order_id], channel)
                if opened is not None:
                    numbers[channel] = str(opened["payment_no"])
        return numbers

    async def _begin(self, row: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Place and open, anew when it was too late; the order and what to pay, None when it is paid already."""
        for again in range(PLACED_MAX):
            async with self._slots:
                placed = await self._place(row, again)
                order_id = str(placed["order_id"])
                self.ids[row["index"]] = order_id
                if row["faults"]:
                    await self._call(f"{self._control}/faults", {"order": order_id, "faults": row["faults"]})
                try:
                    self._tokens[order_id] = placed["token"]
                    return order_id, await self._open(order_id, placed["token"], row["channel"])
                except LapsedError:
                    self.lapsed.add(order_id)
        raise BuyerError(f"order {order_id} could not be paid in its window, {PLACED_MAX} times")

    async def _open(self, order_id: str, token: str, channel: str) -> dict[str, Any] | None:
        """Open a payment. None when the page says that it is paid already; raises LapsedError when it is too late."""
        url = f"{self._base_url}/api/v1/orders/{order_id}"
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._call(f"{url}/payments", {"channel": channel}, headers)
        except BuyerError as error:
            if "order_not_payable" not in str(error):
                raise
        give_up = time.monotonic() + TRY_S
        while time.monotonic() < give_up:
            badge = (await self._call(url, None, headers))["pay_badge"]
            if badge in PAID_BADGES:
                return None
            if badge == "closed":
                raise LapsedError
            await asyncio.sleep(PAUSE_S)  # the shop is still asking the channel
        raise BuyerError(f"order {order_id} can be paid no more, and the page does not say why")

    async def _place(self, row: Mapping[str, Any], again: int) -> dict[str, Any]:
        product = ROUTED[row["kind"], "/".join(row["route"])] if "route" in row else PRODUCTS[row["kind"]]
        template = "steam64" if product == "steam-100" else row["kind"]
        body = {
            "product_id": product,
            "quantity": row.get("quantity", 1),
            "account": account_of(template, self._seed, row["index"]),
            "contact": f"buyer{row['index']}@example.com",
        }
        headers = {"Idempotency-Key": f"check-{self._seed}-{row['index']:06d}-{again}", "X-Client": "check"}
        return await self._call(f"{self._base_url}/api/v1/orders", body, headers)

    async def _call(
        self,
        url: str,
        body: object,
        headers: Mapping[str, str] | None = None,
        http: aiohttp.ClientSession | None = None,
    ) -> dict[str, Any]:
        """POST (GET without a body) until it is answered; what is out of service or cut off is tried again."""
        last, give_up = "", time.monotonic() + TRY_S
        method = "GET" if body is None else "POST"
        while time.monotonic() < give_up:
            try:
                async with (http or self._http).request(method, url, json=body, headers=headers) as answer:
                    if answer.status < 300:
                        told: dict[str, Any] = await answer.json()
                        return told
                    last = f"{answer.status} {(await answer.text())[:300]}"
                    if answer.status != 503:
                        break
            except (aiohttp.ClientError, TimeoutError) as error:
                last = type(error).__name__
            await asyncio.sleep(PAUSE_S)
        raise BuyerError(f"{url}: {last}")
