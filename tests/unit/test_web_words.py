"""Words of the pages: closed tables held against the model, and two complete catalogues."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

import mingzhang.web
from mingzhang.evidence.messages import Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason
from mingzhang.ledger import places
from mingzhang.web import model, problems, words
from mingzhang.web.i18n import choose_language, read_catalogue, translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.views import TABLES, View

WEB = Path(next(iter(mingzhang.web.__path__)))
HAN = re.compile(r"[\u4e00-\u9fff]")
EVENT_KINDS = (
    "placed payment_opened payment_asked payment_hint payment_forged paid paid_confirmed "
    "paid_late payment_contradicted payment_frozen payment_unfrozen payment_closed expired dispatched sent "
    "supplier_processing supplier_unknown supplier_asked supplier_hint delivered "
    "cards_issued supplier_refused supplier_reversed late_success refund_asked refund_sent "
    "refund_accepted refund_unknown refund_arrived refund_refused refund_waiting_float "
    "choice_open buyer_chose_refund buyer_chose_wait needs_person excess_money staff_asked "
    "partly_delivered rerouted waiting_prefund waiting_supplier supply_withdrawn "
    "request_made request_answered claim_made claim_found claim_needs_person claim_answered resupply_started "
    "excess_refund_asked excess_refunded excess_needs_person deadline_missed refund_abnormal "
    "correction_asked account_corrected correction_expired "
    "payment_found payment_unpaid made_good claim_given_up excess_payee_named excess_transfer_asked excess_transferred "
    "money_matched match_decided refund_decided "
    "remedy_offered buyer_chose_resupply choice_expired "
    "refund_cut refund_dropped refund_returned payee_named transfer_asked "
    "went_ahead excess_found excess_unpaid excess_unfrozen excess_matched "
    "excess_refund_asked excess_refunded excess_needs_person "
    "dispute_opened dispute_joined dispute_message dispute_asked dispute_offered dispute_accepted dispute_refused "
    "dispute_remedy dispute_remedy_failed dispute_due_soon dispute_breached dispute_held dispute_released "
    "dispute_closed dispute_reopened charged_back chargeback_won refunded_outside "
)


def used_messages() -> set[str]:
    """Every message id in code and templates."""
    found = [
        each
        for folder in (WEB, WEB.parent / "app" / "console")
        for each in extract_from_dir(
            folder,
            method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
            options_map={"templates/**.html": {"newstyle_gettext": "true", "silent": "false"}},
            keywords={"_": None, "N_": None},
        )
    ]
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def codes_in(doc: str | None, start: str, end: str = ".") -> set[str]:
    """The snake_case codes a docstring lists between two marks."""
    assert doc is not None
    text = doc.split(start, 1)[1].split(end, 1)[0]
    return set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", text))


def test_every_message_is_translated_and_none_is_left_over() -> None:
    entries = {str(entry.id): str(entry.string) for entry in read_catalogue() if entry.id}
    used = used_messages()
    assert used == set(entries)
    assert not [key for key, text in entries.items() if not text.strip()]
    for key, text in entries.items():
        assert sorted(re.findall(r"%\(\w+\)s", key)) == sorted(re.findall(r"%\(\w+\)s", text)), key
        assert not HAN.search(text), text


def test_templates_hold_no_untranslated_chinese() -> None:
    for path in (WEB / "templates").glob("*.html"):
        bare = re.sub(r"\{[{%#].*?[%#}]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        bare = bare.replace("（", "").replace("）", "")
        assert not HAN.search(bare), path.name


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (words.SENTENCES, codes_in(model.Sentence.__doc__, "(closed):")),
        (words.PAY_BADGES, codes_in(model.OrderPage.__doc__, "``pay_badge``:")),
        (words.SUPPLY_BADGES, codes_in(model.OrderPage.__doc__, "``supply_badge``:")),
        (words.REFUND_STEPS, codes_in(model.RefundPanel.__doc__, "``steps``:")),
        (words.EVENTS, set(EVENT_KINDS.split())),
        (words.STEP_STATES, {"done", "now", "todo", "failed"}),
        (words.STANDINGS, {str(item) for item in Standing}),
        (words.KINDS, {str(item) for item in GoodsKind}),
        (words.KIND_NOTES, {str(item) for item in GoodsKind}),
        (words.SCENARIO_NOTES, set(words.SCENARIOS)),
        (words.SCENARIO_TYPICAL, set(words.SCENARIOS)),
    ],
)
def test_tables_hold_exactly_the_codes_of_the_model(table: Mapping[str, str], codes: set[str]) -> None:
    assert set(table) == codes


def test_open_tables_hold_at_least_the_codes_of_the_model() -> None:
    assert {str(item) for item in Reason} <= set(words.REASONS)
    bar = {"paid", "sent", "processing", "arrived", "fetching", "issued", "refused", "refunding", "refunded"}
    assert bar == set(words.STEPS)
    assert {"alipay", "fulu"} <= set(words.PARTIES)
    actions = {"pay", "cancel", "check_payment", "choose_refund", "keep_waiting"}
    assert actions <= set(words.ACTIONS)
    refunds = {
        "ready",
        "sending",
        "unknown",
        "accepted",
        "arrived",
        "refused",
        "waiting_float",
        "dropped",
        "returned",
    }
    assert refunds == set(words.REFUND_STATES)


def test_every_place_of_the_ledger_has_words_for_the_books() -> None:
    named = {place for permitted in places.PERMITTED.values() for place in permitted}
    assert named <= set(words.BOOK_PLACES)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("table", sorted(TABLES))
def test_an_unknown_code_gives_general_words_and_never_itself(table: str, lang: str) -> None:
    view = View(lang, ShopInfo(), translations(lang))
    text = view.w(table, "no_such_code")
    assert text
    assert "no_such_code" not in text


def test_error_advice_tells_what_to_do_next() -> None:
    for code in [*problems.PROBLEMS, "no_such_code"]:
        title, next_step = problems.advice(code)
        assert title
        assert next_step
    assert problems.advice("no_such_code") == problems.OTHER


@pytest.mark.parametrize(
    ("query", "cookie", "expected"),
    [(None, None, "zh"), ("en", None, "en"), (None, "en", "en"), ("zh", "en", "zh"), ("fr", "xx", "zh")],
)
def test_language_is_one_click_away(query: str | None, cookie: str | None, expected: str) -> None:
    assert choose_language(query, cookie) == expected
