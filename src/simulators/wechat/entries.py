"""WeChat Pay's rows of the fault catalogue: name, zh, en, default params, forced end, whether it makes an unknown.

Same names as at Alipay where the fault is the same. Not here: two payments on one number (WeChat takes one).
"""

from __future__ import annotations

PERSON = "waiting_for_person"
ALWAYS: dict[str, object] = {"times": 0}
ONCE: dict[str, object] = {"times": 1}

Row = tuple[str, str, str, dict[str, object], str | None, bool]

ROWS: tuple[Row, ...] = (
    ("notify_duplicate", "同一通知重复送达", "the same notify sent again (same id)", {"n": 2}, None, False),
    ("notify_duplicate_new_id", "同一支付换通知 id 重复", "again under a new id", {"n": 2}, None, False),
    ("notify_concurrent", "多条通知同时到达", "n copies of the notify at once", {"n": 6}, None, False),
    (
        "notify_late_after_close",
        "通知迟到",
        "the notify comes late, after our close",
        {"s": 1800},
        None,
        False,
    ),
    (
        "notify_before_create_returns",
        "下单返回前已支付并通知",
        "paid and notified before create answers",
        {},
        None,
        False,
    ),
    ("notify_out_of_order", "退款通知先于支付通知", "the refund notify comes first", {"s": 600}, None, False),
    (
        "notify_wrong_amount",
        "金额不符的通知",
        "a notify of another amount comes first",
        {"fen": 1, "signed": True},
        None,
        False,
    ),
    ("notify_wrong_app_id", "appid 不符的通知", "a signed notify of another app first", {}, None, False),
    ("notify_wrong_seller", "商户号不符的通知", "a signed notify of another merchant first", {}, None, False),
    ("notify_forged", "伪造签名的通知", "a success under a foreign key after create", {"s": 0}, None, False),
    ("notify_stale", "过时的通知", "a notify signed an hour ago comes first", {}, None, False),
    ("notify_future", "来自未来的通知", "a notify signed an hour ahead comes first", {}, None, False),
    ("notify_signtest", "签名探测流量", "a notify with a probing signature first", {}, None, False),
    ("notify_unknown_serial", "未知证书序列号的通知", "a notify of an unknown serial first", {}, None, False),
    (
        "notify_foreign_resource",
        "用别家 APIv3 密钥加密的通知",
        "a signed notify encrypted under another merchant's key first",
        {},
        None,
        False,
    ),
    ("notify_lost", "通知丢失", "no payment or refund notify is ever sent", {}, None, False),
    (
        "notify_refund_shaped",
        "并无退款的退款通知",
        "a signed refund notify, no refund exists",
        {},
        None,
        False,
    ),
    (
        "notify_for_unpaid",
        "未支付却收到有效签名的成功通知",
        "a signed success for a trade nobody paid",
        {"s": 0},
        PERSON,
        False,
    ),
    ("key_rotation", "平台密钥轮换", "this order's notifies are signed with the next key", {}, None, False),
    ("create_timeout", "下单超时", "create is recorded but never answers", ONCE, None, False),
    ("create_unknown", "下单结果未知", "create is recorded and answers SYSTEM_ERROR", ONCE, None, False),
    ("query_unknown", "查询结果未知", "query answers SYSTEM_ERROR", {"times": 2}, None, False),
    ("query_timeout", "查询超时", "query never answers", ONCE, None, False),
    ("answer_signtest", "应答签名探测", "query is answered with a probing signature", ONCE, None, False),
    ("answer_stale", "过时的应答", "query is answered with an old seal", ONCE, None, False),
    ("close_race_pay", "关单瞬间买家付款", "the buyer pays in the instant of our close", ONCE, None, False),
    (
        "refund_unknown_then_success",
        "退款结果未知，实际成功",
        "refund answers SYSTEM_ERROR but was made",
        ONCE,
        None,
        False,
    ),
    (
        "refund_timeout_executed",
        "退款超时，实际成功",
        "refund never answers but was made",
        ONCE,
        None,
        False,
    ),
    ("refund_timeout_lost", "退款请求丢失", "refund never answers and was not made", ONCE, None, False),
    (
        "refund_refused",
        "退款被拒",
        "refund is refused: balance short",
        {"times": 0, "sub_code": "NOT_ENOUGH"},
        None,
        False,
    ),
    ("refund_slow", "退款处理中", "the refund stays PROCESSING for s seconds", {"s": 600}, None, False),
    ("refund_abnormal", "退款异常", "the buyer's card is dead: ABNORMAL", {}, PERSON, False),
    ("refund_closed", "退款关闭", "the refund ends CLOSED, the money comes back", {}, None, False),
    (
        "paid_other_amount",
        "实付金额与订单不符",
        "what is paid and told differs by fen",
        {"fen": -1},
        None,
        False,
    ),
    ("bill_row_missing", "账单缺行", "the paid trade is missing in the bills", ALWAYS, None, False),
    ("slow", "响应缓慢", "every answer is late by s virtual seconds", {"s": 3, "times": 0}, None, False),
)
