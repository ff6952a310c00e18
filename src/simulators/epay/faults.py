"""The aggregator's faults, for the catalogue: name, zh, en, default params, end of the order, unknown.

The names are Alipay's where the fault is the same. What this wire cannot have (a notify's age, a seller, a
refund's notify, a close, a bill) has no fault here.
"""

from __future__ import annotations

Row = tuple[str, str, str, dict[str, object], str | None, bool]


def _row(name: str, zh: str, en: str, **params: object) -> Row:
    return (name, zh, en, params, None, False)


FAULTS: tuple[Row, ...] = (
    _row("notify_duplicate", "同一通知重复送达", "the same notify sent again", n=2),
    _row("notify_concurrent", "多条通知同时到达", "n copies of the notify at once", n=6),
    _row("notify_late_after_close", "通知迟到", "the notify comes late, after our close", s=1800),
    _row("notify_before_create_returns", "下单返回前已支付并通知", "paid and notified before create answers"),
    _row("notify_wrong_amount", "金额不符的通知", "a notify of another amount first", fen=1, signed=True),
    _row("notify_wrong_app_id", "pid 不符的通知", "a signed notify of another pid comes first"),
    _row("notify_forged", "伪造签名的通知", "a success under a foreign key, right after create", s=0),
    _row("notify_old_key", "旧密钥签名的通知", "the notify is signed with the key before this one"),
    _row("notify_lost", "通知丢失", "no notify is ever sent"),
    _row("notify_never_retried", "通知不重试", "one notify only, whatever it is answered"),
    _row("notify_for_unpaid", "未支付却收到有效签名的成功通知", "a signed success nobody paid", s=0),
    _row("create_timeout", "下单超时", "create is recorded but never answers", times=1),
    _row("create_unknown", "下单结果未知", "create is recorded and answers HTTP 500", times=1),
    _row("number_not_unique", "同一订单号多次下单生成多笔交易", "every create makes one more trade"),
    _row("query_unknown", "查询结果未知", "query answers an HTML error page", times=2),
    _row("query_timeout", "查询超时", "query never answers", times=1),
    _row("query_not_found_then_found", "查询先无后有", "the first n queries say no such order", times=2),
    _row("unpaid_deleted", "未支付订单被清理", "the unpaid row is deleted after s virtual seconds", s=60),
    _row("realmoney_differs", "实付金额与订单金额不同", "the payer pays fen more than is told", fen=3),
    _row("paid_other_amount", "实付金额与订单不符", "what is paid and told differs by fen", fen=-1),
    _row("two_payments", "同一订单号两次付款", "the buyer's one action makes two paid trades"),
    _row("trade_frozen", "订单被冻结", "the aggregator freezes the trade as it is paid"),
    _row(
        "refund_unknown_then_success", "退款结果未知，实际成功", "refund answers HTTP 500, was made", times=1
    ),
    _row("refund_timeout_executed", "退款超时，实际成功", "refund never answers but was made", times=1),
    _row("refund_timeout_lost", "退款请求丢失", "refund never answers and was not made", times=1),
    _row("refund_refused", "退款被拒", "refund answers that the balance is short", times=0),
    _row("slow", "响应缓慢", "every answer is late by s virtual seconds", s=3, times=0),
)
