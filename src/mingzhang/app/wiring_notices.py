"""The notices' part of the wiring: couriers and routes from one TOML file (docs/notices.md), secrets from files.

The same place as `wiring.py` names adapters; apart, because a shop without notices needs none of it.
"""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom
from typing import Final

import msgspec

from mingzhang.app.settings import Settings
from mingzhang.kit.clock import SystemClock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.kit.public_net import public_outbound
from mingzhang.notices import webhooks
from mingzhang.notices.couriers.bark import Bark, BarkSettings
from mingzhang.notices.couriers.base import Courier
from mingzhang.notices.couriers.email import Email, EmailSettings
from mingzhang.notices.couriers.robots import DingTalk, Feishu, Robot, WeCom
from mingzhang.notices.couriers.sms import Form, Sms, SmsSettings
from mingzhang.notices.couriers.telegram import Telegram, TelegramSettings
from mingzhang.notices.couriers.webhook import Webhooks
from mingzhang.notices.model import Audience, Post, Route, Template
from mingzhang.notices.templates import AUDIENCES
from mingzhang.orders.context import Context
from mingzhang.shop.face import FaceCache
from mingzhang.web import words
from mingzhang.web.i18n import translations

ROUTES_MAX: Final = 100
FILLED: Final = frozenset({"shop", "order", "title", "amount", "reason", "place", "until", "code"})
# Longer than any courier's call (real seconds): until then a letter is nobody else's.
LEASE_S: Final = 90.0
_TABLES: Final = {
    "reason": (words.REASONS, words.REASON_GENERAL),
    "place": (words.BOOK_PLACES, words.PLACE_GENERAL),
}
_ROBOTS: Final = {"wecom": WeCom, "dingtalk": DingTalk, "feishu": Feishu}


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the file knows its names and no other: a typing mistake stops the start."""


class EmailSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[email]`: the mail server. `password_file` holds the password."""

    host: str
    port: int
    sender: str
    sender_name: str = ""
    username: str = ""
    password_file: str = ""
    tls: str = "starttls"
    ca_path: str = ""


class TelegramSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[telegram]`: the bot. `token_file` holds its token."""

    token_file: str
    base_url: str = "https://api.telegram.org"


class BarkSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[bark]`: the server that pushes."""

    base_url: str = "https://api.day.app"


class RobotSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[wecom.NAME]`, `[dingtalk.NAME]`, `[feishu.NAME]`: a group's robot; a route's address is the NAME."""

    url_file: str
    secret_file: str = ""


class FormSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sms.forms.TEMPLATE]`: the registered form by which a notice is sent, and the values it takes, in its own names."""

    code: str
    values: list[str] = []


class SmsSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sms]`: 阿里云短信. `secret_file` holds the access key's secret."""

    access_key_id: str
    secret_file: str
    sign_name: str
    forms: dict[Template, FormSection]
    base_url: str = "https://dysmsapi.aliyuncs.com"


class RouteSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[route]]`: who is told by which channel. Buyers' routes have no address."""

    audience: Audience
    channel: str
    address: str = ""
    language: str = "zh"


class NoticeFile(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    email: EmailSection | None = None
    telegram: TelegramSection | None = None
    bark: BarkSection | None = None
    sms: SmsSection | None = None
    wecom: dict[str, RobotSection] = {}
    dingtalk: dict[str, RobotSection] = {}
    feishu: dict[str, RobotSection] = {}
    route: list[RouteSection] = []


def read_notice_file(path: str) -> NoticeFile:
    """The file `MINGZHANG_NOTICES_PATH` names; an empty name means no notices. Raises `settings_invalid`."""
    if not path:
        return NoticeFile()
    try:
        found = msgspec.toml.decode(Path(path).read_bytes(), type=NoticeFile)
    except (OSError, msgspec.DecodeError) as error:
        raise _invalid(f"{path}: {error}") from error
    if len(found.route) > ROUTES_MAX:
        raise _invalid(f"more than {ROUTES_MAX} routes")
    return found


def build_post(settings: Settings, ctx: Context, http: Outbound) -> tuple[Post, tuple[Route, ...]]:
    """Couriers and routes of this installation. Raises `settings_invalid`, naming what does not fit."""
    found = read_notice_file(settings.notices_path)
    couriers = {courier.name: courier for courier in _couriers(found, http)}
    routes = tuple(_routes(found, couriers))
    couriers[webhooks.CHANNEL] = Webhooks(
        ctx.pool,
        ctx.vault,
        public_outbound(private=settings.webhook_private),
        SystemClock(),
        private=settings.webhook_private,
    )
    face = FaceCache(ctx.pool)

    async def name_now(language: str) -> str:
        await face.refresh()
        return (language == "en" and face.now.face.name_en) or face.now.face.name_zh

    post = Post(
        pool=ctx.pool,
        clock=ctx.clock,
        rng=ctx.rng,
        vault=ctx.vault,
        couriers=couriers,
        base_url=settings.base_url,
        shop_name=settings.shop_name,
        worker_name=ctx.worker_name,
        lease_s=LEASE_S,
        words=in_words,
        crash_point=ctx.crash_point,
        name_now=name_now,
    )
    return post, routes


def in_words(table: str, code: str, language: str) -> str:
    """A code as the pages say it."""
    known, general = _TABLES[table]
    return str(translations(language).ugettext(words.word(known, code, general)))


def _couriers(found: NoticeFile, http: Outbound) -> list[Courier]:
    clock = SystemClock()  # signatures of robots are checked against the real time, also in a demo
    made: list[Courier] = []
    if found.email is not None:
        mail = found.email
        made.append(
            Email(
                EmailSettings(
                    host=mail.host,
                    port=mail.port,
                    sender=mail.sender,
                    sender_name=mail.sender_name,
                    username=mail.username,
                    password=_secret(mail.password_file),
                    tls=mail.tls,
                    ca_path=mail.ca_path,
                )
            )
        )
    if found.telegram is not None:
        told = TelegramSettings(token=_secret(found.telegram.token_file), base_url=found.telegram.base_url)
        made.append(Telegram(told, http))
    if found.bark is not None:
        made.append(Bark(BarkSettings(base_url=found.bark.base_url), http))
    if found.sms is not None:
        made.append(Sms(_sms_settings(found.sms), http, clock, SystemRandom()))
    for name, kind in _ROBOTS.items():
        sections: dict[str, RobotSection] = getattr(found, name)
        robots = {
            key: Robot(url=_secret(section.url_file), secret=_secret(section.secret_file))
            for key, section in sections.items()
        }
        if robots:
            made.append(kind(robots, http, clock))
    return made


def _sms_settings(told: SmsSection) -> SmsSettings:
    known = {template for template, audiences in AUDIENCES.items() if Audience.BUYER in audiences}
    for template, form in told.forms.items():
        if template not in known:
            raise _invalid(f"[sms.forms.{template.value}] is no notice to buyers")
        if not set(form.values) <= FILLED:
            raise _invalid(f"[sms.forms.{template.value}] takes {', '.join(sorted(FILLED))}")
    return SmsSettings(
        access_key_id=told.access_key_id,
        secret=_secret(told.secret_file),
        sign_name=told.sign_name,
        forms={
            template.value: Form(code=form.code, values=tuple(form.values))
            for template, form in told.forms.items()
        },
        base_url=told.base_url,
    )


def _routes(found: NoticeFile, couriers: dict[str, Courier]) -> list[Route]:
    made: dict[str, Route] = {}
    for section in found.route:
        to_buyers = section.audience is Audience.BUYER
        if section.channel not in couriers:
            raise _invalid(f"a route goes by {section.channel}, which is not set up")
        if to_buyers and (section.channel not in ("email", "sms") or section.address):
            raise _invalid("buyers are reached by email or sms at their order's contact: no address here")
        if section.channel == "sms" and not to_buyers:
            raise _invalid("sms goes to buyers alone")
        if not to_buyers and not section.address:
            raise _invalid(f"a route to {section.audience.value} needs an address")
        if section.language not in ("zh", "en"):
            raise _invalid(f"language is zh or en, not {section.language[:10]}")
        if section.channel in _ROBOTS and section.address not in getattr(found, section.channel):
            raise _invalid(f"no robot of {section.channel} is called {section.address[:40]}")
        # The name stays the same from start to start while nothing but the address changes.
        n = sum(route_id.startswith(f"{section.audience.value}-{section.channel}-") for route_id in made)
        route_id = f"{section.audience.value}-{section.channel}-{n + 1}"
        made[route_id] = Route(
            route_id=route_id,
            audience=section.audience,
            channel=section.channel,
            address=section.address,
            language=section.language,
            topics=tuple(sorted(found.sms.forms)) if section.channel == "sms" and found.sms else (),
        )
    return list(made.values())


def _secret(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _invalid(f"{path} cannot be read") from error


def _invalid(why: str) -> Problem:
    return Problem(
        "settings_invalid", Kind.INVALID, f"MINGZHANG_NOTICES_PATH: {why}", {"setting": "notices_path"}
    )
