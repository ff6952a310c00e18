"""Text messages through 阿里云短信 (SendSms, 2017-05-25), signed with ACS3-HMAC-SHA256.

In China a text message is a registered form (模板) under a registered name (签名) with a few values filled in, so a notice
is sent only where its template names a form; buyers' routes open no other. `sent` is the gateway's word that it took the
message. Whether the phone got it is the carrier's, and is not claimed (F16).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from random import Random
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.notices.couriers.base import Delivery, Letter, Outcome, answer_message, read_json, silent

ALGORITHM: Final = "ACS3-HMAC-SHA256"
VALUE_MAX: Final = 20  # a form's value may be short only
# What no later attempt mends: the number, or the form. Everything else is tried again: limits, money, our own keys.
FOR_EVER: Final = frozenset(
    {
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.INVALID_PARAMETERS",
        "isv.PARAM_LENGTH_LIMIT",
    }
)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A registered form. ``values``: which of a notice's values it takes: shop, order, title, amount, reason, place,
    until, code.
    """

    code: str
    values: tuple[str, ...] = ()


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``forms`` by template of ours; ``base_url`` without a slash at the end; ``timeout_s`` in real seconds."""

    access_key_id: str
    secret: str
    sign_name: str
    forms: Mapping[str, Form]
    base_url: str = "https://dysmsapi.aliyuncs.com"
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"SmsSettings(base_url={self.base_url!r}, secrets hidden)"


class Sms:
    """The courier `sms`. `clock`: the real time, which the gateway checks."""

    name = "sms"

    def __init__(self, settings: SmsSettings, http: Outbound, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._rng = rng

    async def send(self, letter: Letter) -> Delivery:
        """Have one form filled in and sent to one number."""
        settings = self._settings
        form = settings.forms.get(letter.template)
        if form is None:
            return Delivery(outcome=Outcome.REFUSED, code="no_form")
        query = _canonical(
            {
                "OutId": letter.notice_id,
                "PhoneNumbers": letter.address,
                "SignName": settings.sign_name,
                "TemplateCode": form.code,
                "TemplateParam": msgspec.json.encode(_filled(form, letter)).decode(),
            }
        )
        answer = await self._http.post(
            f"{settings.base_url}/?{query}",
            b"",
            "application/x-www-form-urlencoded",
            settings.timeout_s,
            headers=self._signed(query),
        )
        return silent(answer) if isinstance(answer, Silence) else self._read(letter, answer, query.encode())

    async def aclose(self) -> None:
        """The HTTP session belongs to the process."""

    def _signed(self, query: str) -> dict[str, str]:
        nothing = hashlib.sha256(b"").hexdigest()
        headers = {
            "host": urlsplit(self._settings.base_url).netloc,
            "x-acs-action": "SendSms",
            "x-acs-content-sha256": nothing,
            "x-acs-date": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": f"{self._rng.getrandbits(128):032x}",
            "x-acs-version": "2017-05-25",
        }
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"POST\n/\n{query}\n{lines}\n{names}\n{nothing}"
        text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.new(self._settings.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        key = self._settings.access_key_id
        del headers["host"]  # the connection's own, which is the same
        return {
            **headers,
            "Authorization": f"{ALGORITHM} Credential={key},SignedHeaders={names},Signature={signature}",
        }

    def _read(self, letter: Letter, answer: Answer, sent: bytes) -> Delivery:
        found = read_json(answer.body)
        kept = {key: found[key] for key in ("Code", "Message", "BizId", "RequestId") if key in found}
        hide = (self._settings.secret, self._settings.access_key_id)
        body = msgspec.json.encode({"http": answer.status, **kept})
        message = answer_message(self.name, letter, body, sent, hide=hide)
        code = found.get("Code")
        if answer.status == 200 and code == "OK" and found.get("BizId"):
            return Delivery(outcome=Outcome.ACCEPTED, messages=(message,))
        if not isinstance(code, str) or code == "OK":
            return Delivery(outcome=Outcome.UNKNOWN, code=f"sms_http_{answer.status}", messages=(message,))
        outcome = Outcome.REFUSED if code in FOR_EVER else Outcome.NOT_NOW
        return Delivery(outcome=outcome, code=f"sms_{code}"[:60], messages=(message,))


def _filled(form: Form, letter: Letter) -> dict[str, str]:
    return {name: letter.values.get(name, "")[:VALUE_MAX] for name in form.values}


def _canonical(parameters: Mapping[str, str]) -> str:
    """Sorted, with everything but letters, digits and -_.~ escaped."""
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(text, safe='-_.~')}" for name, text in sorted(parameters.items())
    )
