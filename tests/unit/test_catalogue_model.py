"""Quantities, tiered prices and account fields: arithmetic without a database."""

from __future__ import annotations

import pytest

from mingzhang.app.supplier_template import fields_from
from mingzhang.app.wiring import sample_products
from mingzhang.catalogue.accounts import carrier_of, clean_account
from mingzhang.catalogue.fields import (
    AccountField,
    check_fields,
    clean_values,
    fields_of,
    mask_values,
    pack_values,
    read_values,
)
from mingzhang.catalogue.number_check import NumberState, require_in_use
from mingzhang.catalogue.store import Product, Tier
from mingzhang.fulfilment.suppliers import fulu
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.fulfilment.suppliers.kasushou_goods import AccountField as Told
from mingzhang.kit.errors import Problem
from mingzhang.orders.password import check_password

OWN = (
    AccountField(name="account", kind="game_id"),
    AccountField(name="zone", kind="choice", choices=("艾欧尼亚", "祖安")),
    AccountField(name="secret", kind="password"),
)


def product(**more: object) -> Product:
    first = sample_products()[0]
    return Product(**{name: getattr(first, name) for name in first.__struct_fields__} | more)  # type: ignore[arg-type]


def test_quantities_go_from_the_least_in_steps_and_prices_fall_by_tiers() -> None:
    sold = product(
        price_fen=1000,
        min_quantity=2,
        max_quantity=20,
        step_quantity=3,
        tiers=(Tier(from_quantity=5, price_fen=950), Tier(from_quantity=10, price_fen=900)),
    )
    assert [n for n in range(30) if sold.sells(n)] == [2, 5, 8, 11, 14, 17, 20]
    assert [sold.total_fen(n) for n in (2, 4, 5, 9, 10, 20)] == [2000, 4000, 4750, 8550, 9000, 18000]
    assert not sold.slow
    assert product(promise_s=72 * 3600).slow


@pytest.mark.parametrize(
    ("template", "own", "account", "more", "packed", "masked"),
    [
        ("none", (), "x", {}, "", ""),
        ("phone_cn", (), "138 0013 8000", {}, "13800138000", "138****8000"),
        ("email", (), " Wang@Example.COM ", {}, "Wang@example.com", "Wa***@example.com"),
        (
            "region_server",
            (),
            "wanderer",
            {"region": " 电信  一区 ", "server": "S12"},
            '{"account":"wanderer","region":"电信 一区","server":"S12"}',
            "w****erer · 电信 一区 · S12",
        ),
        (
            "supplier",
            OWN,
            "wanderer",
            {"zone": "祖安", "secret": "p w"},
            '{"account":"wanderer","zone":"祖安","secret":"p w"}',
            "w****erer · 祖安",
        ),
    ],
)
def test_account_fields_are_cleaned_packed_and_masked(
    template: str,
    own: tuple[AccountField, ...],
    account: str,
    more: dict[str, str],
    packed: str,
    masked: str,
) -> None:
    check_fields(template, own)
    values = clean_values(template, own, account, more)
    assert pack_values(values) == packed
    assert read_values(packed) == {"account": "", **values}
    assert mask_values(fields_of(template, own), values) == masked


@pytest.mark.parametrize(
    ("template", "own", "account", "more", "field"),
    [
        ("phone_cn", (), "12345678901", {}, "account"),
        ("phone_cn", (), "13800138000", {"server": "S1"}, "account"),
        ("none", (), "", {"server": "S1"}, "account"),
        ("region_server", (), "wanderer", {"region": "R"}, "server"),
        ("region_server", (), "", {"region": "R", "server": "S"}, "account"),
        ("region_server", (), "wanderer", {"region": "R", "server": "S" * 61}, "server"),
        ("region_server", (), "wanderer", {"region": "R\x00", "server": "S"}, "region"),
        ("supplier", OWN, "wanderer", {"zone": "Zaun", "secret": "p"}, "zone"),
        ("email", (), "a\x00b@example.com", {}, "account"),
    ],
)
def test_a_bad_field_is_named(
    template: str, own: tuple[AccountField, ...], account: str, more: dict[str, str], field: str
) -> None:
    with pytest.raises(Problem, match="bad_account") as refused:
        clean_values(template, own, account, more)
    assert refused.value.params["field"] == field


@pytest.mark.parametrize(
    ("template", "own"),
    [
        ("supplier", ()),
        ("nonsense", ()),
        ("supplier", (AccountField(name="zone"),)),
        ("supplier", (OWN[0], OWN[0])),
        ("supplier", (OWN[0], AccountField(name="zone", kind="choice"))),
        ("supplier", (OWN[0], AccountField(name="_bad"))),
    ],
)
def test_a_template_nobody_could_fill_in_is_refused(template: str, own: tuple[AccountField, ...]) -> None:
    with pytest.raises(Problem, match=r"bad_fields|bad_template"):
        check_fields(template, own)


def test_the_carrier_is_a_hint_by_prefix() -> None:
    assert carrier_of("13800138000", "zh") == "中国移动"
    assert carrier_of("18601234567", "en") == "China Unicom"
    assert carrier_of(clean_account("phone_cn", "+86 189 0123 4567"), "zh") == "中国电信"


class Service:
    """A number check that answers what it is told to, or never."""

    def __init__(self, answer: NumberState | None) -> None:
        self.answer = answer

    async def check(self, phone: str) -> NumberState:
        assert phone == "13800138000"
        if self.answer is None:
            raise OSError("away")
        return self.answer


@pytest.mark.parametrize("answer", [None, *NumberState])
async def test_only_a_positive_answer_of_a_number_check_stops_an_order(answer: NumberState | None) -> None:
    if answer in {NumberState.EMPTY, NumberState.SUSPENDED}:
        with pytest.raises(Problem, match="number_not_in_use"):
            await require_in_use(Service(answer), "13800138000")
    else:
        await require_in_use(Service(answer), "13800138000")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaa", "123456", "wanderer", "tab\tin it"])
def test_weak_query_passwords_are_refused(weak: str) -> None:
    with pytest.raises(Problem, match="bad_password"):
        check_password(weak, ("wanderer",))
    check_password("kite-42-lake", ("wanderer",))


def test_further_fields_reach_each_supplier_under_its_own_keys_and_displace_nothing() -> None:
    asked = SupplyRequest(
        attempt_no="MZ1A1",
        kind=GoodsKind.DIRECT,
        supplier_product="10000010",
        quantity=1,
        account="wanderer",
        face_value_fen=1000,
        safe_cost_fen=990,
        fields=(("region", "R"), ("server", "S"), ("customer_order_no", "another"), ("buy_num", "9")),
    )
    method, sent = fulu._order(asked)
    assert method == "fulu.order.direct.add"
    assert (sent["charge_game_region"], sent["charge_game_srv"]) == ("R", "S")
    assert (sent["customer_order_no"], sent["buy_num"]) == ("MZ1A1", 1)


def test_a_suppliers_own_template_becomes_fields_with_the_account_in_front() -> None:
    told = (
        Told(key="server", name="服务器", tip="", kind="select"),
        Told(key="recharge_account", name="QQ号码", tip="请填写QQ号码", kind="text"),
        Told(key="pass_word", name="密码", tip="", kind="password"),
    )
    fields = fields_from(told)
    assert [(field.name, field.kind) for field in fields] == [
        ("account", "qq"),
        ("server", "text"),
        ("pass_word", "password"),
    ]
    check_fields("supplier", fields)
