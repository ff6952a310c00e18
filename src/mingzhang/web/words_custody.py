"""Words of custody, settlement and coverage: what is refused, and what to do then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "statement_refused": (
        N_("对账单没有收下"),
        N_("文件不完整、不相符，或与上一份接不上：按下方指出的行和字段向银行要一份正确的。"),
    ),
    "settlement_refused": (
        N_("结算明细没有收下"),
        N_("明细不平、重复，或有我们不认识的交易：请按指出的行核对渠道账单。"),
    ),
    "account_invalid": (N_("账户登记有误"), N_("请写明账号、银行代号，以及是存管账户还是自有账户。")),
    "unknown_statement": (N_("没有这份对账单"), N_("请从对账单列表进入。")),
    "unknown_bank": (N_("没有这个银行账户"), N_("请先登记账户。")),
    "unknown_day": (N_("没有这一天的覆盖率"), N_("请从列表里选一天；当天的要到次日零点后才有。")),
    "unknown_instruction": (N_("没有这笔付款指令"), N_("请从付款指令列表进入。")),
    "instruction_invalid": (N_("付款指令不完整"), N_("请填用途、收款户名、账号和金额。")),
    "coverage_short": (N_("买家的钱没有足额覆盖"), N_("毛利划转已停止；请先按覆盖率页的依据查明差额。")),
    "fact_waits": (N_("这一单还有一件事没入账"), N_("备用金到位、那件事入账以后，才能继续。")),
    "batch_open": (N_("这个结算批次还没对平"), N_("系统会自动再核对；过期会交给人处理。")),
}
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "unknown_bank": N_("没有这个银行账户"),
    "instruction_invalid": N_("请填用途、收款户名、账号和金额"),
    "coverage_short": N_("买家的钱没有足额覆盖，毛利划转已停止"),
}
