"""Words of complaints made at payment channels (`views.py` and `problems.py` merge them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


PROBLEMS: Final[Mapping[str, str]] = {
    "unknown_complaint": N_("没有这件渠道投诉"),
    "complaint_bound": N_("这件投诉已归入一张订单"),
    "complaint_has_case": N_("请在纠纷页面答复，会自动发到渠道；已了结的投诉不能再答复"),
}
STATES: Final[Mapping[str, str]] = {
    "unread": N_("正在读取"),
    "not_there": N_("渠道没有这件投诉"),
    "waiting": N_("等本店首次答复"),
    "answered": N_("本店已答复"),
    "outside": N_("渠道客服介入"),
    "done": N_("渠道已了结"),
    "withdrawn": N_("投诉人已撤回"),
    "unknown": N_("渠道给了我们不认识的状态"),
}
WISHES: Final[Mapping[str, str]] = {
    "refund": N_("要求退款"),
    "delivery": N_("要求到账"),
    "other": N_("其他诉求"),
    "": N_("未读取"),
}
ACTS: Final[Mapping[str, str]] = {
    "reply": N_("答复"),
    "refund": N_("退款进度"),
    "complete": N_("处理完成"),
}
ACT_STATES: Final[Mapping[str, str]] = {
    "intent": N_("待发送"),
    "sending": N_("发送中"),
    "unknown": N_("没有回音，正在渠道的协商记录里找"),
    "sent": N_("渠道已收到"),
    "refused": N_("渠道没有接受"),
    "dropped": N_("不再需要"),
}
SPEAKERS: Final[Mapping[str, str]] = {
    "buyer": N_("投诉人"),
    "shop": N_("本店"),
    "channel": N_("渠道客服"),
}
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "complaint_state": STATES,
    "complaint_wish": WISHES,
    "complaint_act": ACTS,
    "complaint_act_state": ACT_STATES,
    "complaint_speaker": SPEAKERS,
}
