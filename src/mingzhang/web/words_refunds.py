"""Words about refunds: in part, by another path, their ageing (`words.py` and `problems.py` merge them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


SENTENCES: Final[Mapping[str, str]] = {
    "part_refund_asked": N_("【%(shop)s】已为您申请原路退回其中一部分。"),
    "part_refund_processing": N_("%(channel)s正在原路退回其中一部分。"),
    "part_refund_arrived": N_("%(channel)s已退回其中一部分；到您的银行卡可能还需 1–3 个工作日。"),
}
MONEY_ACTIONS: Final[Mapping[str, str]] = {
    "refund_part": N_("原路部分退款"),
}
MONEY_NOTES: Final[Mapping[str, str]] = {
    "refund_part": N_("按原路退回您填写的金额，可以分几次退；合计不会超过买家付的钱。"),
}
PROBLEMS: Final[Mapping[str, str]] = {
    "over_refund": N_("超过了还能退的金额，请刷新再看"),
    "refund_whole_only": N_("这个支付渠道只能整笔退，不能退一部分"),
}
AGES: Final[Mapping[str, str]] = {
    "late": N_("超过承诺日期"),
    "person": N_("等人处理"),
    "float": N_("等渠道里的钱"),
    "3": N_("3 个工作日"),
    "2": N_("2 个工作日"),
    "1": N_("1 个工作日"),
    "0": N_("当天"),
}
