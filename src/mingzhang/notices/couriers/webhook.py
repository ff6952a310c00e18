"""Webhooks after Standard Webhooks: a POST with `webhook-id`, `webhook-timestamp` and `webhook-signature` (HMAC-SHA256).

The number stays the same over all attempts, the timestamp is each attempt's own. 2xx is a yes; 410 says that the
endpoint is gone; everything else is tried again. Redirects are not followed: the signature is for one address.
"""

from __future__ import annotations

from typing import Final

import asyncpg
from standardwebhooks import Webhook as Signer

from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.kit.public_net import url_fault
from mingzhang.kit.vault import Vault
from mingzhang.notices.couriers.base import Delivery, Letter, Outcome, answer_message, silent
from mingzhang.notices.webhooks import CHANNEL, Target, read_target

TIMEOUT_S: Final = 10.0
GONE: Final = 410
RETRY_AFTER_DIGITS_MAX: Final = 5


class Webhooks:
    """The courier `webhook`. `clock`: the real time, which receivers check. `private`: see `public_net.url_fault`."""

    name = CHANNEL

    def __init__(
        self, pool: asyncpg.Pool, vault: Vault, http: Outbound, clock: Clock, *, private: bool
    ) -> None:
        self._pool = pool
        self._vault = vault
        self._http = http
        self._clock = clock
        self._private = private

    async def send(self, letter: Letter) -> Delivery:
        """Post one message to its endpoint."""
        async with self._pool.acquire() as conn:
            target = await read_target(conn, self._vault, letter.address)
        if target is None or target.state == "closed":
            return Delivery(outcome=Outcome.REFUSED, code="endpoint_closed")
        if target.state == "paused":
            return Delivery(outcome=Outcome.NOT_NOW, code="endpoint_paused")
        if url_fault(target.url, private=self._private):
            return Delivery(outcome=Outcome.REFUSED, code="address_private")
        answer = await self._http.post(
            target.url,
            letter.text.encode(),
            "application/json",
            TIMEOUT_S,
            headers=self._signed(target, letter),
        )
        return silent(answer) if isinstance(answer, Silence) else _read(target, letter, answer)

    def _signed(self, target: Target, letter: Letter) -> dict[str, str]:
        now = self._clock.now()
        return {
            "webhook-id": letter.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Signer(target.secret).sign(letter.key, now, letter.text),
        }

    async def aclose(self) -> None:
        """Its session is its own: it reaches public addresses alone."""
        await self._http.aclose()


def _read(target: Target, letter: Letter, answer: Answer) -> Delivery:
    kept = f"http {answer.status}\n".encode() + answer.body
    hide = (target.url, target.secret)
    message = answer_message(CHANNEL, letter, kept, letter.text.encode(), hide=hide)
    if 200 <= answer.status < 300:
        return Delivery(outcome=Outcome.ACCEPTED, messages=(message,))
    outcome = Outcome.REFUSED if answer.status == GONE else Outcome.NOT_NOW
    wish = answer.headers.get("retry-after", "")
    usable = wish.isascii() and wish.isdecimal() and len(wish) <= RETRY_AFTER_DIGITS_MAX
    return Delivery(
        outcome=outcome,
        code=f"http_{answer.status}",
        retry_after_s=int(wish) if usable else 0,
        messages=(message,),
    )
