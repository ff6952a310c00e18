"""Words of notices about disputes and of webhooks; see `words.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


TEMPLATES: Final[Mapping[str, str]] = {
    "dispute_opened": N_("纠纷已登记"),
    "dispute_answered": N_("纠纷有回复"),
    "dispute_presses": N_("纠纷等待处理"),
    "dispute_settled": N_("纠纷有结果"),
    "wind_down": N_("停止经营，请存凭证"),
    "webhook_dead": N_("Webhook 已停用"),
    "webhook": N_("Webhook 消息"),
}
AUDIENCES: Final[Mapping[str, str]] = {"webhook": N_("程序")}
CHANNELS: Final[Mapping[str, str]] = {"webhook": N_("Webhook"), "sms": N_("短信")}

ENDPOINT_STATES: Final[Mapping[str, str]] = {
    "active": N_("正在推送"),
    "paused": N_("已暂停"),
    "dead": N_("已停用"),
}
TOPICS: Final[Mapping[str, str]] = {
    "order": N_("订单"),
    "refund": N_("退款"),
    "dispute": N_("纠纷"),
}

# Refusals at the form; merged into `problems.FIELD_ERRORS`.
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "url_invalid": N_("地址要以 https:// 或 http:// 开头，不能带账号密码"),
    "url_private": N_("这是内网地址，不能推送"),
    "webhook_topics": N_("请至少选一类"),
    "too_many_endpoints": N_("接收地址太多了，请先删掉不用的"),
    "unknown_endpoint": N_("没有这个接收地址，或它没有在推送"),
    "notice_not_done": N_("这条还在发送中，或它的接收地址已停"),
}
