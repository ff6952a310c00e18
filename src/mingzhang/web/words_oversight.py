"""Words of oversight: licences, samples, what is refused, and what to do then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


_GENERAL: Final = N_("其他")
LICENCE_KINDS: Final[Mapping[str, str]] = {
    "own": N_("本店自己"),
    "channel": N_("支付通道"),
    "supplier": N_("供应商"),
    "bank": N_("银行"),
}
SAMPLE_CHECKS: Final[Mapping[str, str]] = {
    "legs": N_("每笔分录借贷相等"),
    "places": N_("没有任何一处为负"),
    "evidence": N_("凭据原文与指纹相符"),
    "log": N_("在公开记录里，证明与签名成立"),
    "receipt": N_("供应商说成功"),
    "clock": N_("没有超过期限"),
}
TABLES: Final = {
    "licence_kind": (LICENCE_KINDS, _GENERAL),
    "sample_check": (SAMPLE_CHECKS, _GENERAL),
}
PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "sample_invalid": (N_("抽样的填写有误"), N_("种子 1–64 个字符，数量 1–50。请返回改好再抽。")),
    "erased": (
        N_("这项个人信息已删除"),
        N_("买家要求删除，或保存期限已满。单号、金额、时间和公开记录仍在。"),
    ),
    "takes_two_people": (
        N_("监管和审计账号要两个人开"),
        N_("在命令行建立时，要另一位管理员当场输入密码和验证码；改角色请由一人提出、另一人批准。"),
    ),
}
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "licence_invalid": N_("请填类别、单位、名称和编号；网址要以 http 开头，日期写成 2027-12-31"),
    "unknown_licence": N_("没有这项资质"),
    "erased": N_("这项个人信息已删除"),
    "licence_changed": N_("别人刚刚改过这一项，请重新看一遍再改"),
}
