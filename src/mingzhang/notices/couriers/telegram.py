"""Telegram bot: POST /bot<token>/sendMessage. The address is a chat id; the token stays in the settings."""

from __future__ import annotations

import msgspec

from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.notices.couriers.base import (
    Delivery,
    Letter,
    Outcome,
    answer_message,
    plain_text,
    post_json,
    read_json,
    silent,
)

TEXT_MAX = 4096  # characters
# 400 chat not found, 403 blocked by the user or removed from the group.
FOR_EVER = frozenset({400, 403})


class TelegramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`base_url` without a slash at the end; `timeout_s` in real seconds."""

    token: str
    base_url: str = "https://api.telegram.org"
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"TelegramSettings(base_url={self.base_url!r}, secrets hidden)"


class Telegram:
    """The courier `telegram`."""

    name = "telegram"

    def __init__(self, settings: TelegramSettings, http: Outbound) -> None:
        self._settings = settings
        self._http = http

    async def send(self, letter: Letter) -> Delivery:
        """Send one text to one chat."""
        settings = self._settings
        payload = {
            "chat_id": letter.address,
            "text": plain_text(letter)[:TEXT_MAX],
            "link_preview_options": {"is_disabled": True},
        }
        url = f"{settings.base_url}/bot{settings.token}/sendMessage"
        answer, sent = await post_json(self._http, url, payload, settings.timeout_s)
        if isinstance(answer, Silence):
            return silent(answer)
        return self._read(letter, answer, sent)

    async def aclose(self) -> None:
        """The HTTP session belongs to the process."""

    def _read(self, letter: Letter, answer: Answer, sent: bytes) -> Delivery:
        found = read_json(answer.body)
        # Its answer names the chat and its people: of all that only these fields are kept.
        result = found.get("result")
        kept: dict[str, object] = {"http": answer.status}
        kept |= {key: found[key] for key in ("ok", "error_code", "description") if key in found}
        if isinstance(result, dict):
            kept |= {key: result[key] for key in ("message_id", "date") if key in result}
        message = answer_message(
            self.name, letter, msgspec.json.encode(kept), sent, hide=(self._settings.token,)
        )
        if answer.status == 200 and found.get("ok") is True and "message_id" in kept:
            return Delivery(outcome=Outcome.ACCEPTED, messages=(message,))
        outcome = Outcome.NOT_NOW  # also 401 and 404: our token is wrong, not the address
        if found.get("ok") is not False:
            outcome = Outcome.UNKNOWN
        elif answer.status in FOR_EVER:
            outcome = Outcome.REFUSED
        return Delivery(
            outcome=outcome,
            code=f"telegram_{answer.status}",
            retry_after_s=_retry_after(found),
            messages=(message,),
        )


def _retry_after(found: dict[str, object]) -> int:
    parameters = found.get("parameters")
    wish = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return wish if isinstance(wish, int) and wish > 0 else 0
