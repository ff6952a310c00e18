"""Words of the trust page, of papers in versions, and of what is owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


PAPER_KINDS: Final[Mapping[str, str]] = {
    "rules": N_("交易规则"),
    "agreement": N_("用户协议"),
    "privacy": N_("隐私政策"),
}
LICENCE_STATES: Final[Mapping[str, str]] = {
    "valid": N_("有效"),
    "ends_soon": N_("快到期"),
    "ended": N_("已过期"),
}
OWED_PLACES: Final[Mapping[str, str]] = {
    "channel": N_("在支付渠道"),
    "refunding": N_("退款处理中"),
    "hold": N_("争议锁定"),
    "transit.settlement": N_("结算中"),
    "custody": N_("在银行账户"),
    "supplier.reserved": N_("押在供应商，处理中"),
    "refund.transit": N_("已交渠道退款，未到"),
    "fee": N_("渠道手续费"),
    "missing": N_("待核实"),
}
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "paper_invalid": (N_("这份文本还不能公布"), N_("中文和英文都要写；看看标出的地方。")),
    "notice_too_short": (
        N_("施行日期太早"),
        N_("改动要先公示至少七天（电子商务法第三十四条），请选更晚的一天。"),
    ),
    "not_owed": (
        N_("这一天的清单里没有这张订单"),
        N_("那一天结束时没有欠您的钱，或订单在那以后才付款。"),
    ),
}
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "notice_too_short": N_("改动要先公示至少七天，请选更晚的一天"),
    "paper_invalid": N_("中文和英文都要写"),
}
# What templates ask for by name (`View.w`).
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "paper_kind": PAPER_KINDS,
    "licence_state": LICENCE_STATES,
    "owed_place": OWED_PLACES,
}
