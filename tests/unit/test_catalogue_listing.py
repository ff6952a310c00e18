"""R30: no false promise and no dumping price goes on sale; what is honest does."""

from __future__ import annotations

import pytest
from test_catalogue_model import product

from mingzhang.app import sample_shop, wiring
from mingzhang.catalogue.listing import FLOORS, RULES, check_listing, find_promises, least_fen, require_honest
from mingzhang.catalogue.model import Tier
from mingzhang.kit.errors import Problem


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("instant_arrival", "话费直充 秒到账"),
        ("instant_arrival", "话费直充【秒 ✨ 到 账】"),
        ("instant_arrival", "秒\u200b到賬"),
        ("instant_arrival", "3秒充值"),
        ("instant_arrival", "ｍｉａｏ到账"),
        ("instant_arrival", "立即到帳，不用等"),
        ("instant_arrival", "无需等待到账"),
        ("instant_arrival", "Instant Delivery!"),
        ("instant_arrival", "credited in 3 seconds"),
        ("high_return", "低价高返"),
        ("high_return", "低-价-高-反"),
        ("high_return", "充100送50"),
        ("high_return", "充值返利 10%"),
        ("high_return", "HIGH REBATES"),
        ("certain_success", "100% 到账"),
        ("certain_success", "包到账，永不失败"),
        ("certain_success", "Guaranteed success"),
        ("hidden_source", "官方内部渠道"),
        ("hidden_source", "无视风控"),
        ("earnings", "稳赚不赔"),
    ],
)
def test_a_false_promise_is_found_however_it_is_dressed(rule: str, text: str) -> None:
    assert [found.rule for found in find_promises("title_zh", text)] == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "话费快充 100元",
        "到账时间以运营商为准，一般 5 分钟内",
        "本店不承诺秒到账",
        "谨防“低价高返”骗局",
        "We make no promise of instant delivery.",
        "返回上一页；提高返程舒适度",
        "付款后 72 小时内到账，逾期可退款",
        "constant delivery of good service",
        "分秒必争 · 每秒一帧",
        "100元面值",
    ],
)
def test_honest_words_pass(text: str) -> None:
    assert list(find_promises("description_zh", text)) == []


@pytest.mark.parametrize(
    ("more", "least"),
    [
        ({"face_value_fen": 10000, "cost_fen": 9000}, 9500),
        ({"face_value_fen": 10000, "cost_fen": 9900}, 9603),
        ({"face_value_fen": 10000, "cost_fen": 7000, "promise_s": 72 * 3600}, 8000),
        ({"kind": "card", "face_value_fen": 999, "cost_fen": 1}, 600),
        ({"kind": "direct", "face_value_fen": 1000, "cost_fen": 965}, 869),
    ],
)
def test_prices_are_held_against_a_floor_by_kind(more: dict[str, object], least: int) -> None:
    assert least_fen(product(**more)) == least
    assert check_listing(product(**more, price_fen=least), {}) == []
    tier = (Tier(from_quantity=2, price_fen=least - 1),)
    assert [
        (found.field, found.found)
        for found in check_listing(product(**more, price_fen=least, tiers=tier), {})
    ] == [("tiers", str(least))]
    with pytest.raises(Problem, match="listing_refused") as refused:
        require_honest(product(**more, price_fen=least - 1), {})
    assert refused.value.params == {"rule": "below_floor", "field": "price", "found": str(least)}


def test_the_sample_shop_keeps_its_own_rules_and_every_kind_has_a_floor() -> None:
    for one in [*wiring.sample_products(), *sample_shop.further_products()]:
        require_honest(one, {})
    assert set(FLOORS) == {"mobile", "mobile_slow", "direct", "card"}
    assert all(rule.zh and rule.en for rule in RULES.values())
