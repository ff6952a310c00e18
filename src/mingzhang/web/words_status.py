"""Words of the public status page and of winding down; see `words.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


STATES: Final[Mapping[str, str]] = {
    "ok": N_("一切正常"),
    "alarm": N_("需要注意"),
    "closing": N_("正在停止经营"),
}
# What is looked at, when it is well, and what it means when it is not.
SIGNALS: Final[Mapping[str, str]] = {
    "database": N_("记录能读能写"),
    "worker": N_("程序在照看到期的订单"),
    "sweeps": N_("主动核对渠道的款项"),
    "coverage": N_("买家的款项足额在账"),
    "staff": N_("有人在岗"),
}
SIGNALS_BAD: Final[Mapping[str, str]] = {
    "database": N_("现在读不到记录。款项不受影响，恢复后继续；请存好您的交易凭证。"),
    "worker": N_("照看订单的程序停了。您的钱在原处不动；请先不要下新单。"),
    "sweeps": N_("没有按时向支付渠道核对。已付款而订单没更新的，请提交付款凭证。"),
    "coverage": N_("渠道和银行账上属于买家的钱少于应有的。请先不要下新单，并存好交易凭证。"),
    "staff": N_("很久没有人处理事务。联系不上客服时，请向支付渠道和 12315 投诉；怀疑诈骗请报警。"),
}
CLOSURES: Final[Mapping[str, str]] = {"closing": N_("本店正在停止经营，不再销售")}
PAUSE_CAUSES: Final[Mapping[str, str]] = {"closing": N_("停止经营")}

# Refusals at the form; merged into `problems.FIELD_ERRORS`.
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "notice_too_short": N_("日期要在 30 天之后、一年之内"),
    "wind_down_running": N_("已经在停止经营了"),
    "unknown_wind_down": N_("没有正在进行的停止经营"),
    "approval_own": N_("自己提出的要由另一个人批准"),
    "approval_decided": N_("这件已经有人决定过了"),
    "approval_expired": N_("这件已过期，请重新提出"),
    "approval_orphaned": N_("提出的人已停用，请重新提出"),
    "unknown_approval": N_("没有这件提议"),
}
