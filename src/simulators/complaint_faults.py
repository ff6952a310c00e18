"""The faults of complaints, for the catalogue."""

from __future__ import annotations

# Name, zh, en, default params: the same at both channels. They are put on the trade's number.
FAULTS: tuple[tuple[str, str, str, dict[str, object]], ...] = (
    ("complaint_notify_lost", "投诉通知丢失", "no complaint notify is ever sent", {}),
    ("complaint_notify_duplicate", "投诉通知重复", "the complaint notify comes n times", {"n": 3}),
    (
        "complaint_notify_out_of_order",
        "投诉通知乱序",
        "the first notify comes after the next, or after s seconds",
        {"s": 600},
    ),
    ("complaint_reply_timeout", "回复已收但不应答", "a reply is taken and not answered", {"times": 1}),
    ("complaint_reply_lost", "回复未收也不应答", "a reply is neither taken nor answered", {"times": 1}),
    ("complaint_unknown", "投诉查询系统错误", "reading the complaint ends in a system error", {"times": 1}),
)
