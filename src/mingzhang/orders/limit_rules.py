"""Own limits (R22), one table: whom a rule counts, what it allows in which time, and what becomes of the rest. Pure.

`MINGZHANG_LIMITS` changes what is allowed (`account=20,ip=500`; 0: no such limit) or takes all away (`off`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.kit.errors import Kind, Problem

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
REPEAT_S: Final = 120
MINUTE_S: Final = 60


class Counted(StrEnum):
    """Whom a rule counts. Kept as a keyed hash only; of an IPv6 address its /64."""

    ORDER = "order"
    ACCOUNT = "account"
    CONTACT = "contact"
    DEVICE = "device"
    ADDRESS = "address"
    PAYER = "payer"
    PURCHASE = "purchase"  # account and product together
    BURST = "burst"  # the address once more, in slots of a minute


class Unit(StrEnum):
    """What is counted: orders, units of goods, or fen."""

    ORDERS = "orders"
    UNITS = "units"
    FEN = "fen"


class Action(StrEnum):
    """What becomes of an order beyond the limit."""

    REFUSE = "refuse"  # not placed; the buyer reads what to do
    ASK = "ask"  # not placed unless the buyer says so once more
    REFUND = "refund"  # paid already, not sent yet: all of it goes back


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """At most `most` of `unit` per `counted` in `window_s` (0: in one order); beyond it Problem `code`."""

    name: str
    counted: Counted
    unit: Unit
    most: int
    window_s: int
    action: Action
    code: str


def _rule(name: str, counted: Counted, unit: Unit, most: int, window_s: int, code: str) -> Rule:
    action = {"repeat_purchase": Action.ASK, "payer_limit": Action.REFUND}.get(code, Action.REFUSE)
    return Rule(name=name, counted=counted, unit=unit, most=most, window_s=window_s, action=action, code=code)


RULES: Final[tuple[Rule, ...]] = (
    _rule("order_units", Counted.ORDER, Unit.UNITS, 1_000, 0, "limit_order_units"),
    _rule("order_fen", Counted.ORDER, Unit.FEN, 1_000_000, 0, "limit_order_fen"),
    _rule("repeat", Counted.PURCHASE, Unit.ORDERS, 1, REPEAT_S, "repeat_purchase"),
    _rule("account", Counted.ACCOUNT, Unit.ORDERS, 20, DAY_S, "limit_account"),
    _rule("account_fen", Counted.ACCOUNT, Unit.FEN, 500_000, DAY_S, "limit_account"),
    _rule("contact", Counted.CONTACT, Unit.ORDERS, 50, DAY_S, "limit_contact"),
    _rule("contact_fen", Counted.CONTACT, Unit.FEN, 2_000_000, DAY_S, "limit_contact"),
    _rule("device", Counted.DEVICE, Unit.ORDERS, 50, DAY_S, "limit_device"),
    _rule("ip_minute", Counted.BURST, Unit.ORDERS, 30, MINUTE_S, "limit_burst"),
    _rule("ip", Counted.ADDRESS, Unit.ORDERS, 200, HOUR_S, "limit_address"),
    _rule("payer", Counted.PAYER, Unit.ORDERS, 50, DAY_S, "payer_limit"),
)
CODES: Final = tuple(dict.fromkeys(rule.code for rule in RULES if rule.action is not Action.REFUND))


def read_rules(text: str) -> tuple[Rule, ...]:
    """The table as an installation wants it. Raises Problem `settings_invalid`."""
    if text.strip() in {"", "on"}:
        return RULES
    if text.strip() == "off":
        return ()
    wanted: dict[str, int] = {}
    for part in text.split(","):
        name, _, most = part.strip().partition("=")
        if name not in {rule.name for rule in RULES} or not most.isdecimal() or not most.isascii():
            raise Problem(
                "settings_invalid",
                Kind.INVALID,
                f"limits: {part[:40]!r} is no rule=number",
                {"setting": "limits"},
            )
        wanted[name] = int(most)
    changed = (msgspec.structs.replace(rule, most=wanted.get(rule.name, rule.most)) for rule in RULES)
    return tuple(rule for rule in changed if rule.most)


def problem_of(rule: Rule) -> Problem:
    """What the buyer is told; the words stand in `web/problems.py`."""
    kind = (
        Kind.CONFLICT if rule.action is Action.ASK else Kind.INVALID if not rule.window_s else Kind.TOO_MANY
    )
    params: Mapping[str, str | int] = {"rule": rule.name, "most": rule.most, "unit": rule.unit.value}
    wait: Mapping[str, str | int] = {"wait_s": rule.window_s} if 0 < rule.window_s <= HOUR_S else {}
    return Problem(rule.code, kind, params={**params, **wait, "window_s": rule.window_s})
