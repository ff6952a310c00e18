"""Whose turn it is, what applies and the letters: every situation, promise and statute apart, nothing made up (R31–R38)."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import product
from pathlib import Path

import pypdf
import pytest
from msgspec.structs import replace
from test_web_pages import NOON, ORDER, SHOP

from mingzhang.app.paper import set_paper
from mingzhang.kit.errors import Problem
from mingzhang.recourse.law import read_law
from mingzhang.recourse.letters import KINDS, Kind, Typed, fraud_fen
from mingzhang.recourse.routing import LADDER, SITUATIONS, Trail, Whose, find_route
from mingzhang.web import words_letters, words_recourse
from mingzhang.web.model import RefundPanel
from mingzhang.web.pages_letters import write_letter
from mingzhang.web.pages_recourse import help_page

LAW = read_law()
SITE = "https://shop.example"
HAN = re.compile(r"[\u4e00-\u9fff]")
REFUND = RefundPanel(
    refund_no="0001ABCDEFR1",
    channel="alipay",
    amount_fen=100,
    state="arrived",
    cause="supplier_refused",
    steps=(),
    destination="",
    reference="2026112399",
    promised_at=NOON + timedelta(days=3),
)


@pytest.mark.parametrize(
    ("trail", "code", "whose"),
    [
        (Trail(pay="awaiting", supply="none"), "unpaid", Whose.BUYER),
        (Trail(pay="closed", supply="none"), "closed", Whose.NOBODY),
        (Trail(pay="confirming", supply="none"), "payment_unseen", Whose.CHANNEL),
        (Trail(pay="paid", supply="none", place="missing"), "in_doubt", Whose.CHANNEL),
        (Trail(pay="paid", supply="arrived", place="hold"), "held", Whose.CHANNEL),
        (Trail(pay="paid", supply="needs_you"), "correct_account", Whose.BUYER),
        (Trail(pay="paid", supply="confirming", may_choose=True), "choose", Whose.BUYER),
        (Trail(pay="paid", supply="none", place="channel"), "at_shop", Whose.SHOP),
        (Trail(pay="paid", supply="confirming", actor="person"), "with_person", Whose.SHOP),
        (Trail(pay="paid", supply="processing", place="supplier.reserved"), "at_supplier", Whose.SUPPLIER),
        (Trail(pay="paid", supply="confirming"), "supplier_silent", Whose.SUPPLIER),
        (Trail(pay="paid", supply="refused"), "refused", Whose.SHOP),
        (Trail(pay="paid", supply="arrived", place="supplier.settled"), "arrived", Whose.NOBODY),
        (Trail(pay="paid", supply="partly_arrived"), "arrived_in_part", Whose.SHOP),
        (Trail(pay="refunding", supply="refused", refund="waiting_float"), "refund_at_shop", Whose.SHOP),
        (Trail(pay="refunding", supply="refused", refund="unknown"), "refund_at_channel", Whose.CHANNEL),
        (Trail(pay="refunded", supply="refused", refund="arrived"), "refund_at_bank", Whose.BANK),
    ],
)
def test_r33_the_place_of_the_money_says_whose_turn_it_is(trail: Trail, code: str, whose: Whose) -> None:
    route = find_route(trail, NOON)
    assert (route.code, route.whose) == (code, whose)
    assert not set(route.doors) & set(route.later)


def test_every_trail_has_a_route_and_every_route_its_words() -> None:
    pays = ("awaiting", "confirming", "paid", "closed", "refunding", "partly_refunded", "refunded", "?")
    supplies = (
        "none",
        "sent",
        "processing",
        "arrived",
        "partly_arrived",
        "refused",
        "confirming",
        "needs_you",
    )
    places = ("", "channel", "hold", "missing", "custody", "supplier.reserved", "refund.arrived")
    refunds = ("", "ready", "sending", "unknown", "accepted", "arrived", "refused", "waiting_float")
    seen = {
        find_route(
            Trail(pay=pay, supply=supply, place=place, refund=refund, actor=actor, may_choose=free), NOON
        ).code
        for pay, supply, place, refund, actor, free in product(
            pays, supplies, places, refunds, ("shop", "person"), (False, True)
        )
    }
    assert seen == set(SITUATIONS) == set(words_recourse.SITUATIONS)
    doors = {door for one in SITUATIONS.values() for door in one.doors} | set(LADDER)
    assert doors == set(words_recourse.DOORS) == set(words_recourse.DOOR_NOTES)
    assert {whose.value for whose in Whose} == set(words_recourse.WHOSE)
    assert {code for one in SITUATIONS.values() for code in one.bases} <= set(LAW.basis)


def test_a_promise_is_never_called_a_law_and_all_is_dated() -> None:
    promises = {code for code, one in LAW.basis.items() if one.kind == "promise"}
    assert {"answer_24h", "final_72h", "promised_time", "refund_3_days"} == promises
    for code, one in LAW.basis.items():
        assert one.kind in words_recourse.BASIS_KINDS
        assert one.source
        assert not HAN.search(one.name_en + one.says_en), code
        assert one.kind == "promise" or re.search(r"第.+条|12315", one.name_zh), code
    late = find_route(Trail(pay="paid", supply="none", until=NOON), NOON)
    assert late.late
    assert not find_route(Trail(pay="paid", supply="none", until=NOON), NOON - timedelta(seconds=1)).late


def test_an_installation_lays_its_own_figures_over_ours(tmp_path: Path) -> None:
    own = tmp_path / "law.toml"
    own.write_text(
        '[small_claims."北京"]\nvalue = 9000000\nsource = "高院"\nsince = 2026-03-01\n', encoding="utf-8"
    )
    law = read_law(str(own))
    assert law.small_claims["北京"].since == date(2026, 3, 1)
    assert law.small_claims["浙江"] == LAW.small_claims["浙江"]
    for wrong in ("small_claims = 3", '[figure.x]\nvalue = "much"\nsource = ""\nsince = 2026-01-01', "x ="):
        own = tmp_path / f"{len(wrong)}.toml"
        own.write_text(wrong, encoding="utf-8")
        with pytest.raises(Problem, match="MINGZHANG_LAW_PATH"):
            read_law(str(own))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_help_page_of_each_situation(lang: str) -> None:
    pages = [
        ORDER,
        replace(ORDER, pay_badge="confirming", sentence=replace(ORDER.sentence, place="")),
        replace(ORDER, pay_badge="refunded", refund=REFUND),
        replace(ORDER, pay_badge="closed"),
    ]
    for page in pages:
        html = help_page(page, replace(SHOP, licence="某某公司 9133"), lang, LAW)
        assert "24" in html or page is not ORDER
        assert ("police" in html) == (page.pay_badge != "closed")
    assert "2026112399" in help_page(pages[2], SHOP, lang, LAW)
    text = re.findall(r"<textarea[^>]*>([^<]*)", help_page(pages[1], SHOP, lang, LAW))[0]
    assert len(text) <= (200 if lang == "zh" else 400)
    assert "2026112322001" in text


@pytest.mark.parametrize("kind", list(Kind))
def test_r35_r37_letters_say_what_the_records_say_and_nothing_else(kind: Kind) -> None:
    page = replace(
        ORDER, numbers=(("payment", "0001ABCDEFP1"), ("transaction", "T9")), reason="account_banned"
    )
    typed = Typed(name="林一", phone="13900001111", address="杭州", fraud=True, violation="虚假宣传")
    zh = write_letter(kind, page, SHOP, SITE, LAW, typed, "zh")
    assert "0001ABCDEFP1" in zh
    assert "T9" in zh
    assert "林一" in zh
    asks = KINDS[kind].asks
    assert ("三倍" in zh or "3 倍" in zh) == ("fraud" in asks)
    assert ("虚假宣传" in zh) == ("violation" in asks) == (kind is Kind.REPORT)
    assert ("退还" in zh) == ("wish" in asks)
    bare = write_letter(kind, page, SHOP, SITE, LAW, Typed(), "zh")
    assert "＿＿" in bare
    assert "欺诈" not in bare
    assert "b***" not in zh  # nothing of the buyer's that they did not type
    assert "138" not in zh
    both = write_letter(kind, page, SHOP, SITE, LAW, Typed(name="Lin"), "both")
    assert "――" in both
    assert "Article" in both or kind in (Kind.CHANNEL, Kind.REPORT)
    english = write_letter(kind, page, SHOP, SITE, LAW, Typed(), "en").replace(SHOP.name, "")
    assert not HAN.search(english)
    assert set(words_letters.LETTERS) == {each.value for each in Kind} == set(words_letters.LETTER_NOTES)


def test_fraud_is_three_times_the_price_and_at_least_five_hundred() -> None:
    assert fraud_fen(LAW, 9_800) == 50_000
    assert fraud_fen(LAW, 20_000) == 60_000


def test_the_letter_on_paper_keeps_every_word() -> None:
    told = {"title": "12315 投诉书", "lang": "zh", "lines": ["#panic() *投诉人* $x$", "", "退还 ¥98.00"]}
    template = files("mingzhang.recourse").joinpath("letter.typ").read_bytes()
    body = set_paper(template, told, datetime(2026, 11, 23, tzinfo=UTC))
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    for words in ("12315 投诉书", "#panic() *投诉人* $x$", "退还 ¥98.00"):
        assert words in text
