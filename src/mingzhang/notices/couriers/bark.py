"""Bark (iOS push): POST /push of a Bark server. The address is the phone's device key.

The push carries the notice's id: sent twice, it shows once (Bark 1.5.2 and server 2.2.5 or newer).
"""

from __future__ import annotations

import msgspec

from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.notices.couriers.base import (
    Delivery,
    Letter,
    Outcome,
    answer_message,
    cut,
    post_json,
    read_json,
    silent,
)

BODY_BYTES_MAX = 2048  # Apple's limit for a whole push is 4 KiB


class BarkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`base_url` of the server, without a slash at the end; `timeout_s` in real seconds."""

    base_url: str = "https://api.day.app"
    group: str = "mingzhang"
    timeout_s: float = 10.0


class Bark:
    """The courier `bark`."""

    name = "bark"

    def __init__(self, settings: BarkSettings, http: Outbound) -> None:
        self._settings = settings
        self._http = http

    async def send(self, letter: Letter) -> Delivery:
        """Push one notice to one phone."""
        payload = {
            "device_key": letter.address,
            "title": cut(letter.subject, 200),
            "body": cut(letter.text, BODY_BYTES_MAX),
            "group": self._settings.group,
            "id": letter.notice_id,
        }
        if letter.link:
            payload["url"] = letter.link
        url = f"{self._settings.base_url}/push"
        answer, sent = await post_json(self._http, url, payload, self._settings.timeout_s)
        if isinstance(answer, Silence):
            return silent(answer)
        return self._read(letter, answer, sent)

    async def aclose(self) -> None:
        """The HTTP session belongs to the process."""

    def _read(self, letter: Letter, answer: Answer, sent: bytes) -> Delivery:
        found = read_json(answer.body)
        message = answer_message(self.name, letter, answer.body, sent, hide=())
        outcome = Outcome.UNKNOWN  # 500 "push failed" may come after Apple took it
        if answer.status == 200 and found.get("code") == 200:
            return Delivery(outcome=Outcome.ACCEPTED, messages=(message,))
        if answer.status == 400 and found.get("code") == 400:  # the server does not know this key
            outcome = Outcome.REFUSED
        elif answer.status in {401, 403, 404, 418, 429}:
            outcome = Outcome.NOT_NOW
        return Delivery(outcome=outcome, code=f"bark_{answer.status}", messages=(message,))
