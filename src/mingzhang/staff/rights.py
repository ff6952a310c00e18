"""Roles × rights in one table. `handbook.py` prints it into docs/staff.md."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """What a person may do; named after the action."""

    VIEW_ORDERS = "view_orders"
    VIEW_PERSONAL_DATA = "view_personal_data"
    VIEW_CARD_CODES = "view_card_codes"
    VIEW_COSTS = "view_costs"
    VIEW_RECORDS = "view_records"
    ASK_OUTSIDE = "ask_outside"
    ANSWER_BUYERS = "answer_buyers"
    PROPOSE_MONEY = "propose_money"
    DECIDE_MONEY = "decide_money"
    MANAGE_CATALOGUE = "manage_catalogue"
    MANAGE_CHANNELS = "manage_channels"
    MANAGE_STAFF = "manage_staff"
    MANAGE_SHOP = "manage_shop"
    OVERSEE = "oversee"


class Role(StrEnum):
    """A bundle of rights. A person may have several; two people are needed for money all the same."""

    SUPPORT = "support"
    FINANCE = "finance"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    REGULATOR = "regulator"
    ADMIN = "admin"


# Chinese first, then English: what the right lets one do.
MEANING: Final[dict[Right, tuple[str, str]]] = {
    Right.VIEW_ORDERS: ("看订单、待办和钱在哪", "see orders, the work list and where money is"),
    Right.VIEW_PERSONAL_DATA: (
        "看账号与联系方式原文(每次留痕)",
        "see accounts and contacts in clear, each time on record",
    ),
    Right.VIEW_CARD_CODES: (
        "看已售出的卡密原文(每次留痕)",
        "see card codes that were sold, each time on record",
    ),
    Right.VIEW_COSTS: ("看成本、手续费、毛利", "see cost, fee and margin"),
    Right.VIEW_RECORDS: ("看操作记录", "see the record of what staff did"),
    Right.ASK_OUTSIDE: ("再问渠道或供应商(补发回调)", "ask a channel or supplier again"),
    Right.ANSWER_BUYERS: ("处理申诉与凭证、重发通知", "answer claims, send notices again"),
    Right.PROPOSE_MONEY: ("提出资金处理", "propose a money decision"),
    Right.DECIDE_MONEY: ("批准别人提出的资金处理", "decide what somebody else proposed"),
    Right.MANAGE_CATALOGUE: ("管理商品与规则", "manage products and rules"),
    Right.MANAGE_CHANNELS: ("管理渠道与供应商、暂停销售", "manage channels and suppliers, pause sales"),
    Right.MANAGE_STAFF: ("停用员工、结束会话", "revoke accounts and end sessions"),
    Right.MANAGE_SHOP: (
        "改店名、标志、颜色、公告与资质",
        "change the shop's name, logo, colour, notice and licence",
    ),
    Right.OVERSEE: (
        "监管:只读、脱敏,每次查看留痕",
        "oversee: read only, masked, each view on record",
    ),
}
ROLE_NAMES: Final[dict[Role, tuple[str, str]]] = {
    Role.SUPPORT: ("客服", "customer service"),
    Role.FINANCE: ("财务", "finance"),
    Role.OPERATOR: ("运营", "operations"),
    Role.AUDITOR: ("审计", "auditor, read-only"),
    Role.REGULATOR: ("监管", "regulator, read-only"),
    Role.ADMIN: ("管理员", "administrator of staff, without money"),
}
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.SUPPORT: frozenset(
        {
            Right.VIEW_ORDERS,
            Right.VIEW_PERSONAL_DATA,
            Right.ASK_OUTSIDE,
            Right.ANSWER_BUYERS,
            Right.PROPOSE_MONEY,
        }
    ),
    Role.FINANCE: frozenset(
        {
            Right.VIEW_ORDERS,
            Right.VIEW_COSTS,
            Right.ASK_OUTSIDE,
            Right.PROPOSE_MONEY,
            Right.DECIDE_MONEY,
        }
    ),
    Role.OPERATOR: frozenset(
        {
            Right.VIEW_ORDERS,
            Right.VIEW_CARD_CODES,
            Right.ASK_OUTSIDE,
            Right.MANAGE_CATALOGUE,
            Right.MANAGE_CHANNELS,
        }
    ),
    Role.AUDITOR: frozenset({Right.VIEW_ORDERS, Right.VIEW_COSTS, Right.VIEW_RECORDS, Right.OVERSEE}),
    Role.REGULATOR: frozenset({Right.OVERSEE}),
    Role.ADMIN: frozenset({Right.VIEW_RECORDS, Right.MANAGE_STAFF, Right.MANAGE_SHOP}),
}

OVERSEERS: Final = frozenset({Role.AUDITOR, Role.REGULATOR})
"""Whose accounts look at the shop from outside: opened by two people, and whatever they open is on record."""

# Without the second factor a session has only the rest: looking, and asking the outside again.
NEEDS_TOTP: Final = frozenset(Right) - {Right.VIEW_ORDERS, Right.ASK_OUTSIDE, Right.ANSWER_BUYERS}


def rights_of(roles: Iterable[str], *, strong: bool) -> frozenset[Right]:
    """What these roles may do in a session opened with (`strong`) or without the second factor."""
    every = frozenset(right for role in roles for right in RIGHTS[Role(role)])
    return every if strong else every - NEEDS_TOTP
