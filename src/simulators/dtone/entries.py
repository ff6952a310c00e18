"""DT One's rows of the fault catalogue: name, zh, en, default params, forced end, whether it makes an unknown.

Same names as at 福禄 where the fault is the same. What spoils an answer after acceptance hits the confirmation:
before it nothing can be topped up. Not here: partial refunds, because a decline always gives all back.
"""

from __future__ import annotations

PERSON, REFUNDED = "waiting_for_person", "refunded"
ALWAYS: dict[str, object] = {"times": 0}
ONCE: dict[str, object] = {"times": 1}

Row = tuple[str, str, str, dict[str, object], str | None, bool]

ROWS: tuple[Row, ...] = (
    ("timeout_before_acceptance", "受理前超时", "never accepted, never answered", ALWAYS, PERSON, True),
    ("timeout_after_acceptance", "受理后超时", "confirmed and made, never answered", ONCE, None, True),
    ("unknown_http500", "受理后返回 HTTP 500", "confirmed, answers HTTP 500", ONCE, None, True),
    ("unknown_non_json", "受理后返回非 JSON", "confirmed, answers text", ONCE, None, True),
    (
        "unknown_html404_after_acceptance",
        "受理后返回 HTML 404",
        "confirmed, answers an HTML 404 page",
        ONCE,
        None,
        True,
    ),
    ("unknown_9999", "受理后返回 1009001", "confirmed, answers code 1009001", ONCE, None, True),
    (
        "duplicate_number",
        "确认时报已确认过",
        "confirmed, but answers 'already confirmed'",
        ONCE,
        None,
        True,
    ),
    ("confirm_429", "确认时限流 429", "HTTP 429 on the first n confirmations", ONCE, None, False),
    ("confirm_lost", "确认请求丢失", "the confirmation never arrives", ALWAYS, REFUNDED, True),
    ("cancel_lost", "取消请求丢失", "the cancellation never arrives", ONCE, None, True),
    (
        "query_not_found_then_found",
        "查询先无后有",
        "the first n queries say 1008004",
        {"times": 2},
        None,
        True,
    ),
    ("query_unknown", "查询返回 1009001", "the first n queries answer 1009001", {"times": 2}, None, False),
    ("late_success", "迟到的成功", "success only after s virtual seconds", {"s": 90}, None, True),
    (
        "success_then_reversed",
        "成功后冲正 (REVERSED)",
        "COMPLETED, REVERSED after s virtual seconds",
        {"s": 60},
        REFUNDED,
        False,
    ),
    (
        "success_after_failure",
        "失败后又成功",
        "after a decline: COMPLETED all the same, after s virtual seconds",
        {"s": 60},
        None,
        False,
    ),
    (
        "done_without_cards",
        "成功但暂无卡密",
        "COMPLETED without a PIN for the first n queries",
        {"times": 2},
        None,
        False,
    ),
    ("too_few_cards", "成功但没有卡密", "COMPLETED and never a PIN", ALWAYS, PERSON, False),
    ("same_card_twice", "重复卡密", "a PIN handed out before", ALWAYS, PERSON, False),
    (
        "price_above_safe",
        "涨价超过安全价",
        "the quoted price is up by percent",
        {"percent": 20},
        REFUNDED,
        False,
    ),
    ("price_other_currency", "报价币种不符", "the price is quoted in another currency", {}, REFUNDED, False),
    ("insufficient_balance", "平台余额不足", "refused: 1006001", ALWAYS, REFUNDED, False),
    ("maintenance", "服务维护中", "refused: 1009503", ALWAYS, REFUNDED, False),
    ("rate_limited_429", "限流 429", "HTTP 429, not accepted", ONCE, None, False),
    ("account_banned", "充值账号被封禁", "DECLINED-BARRED-CREDIT-PARTY", {}, REFUNDED, False),
    ("velocity_refused", "充值过于频繁", "DECLINED-LIMITATIONS-ON-…-QUANTITY", {}, REFUNDED, False),
    ("wrong_account", "充值账号错误", "refused: 1005003", ALWAYS, REFUNDED, False),
    ("region_refused", "号码不适用该商品", "DECLINED-INELIGIBLE-CREDIT-PARTY", {}, REFUNDED, False),
    (
        "operator_unavailable",
        "运营商暂不可用",
        "DECLINED-OPERATOR-CURRENTLY-UNAVAILABLE",
        {},
        REFUNDED,
        False,
    ),
    ("rejected_by_platform", "平台规则拒绝", "REJECTED when it is confirmed", {}, REFUNDED, False),
    ("declined", "运营商拒绝", "DECLINED, no reason given", {}, REFUNDED, False),
    ("stock_out", "商品不可用", "refused: 1003001", ALWAYS, REFUNDED, False),
    (
        "forged_callback",
        "伪造的成功回调",
        "a false COMPLETED; signed: to the callback's full address",
        {"signed": True},
        None,
        False,
    ),
    ("callback_lost", "回调丢失", "no callback is sent", {}, None, False),
    ("callback_duplicate", "回调重复", "n callbacks", {"n": 3}, None, False),
    (
        "silent",
        "一直处理中",
        "SUBMITTED for ever, until decided through control",
        {},
        PERSON,
        True,
    ),
    (
        "slow",
        "响应缓慢",
        "create and confirm are late by s virtual seconds",
        {"s": 3, "times": 0},
        None,
        False,
    ),
)
