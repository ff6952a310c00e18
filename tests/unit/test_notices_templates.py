"""The notices' words: complete in both languages, honest about arrival, and never a word too much."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mingzhang.notices.model import Audience, Facts, Template
from mingzhang.notices.templates import AUDIENCES, BUYER, SHOP, render

FACTS = Facts(
    order_id="M0000000000000000AB",
    title_zh="话费直充 {100}元",
    title_en="Phone credit {100}",
    amount_fen=10_050,
    reason="account_banned",
    place="channel",
    until=datetime(2026, 3, 1, 16, 30, tzinfo=UTC),
)
ALL = [
    (template, audience, language)
    for template, audiences in AUDIENCES.items()
    for audience in audiences
    for language in ("zh", "en")
    if audience is not Audience.WEBHOOK  # has a body, and no words
]


def words(table: str, code: str, language: str) -> str:
    return f"<{table}/{code}/{language}>"


@pytest.mark.parametrize(("template", "audience", "language"), ALL)
def test_every_notice_has_its_words(template: Template, audience: Audience, language: str) -> None:
    subject, text = render(template, audience, language, FACTS, "明账店", words)
    assert "\n" not in subject
    if template in {Template.PREFUND_LOW, Template.PREFUND_STOP}:
        assert FACTS.title_zh in text or FACTS.title_en in text  # of a supplier, and of no order
        return
    if template is Template.SIGN_IN_CODE:  # of a contact, and of no order
        assert "123456" in render(template, audience, language, FACTS, "明账店", words, "123456")[0]
        return
    if template is Template.WIND_DOWN:  # of the shop, and of no order
        assert "2026" in subject
        return
    if template is Template.COVERAGE_SHORT:  # of no order
        assert "100.50" in subject
        return
    assert FACTS.order_id in text
    assert "100.50" in subject + text or template in {
        Template.DELIVERED,
        Template.CHOICE_OPEN,
        Template.KEY_ENDS,
        Template.STOCK_LOW,
        Template.DISPUTE_OPENED,
        Template.DISPUTE_ANSWERED,
        Template.DISPUTE_SETTLED,
        Template.WEBHOOK_DEAD,
        Template.LICENCE_ENDS,
    }
    bare = render(template, audience, language, Facts(order_id=FACTS.order_id), "明账店", words)
    assert all(bare)


def test_no_words_are_left_over() -> None:
    used = {(template, audience is Audience.BUYER, language) for template, audience, language in ALL}
    have = {(template, True, language) for template, language in BUYER}
    have |= {(template, False, language) for template, language in SHOP}
    assert used == have


def test_a_refusal_names_its_reason_and_the_promised_time_in_beijing() -> None:
    _, text = render(Template.REFUSED, Audience.BUYER, "zh", FACTS, "明账店", words)
    assert "<reason/account_banned/zh>" in text
    assert "2026-03-02 00:30(北京时间)" in text


def test_paid_is_not_called_delivered_and_refunded_is_the_channels_word() -> None:
    _, paid = render(Template.PAID, Audience.BUYER, "zh", FACTS, "明账店", words)
    assert "付款成功不等于充值到账" in paid
    subject, _ = render(Template.REFUNDED, Audience.BUYER, "zh", FACTS, "明账店", words)
    assert "渠道已退款" in subject


def test_a_shop_name_or_title_cannot_break_the_subject_or_the_template() -> None:
    facts = Facts(order_id="M1", title_zh="a\r\nBcc: x {order.__class__}", amount_fen=1)
    subject, text = render(Template.DELIVERED, Audience.BUYER, "zh", facts, "x\ny", words)
    assert "\n" not in subject
    assert "\r" not in subject
    assert "{order.__class__}" in text
