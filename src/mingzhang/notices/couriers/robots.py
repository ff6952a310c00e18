"""Group robots of 企业微信 (WeCom), 钉钉 (DingTalk) and 飞书 (Feishu): one JSON POST to a webhook address.

A notice's address is a robot's name in the settings ("ops"); the webhook address, which is a secret, and the
signing secret stay there, so they can be changed without touching a row. The robots' times are the clock's:
the real servers refuse a timestamp that is an hour off, so they need an installation on the system's clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

import msgspec

from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.notices.couriers.base import (
    Delivery,
    Letter,
    Outcome,
    answer_message,
    cut,
    plain_text,
    post_json,
    read_json,
    silent,
)

WECOM_BYTES_MAX: Final = 2048
TEXT_BYTES_MAX: Final = 16_000  # 钉钉 and 飞书 take about 20 kB as a whole


class Robot(msgspec.Struct, frozen=True, kw_only=True):
    """One group's robot: its webhook address as the console shows it, and its signing secret (加签) if it has one."""

    url: str
    secret: str = ""

    def __repr__(self) -> str:
        return "Robot(hidden)"


def dingtalk_sign(secret: str, timestamp_ms: int) -> str:
    """钉钉 加签: Base64 of HMAC-SHA256 with the secret as the key over `timestamp\\nsecret`, URL-encoded."""
    text = f"{timestamp_ms}\n{secret}".encode()
    return quote_plus(base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()))


def feishu_sign(secret: str, timestamp_s: int) -> str:
    """飞书 签名校验: Base64 of HMAC-SHA256 with `timestamp\\nsecret` as the key over nothing."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


class _Robots:
    """What the three have in common. `timeout_s` in real seconds."""

    name = ""
    code_field = "errcode"

    def __init__(
        self, robots: Mapping[str, Robot], http: Outbound, clock: Clock, timeout_s: float = 10.0
    ) -> None:
        self._robots = dict(robots)
        self._http = http
        self._clock = clock
        self._timeout_s = timeout_s

    async def send(self, letter: Letter) -> Delivery:
        """Post one text to one group."""
        robot = self._robots.get(letter.address)
        if robot is None:
            return Delivery(outcome=Outcome.REFUSED, code="unknown_robot")
        url, payload = self._request(robot, plain_text(letter))
        answer, sent = await post_json(self._http, url, payload, self._timeout_s)
        if isinstance(answer, Silence):
            return silent(answer)
        return self._read(letter, robot, answer, sent)

    async def aclose(self) -> None:
        """The HTTP session belongs to the process."""

    def _request(self, robot: Robot, text: str) -> tuple[str, dict[str, object]]:
        raise NotImplementedError

    def _read(self, letter: Letter, robot: Robot, answer: Answer, sent: bytes) -> Delivery:
        found = read_json(answer.body)
        token = robot.url.rpartition("/")[2].rpartition("=")[2]
        message = answer_message(self.name, letter, answer.body, sent, (robot.url, robot.secret, token))
        code = found.get(self.code_field)
        said = code if isinstance(code, int) and not isinstance(code, bool) else None
        if answer.status == 200 and said == 0:
            return Delivery(outcome=Outcome.ACCEPTED, messages=(message,))
        # A wrong key, sign or keyword is our own setting; too many at once passes. Both are worth another try.
        said_no = bool(said) or answer.status == 429
        return Delivery(
            outcome=Outcome.NOT_NOW if said_no else Outcome.UNKNOWN,
            code=f"{self.name}_{said or answer.status}",
            messages=(message,),
        )


class WeCom(_Robots):
    """The courier `wecom` (企业微信群机器人): `errcode` 0; 45009 too many a minute (20)."""

    name = "wecom"

    def _request(self, robot: Robot, text: str) -> tuple[str, dict[str, object]]:
        return robot.url, {"msgtype": "text", "text": {"content": cut(text, WECOM_BYTES_MAX)}}


class DingTalk(_Robots):
    """The courier `dingtalk` (钉钉自定义机器人): `errcode` 0; 310000 sign, keyword or address refused."""

    name = "dingtalk"

    def _request(self, robot: Robot, text: str) -> tuple[str, dict[str, object]]:
        url = robot.url
        if robot.secret:
            at_ms = int(self._clock.now().timestamp() * 1000)
            url += f"&timestamp={at_ms}&sign={dingtalk_sign(robot.secret, at_ms)}"
        return url, {"msgtype": "text", "text": {"content": cut(text, TEXT_BYTES_MAX)}}


class Feishu(_Robots):
    """The courier `feishu` (飞书自定义机器人): `code` 0; 19021 sign refused, 11232 too many."""

    name = "feishu"
    code_field = "code"

    def _request(self, robot: Robot, text: str) -> tuple[str, dict[str, object]]:
        payload: dict[str, object] = {"msg_type": "text", "content": {"text": cut(text, TEXT_BYTES_MAX)}}
        if robot.secret:
            at_s = int(self._clock.now().timestamp())
            payload |= {"timestamp": str(at_s), "sign": feishu_sign(robot.secret, at_s)}
        return robot.url, payload
