"""What templates may call: amounts, times, durations, words for codes, icons, QR. Pure, in one language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import segno
from babel.support import NullTranslations
from markupsafe import Markup, escape

from mingzhang.catalogue.fields import ACCOUNT, AccountField
from mingzhang.kit.beijing import BEIJING
from mingzhang.web import (
    words,
    words_complaints,
    words_console,
    words_disputes,
    words_doubt,
    words_letters,
    words_notices,
    words_oversight,
    words_packs,
    words_reconcile,
    words_recourse,
    words_refunds,
    words_returns,
    words_setup,
    words_shop,
    words_status,
    words_trust,
)
from mingzhang.web.dates import write_time
from mingzhang.web.icons import ICONS
from mingzhang.web.model import OrderPage, Sentence, ShopInfo, TimelineItem
from mingzhang.web.money import Drawing, Drawn
from mingzhang.web.problems import FIELD_ERRORS, FIELD_OTHER
from mingzhang.web.words import N_, word

TABLES: Final[Mapping[str, tuple[Mapping[str, str], str]]] = {
    **{name: (table, words.GENERAL) for name, table in words_disputes.TABLES.items()},
    **{name: (table, words.GENERAL) for name, table in words_trust.TABLES.items()},
    **{name: (table, words.GENERAL) for name, table in words_complaints.TABLES.items()},
    **words_oversight.TABLES,
    "pay_badge": (words.PAY_BADGES, words.GENERAL),
    "supply_badge": (words.SUPPLY_BADGES, words.GENERAL),
    "actor": (words.ACTORS, words.PARTY_GENERAL),
    "step": (words.STEPS, words.GENERAL),
    "refund_step": (words.REFUND_STEPS, words.GENERAL),
    "step_state": (words.STEP_STATES, words.GENERAL),
    "party": (words.PARTIES, words.PARTY_GENERAL),
    "way": (words.WAYS, words.WAY_GENERAL),
    "reason": (words.REASONS, words.REASON_GENERAL),
    "responsible": (words.RESPONSIBLE, words.PARTY_GENERAL),
    "next": (words.NEXT, words.GENERAL),
    "pause_cause": (words.PAUSE_CAUSES, words.GENERAL),
    "route_mode": (words.ROUTE_MODES, words.GENERAL),
    "prefund": (words.PREFUNDS, words.GENERAL),
    "edition": (words_packs.EDITIONS, words_packs.EDITION_GENERAL),
    "order_state": (words.ORDER_STATES, words.GENERAL),
    "closure": (words.CLOSURES, words.CLOSURE_GENERAL),
    "number": (words.NUMBERS, words.NUMBER_GENERAL),
    "feedback": (words.FEEDBACK, words.FEEDBACK_GENERAL),
    "standing": (words.STANDINGS, words.GENERAL),
    "kind": (words.KINDS, words.GENERAL),
    "kind_note": (words.KIND_NOTES, words.GENERAL),
    "template": (words.TEMPLATES, words.TEMPLATE_GENERAL),
    "refund_state": (words.REFUND_STATES, words.GENERAL),
    "supply_state": (words.SUPPLY_STATES, words.GENERAL),
    "suspense_state": (words.SUSPENSE_STATES, words.GENERAL),
    "record_kind": (words_console.RECORD_KINDS, words.GENERAL),
    "limit_rule": (words_console.LIMIT_RULES, words.GENERAL),
    "list_sort": (words_console.LIST_SORTS, words.GENERAL),
    "search_group": (words_console.SEARCH_GROUPS, words.GENERAL),
    "bulk_action": (words_console.BULK_ACTIONS, words.WORK_GENERAL),
    "bulk_result": (words_console.BULK_RESULTS, words.GENERAL),
    "outcome_kind": (words_console.OUTCOMES, words_console.OUTCOME_GENERAL),
    "age": (words_console.AGES, words.GENERAL),
    "missing_owner": (words_console.MISSING_OWNERS, words.GENERAL),
    "pay_method": (words_console.PAY_METHODS, words_console.PAY_METHOD_OTHER),
    "staff_actor": (words_console.STAFF_ACTORS, words.PARTY_GENERAL),
    "staff_order_state": (words_console.STAFF_ORDER_STATES, words.GENERAL),
    "board": (words_console.BOARDS, words.GENERAL),
    "range": (words_console.RANGES, words.GENERAL),
    "payment_state": (words.PAYMENT_STATES, words.GENERAL),
    "action": (words.ACTIONS, words.ACTION_GENERAL),
    "work_kind": (words.WORK_KINDS, words.WORK_GENERAL),
    "work_state": (words.WORK_STATES, words.WORK_GENERAL),
    "work_action": (words.WORK_ACTIONS, words.WORK_GENERAL),
    "book_place": (words.BOOK_PLACES, words.PLACE_GENERAL),
    "scenario": (words.SCENARIOS, words.GENERAL),
    "scenario_note": (words.SCENARIO_NOTES, words.GENERAL),
    "scenario_typical": (words.SCENARIO_TYPICAL, words.GENERAL),
    "claim_flag": (words.CLAIM_FLAGS, words.WORK_GENERAL),
    "notice_template": (words.NOTICE_TEMPLATES, words.GENERAL),
    "notice_audience": (words.NOTICE_AUDIENCES, words.GENERAL),
    "notice_channel": (words.NOTICE_CHANNELS, words.GENERAL),
    "notice_state": (words.NOTICE_STATES, words.GENERAL),
    "money_action": (words.MONEY_ACTIONS, words.WORK_GENERAL),
    "money_note": (
        {**words_doubt.MONEY_NOTES, **words_refunds.MONEY_NOTES, **words_returns.MONEY_NOTES},
        words.GENERAL,
    ),
    "refund_age": (words_refunds.AGES, words.GENERAL),
    "support": (words_doubt.SUPPORTS, words.GENERAL),
    "approval_state": (words.APPROVAL_STATES, words.WORK_GENERAL),
    "claim_state": (words.CLAIM_STATES, words.GENERAL),
    "claim_said": (words.CLAIM_SAID, words.GENERAL),
    "claim_answer": (words.CLAIM_ANSWERS, words.GENERAL),
    "outcome": (words.OUTCOMES, words.GENERAL),
    "field_error": (FIELD_ERRORS, FIELD_OTHER),
    "column": (words.CATALOGUE_COLUMNS, words.GENERAL),
    "column_group": (words.CATALOGUE_GROUPS, words.GENERAL),
    "catalogue_fault": (words.CATALOGUE_FAULTS, FIELD_OTHER),
    "import_outcome": (words.IMPORT_OUTCOMES, words.GENERAL),
    "official": (words.OFFICIAL, words.OFFICIAL_GENERAL),
    "recon_source": (words_reconcile.SOURCES, words.GENERAL),
    "recon_day": (words_reconcile.DAY_STATES, words.GENERAL),
    "break_class": (words_reconcile.CLASSES, words.GENERAL),
    "break_age": (words_reconcile.AGES, words.GENERAL),
    "break_note": (words_reconcile.NOTES, words.GENERAL),
    "break_state": (words_reconcile.STATES, words.GENERAL),
    "break_resolution": (words_reconcile.RESOLUTIONS, words.GENERAL),
    "break_way": (words_reconcile.WAYS, words.GENERAL),
    "break_way_note": (words_reconcile.WAY_NOTES, words.GENERAL),
    "break_event": (words_reconcile.EVENTS, words.GENERAL),
    "break_said": (words_reconcile.SAID, words.GENERAL),
    "line_field": (words_reconcile.FIELDS, words.GENERAL),
    "line_state": (words_reconcile.LINE_STATES, words.GENERAL),
    "setting": (words_shop.SETTINGS, words.GENERAL),
    "setup_step": (words_setup.STEPS, words.GENERAL),
    "key_place": (words_setup.KEY_PLACES, words.GENERAL),
    "setup_call": (words_setup.CALLS, words.GENERAL),
    "setup_template": (words_setup.TEMPLATES, words.GENERAL),
    "setup_field": (words_setup.PRODUCT_FIELDS, words.GENERAL),
    "setup_check": (words_setup.CHECKS, words.GENERAL),
    "setup_check_state": (words_setup.CHECK_STATES, words.GENERAL),
    "setup_help": (words_setup.HELP, words.GENERAL),
    "setting_hint": (words_shop.SETTING_HINTS, words.GENERAL),
    "wish": (words_shop.WISHES, words.GENERAL),
    "request_cause": (words_shop.REQUEST_CAUSES, words.GENERAL),
    "request_answer": (words_shop.REQUEST_ANSWERS, words.GENERAL),
    "change_why": (words_shop.CHANGE_WHYS, words.GENERAL),
    "whose": (words_recourse.WHOSE, words.PARTY_GENERAL),
    "situation": (words_recourse.SITUATIONS, words.GENERAL),
    "door": (words_recourse.DOORS, words.GENERAL),
    "door_note": (words_recourse.DOOR_NOTES, words.GENERAL),
    "basis_kind": (words_recourse.BASIS_KINDS, words.GENERAL),
    "letter": (words_letters.LETTERS, words.GENERAL),
    "letter_note": (words_letters.LETTER_NOTES, words.GENERAL),
    "letter_field": (words_letters.FIELDS, words.GENERAL),
    "letter_wish": (words_letters.WISHES, words.GENERAL),
    "status": (words_status.STATES, words.GENERAL),
    "signal": (words_status.SIGNALS, words.GENERAL),
    "signal_bad": (words_status.SIGNALS_BAD, words.GENERAL),
    "endpoint_state": (words_notices.ENDPOINT_STATES, words.GENERAL),
    "webhook_topic": (words_notices.TOPICS, words.GENERAL),
    "listing_rule": (words.LISTING_RULES, words.GENERAL),
}


class Promised(Protocol):
    """Whatever has a promised span, in seconds."""

    @property
    def promise_s(self) -> int:
        """At the latest."""
        ...

    @property
    def promise_from_s(self) -> int:
        """Where the span begins, 0 for at once."""
        ...


NEEDS: Final = ("shop", "channel", "supplier", "amount", "party", "account")
DAY_S: Final = 86_400


def yuan(fen: int) -> Markup:
    """¥1,234.50, never broken in the middle (the class forbids wrapping). Differences may be negative."""
    whole, cents = divmod(abs(fen), 100)
    sign = "−" if fen < 0 else ""
    return Markup(f'<span class="mz-amount">{sign}¥{whole:,}.{cents:02d}</span>')  # noqa: S704 - numbers alone


def yuan_text(fen: int) -> str:
    """As `yuan`, as plain text."""
    return yuan(fen).striptags()


def group_digits(text: str) -> str:
    """An account in groups a person can compare: 138 0013 8000; other digits in fours from the left."""
    if not text.isascii() or not text.replace("*", "0").isdigit():
        return text
    if len(text) == 11 and text.startswith("1"):
        return f"{text[:3]} {text[3:7]} {text[7:]}"
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def breakable(text: str) -> Markup:
    """A long number in groups of eight, a path with a place to break after each slash: never broken elsewhere first."""
    if "/" in text:
        return Markup("<wbr>").join(piece + "/" for piece in text.split("/"))[:-1]
    if len(text) <= 20 or not text.isalnum():
        return escape(text)
    return escape(" ".join(text[at : at + 8] for at in range(0, len(text), 8)))


def qr_svg(content: str) -> Markup:
    """The payment code as inline SVG, without style attributes."""
    code = segno.make(content, error="m", micro=False)
    return Markup(code.svg_inline(scale=4, border=2, dark="#0b1f2a", omitsize=True, svgclass="mz-qr"))  # noqa: S704


def icon(name: str) -> Markup:
    """An inline SVG icon; decorative, the words beside it carry the meaning."""
    return Markup(  # noqa: S704 - our own constant markup
        '<svg class="mz-icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f"{ICONS.get(name, ICONS['dot'])}</svg>"
    )


@dataclass(frozen=True)
class View:
    """Helpers of one page: its language, its shop, and `now` (the page's own clock, or None)."""

    lang: str
    shop: ShopInfo
    catalogue: NullTranslations
    now: datetime | None = None
    defaults: Mapping[str, str | Markup] = field(default_factory=dict)

    def t(self, message: str) -> str:
        """Translate one message id."""
        return str(self.catalogue.ugettext(message))

    def w(self, table: str, code: str) -> str:
        """Words for a code of a named table."""
        entries, general = TABLES[table]
        text = self.t(word(entries, code, general))
        return text % {"shop": self.shop.called(self.lang)} if "%(" in text else text

    def supply_badge(self, code: str, kind: str) -> str:
        """The second badge; card goods have their own words."""
        if kind == "card" and code in words.CARD_SUPPLY_BADGES:
            return self.t(words.CARD_SUPPLY_BADGES[code])
        return self.w("supply_badge", code)

    def step(self, code: str, state: str, *, refund: bool = False) -> str:
        """The name of a step of the bar or of the refund panel, fit for its state."""
        now = words.REFUND_STEPS_NOW if refund else words.STEPS_NOW
        if state == "now" and code in now:
            return self.t(now[code])
        return self.w("refund_step" if refund else "step", code)

    def party(self, code: str, general: str = words.PARTY_GENERAL) -> str:
        """A party's name; ``supplier#attempt`` shows the supplier."""
        return self.t(word(words.PARTIES, code.partition("#")[0], general))

    def channel(self, code: str) -> str:
        """A payment channel's name."""
        return self.party(code, words.CHANNEL_GENERAL)

    def supplier(self, code: str) -> str:
        """A supplier's name."""
        return self.party(code, words.SUPPLIER_GENERAL)

    def place(self, place: str, party: str) -> str:
        """Where money is, in the buyer's words (ledger.md, "What the buyer is shown")."""
        text = self.t(word(words.PLACES, self._place_key(place), words.PLACE_GENERAL))
        return text % {"party": self.party(party)}

    def spot(self, place: str, party: str) -> str:
        """One end of a hop, short; no place is the buyer."""
        short = words_shop.SPOTS.get(place)
        if short is None:
            return self.place(place, party)
        return self.t(short) % {"party": self.party(party)}

    def stop(self, drawn: Drawn) -> str:
        """What a stop of the picture is called."""
        if drawn.x == 0:
            return self.t(N_("您"))
        if drawn.x == 2:
            return self.t(N_("存管账户")) if self.shop.custody else self.t(N_("商家账户"))
        return self.channel(drawn.party) if drawn.x == 1 else self.supplier(drawn.party)

    def drawn(self, drawing: Drawing) -> str:
        """The picture's stops and lines with their words, as JSON for the script."""
        return json.dumps(
            {
                "stops": [
                    {
                        "x": one.x,
                        "row": one.row,
                        "name": self.stop(one),
                        "state": one.state,
                        "amount": yuan_text(one.amount_fen) if one.amount_fen else "",
                        "hop": one.hop,
                    }
                    for one in drawing.stops
                ],
                "lines": [
                    {
                        "from": one.start,
                        "to": one.end,
                        "kind": one.kind,
                        "done": one.done,
                        "amount": yuan_text(one.amount_fen),
                        "hop": one.hop,
                    }
                    for one in drawing.lines
                ],
            },
            ensure_ascii=False,
        )

    def _place_key(self, place: str) -> str:
        return "custody.self" if place == "custody" and not self.shop.custody else place

    def holding(self, sentence: Sentence) -> Markup:
        """The first clause: how much is where."""
        key = self._place_key(sentence.place)
        amount = yuan(sentence.amount_fen)
        if key in words.SENTENCE_AT:
            party = Markup('<span class="mz-nobreak">{}</span>').format(self.party(sentence.party))
            where: str | Markup = escape(self.t(words.SENTENCE_AT[key])) % {"party": party}
            text = N_("%(amount)s 目前在%(place)s。")
        else:
            stands = words.SENTENCE_STANDS.get(sentence.code) or words.SENTENCE_STANDS.get(key)
            where = self.t(stands) if stands else self.place(sentence.place, sentence.party)
            text = N_("%(amount)s %(place)s。")
        return Markup(str(escape(self.t(text)))) % {"amount": amount, "place": where}  # noqa: S704 - escaped

    def sentence(self, sentence: Sentence) -> Markup:
        """What is going on, without the clause about the place."""
        text = self.t(word(words.SENTENCES, sentence.code, words.SENTENCE_GENERAL))
        return self._fill(text, self._names(sentence.place, sentence.party))

    def event(self, item: TimelineItem) -> Markup:
        """One line of the timeline; unknown parameters fall back to general names."""
        names = self._names("", "")
        for key, label in (("channel", self.channel), ("supplier", self.supplier)):
            if item.params.get(key):
                names[key] = label(item.params[key])
        names["account"] = item.params.get("account", "")
        amount = item.params.get("amount_fen", "")
        if amount.isascii() and amount.isdigit():
            names["amount"] = yuan(int(amount))
        text = words.PAID_ASKED if item.asked else word(words.EVENTS, item.kind, words.EVENT_GENERAL)
        return self._fill(self.t(text), names)

    def actor(self, sentence: Sentence) -> str:
        """Who acts next, by name where the name is known."""
        if sentence.next_actor in ("channel", "supplier") and sentence.party:
            names = self._names(sentence.place, sentence.party)
            return str(names[sentence.next_actor])
        return self.w("actor", sentence.next_actor)

    def at(self, moment: datetime | None, *, seconds: bool = False) -> Markup:
        """A moment in Beijing time; the date only when it is not today's. A dash for none."""
        if moment is None:
            return Markup("—")
        text = write_time(moment, self.now, self.t, seconds=seconds)
        local = moment.astimezone(BEIJING)
        full = local.isoformat(" ", "seconds")[:19]
        return Markup(  # noqa: S704 - escaped
            f'<time class="mz-time" datetime="{moment.isoformat()}" title="{full} UTC+8">{escape(text)}</time>'
        )

    def stamp(self, moment: datetime) -> str:
        """A moment in full, as a document writes it."""
        return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S UTC+8")

    def stamped(self, moment: datetime) -> Markup:
        """The same on a page, never broken in the middle."""
        return Markup(f'<span class="mz-nobreak">{self.stamp(moment)}</span>')  # noqa: S704 - digits alone

    def amount(self, fen: int) -> str:
        """As `yuan`, for a text without markup."""
        return yuan_text(fen)

    def day(self, moment: datetime) -> str:
        """A Beijing day, as forms write it."""
        return moment.astimezone(BEIJING).strftime("%Y-%m-%d")

    def left(self, moment: datetime | None, *, aside: bool = False) -> Markup:
        """How long until a moment, `aside`: in brackets; our script keeps it counting."""
        if moment is None or self.now is None or moment <= self.now:
            return Markup("")
        text = self.t(N_("还有 %(time)s")) % {"time": self.lasts((moment - self.now).total_seconds())}
        span = Markup('<span class="mz-left" data-until="{}">{}</span>').format(moment.isoformat(), text)
        if not aside:
            return span
        return Markup(str(escape(self.t(N_("（%(left)s）"))))) % {"left": span}  # noqa: S704 - escaped

    def lasts(self, seconds: float) -> str:
        """A duration in at most two units, as people say it."""
        whole = max(0, round(seconds))
        if whole < 60:
            return self.t(N_("%(n)s 秒")) % {"n": whole}
        if whole < 3600:
            minutes, rest = divmod(whole, 60)
            more = self.t(N_("%(n)s 秒")) % {"n": rest} if rest and minutes < 10 else ""
            text = self.t(N_("%(n)s 分") if more else N_("%(n)s 分钟")) % {"n": minutes}
        elif whole < 3 * DAY_S:
            hours, rest = divmod(whole, 3600)
            text = self.t(N_("%(n)s 小时")) % {"n": hours}
            more = self.t(N_("%(n)s 分")) % {"n": rest // 60} if rest // 60 else ""
        else:
            return self.t(N_("%(n)s 天")) % {"n": whole // DAY_S}
        return f"{text} {more}".strip()

    def title(self, thing: object, name: str = "title") -> str:
        """The title, or another text in two languages, of a thing in the page's language; Chinese where English lacks."""
        chinese = str(getattr(thing, f"{name}_zh"))
        return (str(getattr(thing, f"{name}_en")) or chinese) if self.lang == "en" else chinese

    def promised(self, thing: Promised) -> str:
        """The promised span of a product: 15 分钟, or 24–72 小时 for a slow one."""
        if not thing.promise_from_s:
            return self.lasts(thing.promise_s)
        if thing.promise_s % 3600 == thing.promise_from_s % 3600 == 0:
            return self.t(N_("%(a)s–%(b)s 小时")) % {
                "a": thing.promise_from_s // 3600,
                "b": thing.promise_s // 3600,
            }
        return f"{self.lasts(thing.promise_from_s)} – {self.lasts(thing.promise_s)}"

    def field_label(self, field: AccountField) -> str:
        """What a field of the account is called: by the product, else by its kind or its name."""
        own = self.title(field, "label")
        return own or self.w("template", field.name if field.name in words.TEMPLATES else field.kind)

    def field_hint(self, field: AccountField) -> str:
        """What helps to fill it in."""
        own = self.title(field, "hint")
        key = field.name if field.name in words.TEMPLATE_HINTS else field.kind
        if own or self.title(field, "label") or key not in words.TEMPLATE_HINTS:
            return own
        return self.t(words.TEMPLATE_HINTS[key])

    def field(self, field: AccountField) -> str:
        """The label of something to fill in that has none of its own."""
        if field.name == ACCOUNT:
            return self.w("template", field.kind)
        return self.t(word(words.FIELD_NAMES, field.name, words.FIELD_GENERAL))

    def script_words(self) -> str:
        """The few words our script needs, as JSON for a data attribute."""
        return json.dumps(
            {
                "left": self.t(N_("还有 %(time)s")),
                "s": self.t(N_("%(n)s 秒")),
                "m": self.t(N_("%(n)s 分钟")),
                "ms": self.t(N_("%(n)s 分")),
                "h": self.t(N_("%(n)s 小时")),
                "d": self.t(N_("%(n)s 天")),
                "due": self.t(N_("正在更新…")),
                "copied": self.t(N_("已复制")),
                "offline": self.t(N_("连接中断，正在重连；下面是最后一次确认的内容")),
                "failed": self.t(N_("没有成功，请再试一次")),
            },
            ensure_ascii=False,
        )

    def _names(self, place: str, party: str) -> dict[str, str | Markup]:
        names: dict[str, str | Markup] = {
            "shop": self.shop.called(self.lang),
            "channel": self.t(words.CHANNEL_GENERAL),
            "supplier": self.t(words.SUPPLIER_GENERAL),
            "party": self.party(party),
            "amount": "",
            "account": "",
        }
        names.update(self.defaults)
        if party:
            side = "supplier" if place.startswith("supplier") else "channel"
            names[side] = self.party(party)
        return names

    def _fill(self, text: str, names: Mapping[str, str | Markup]) -> Markup:
        return Markup(str(escape(text))) % {key: names[key] for key in NEEDS}  # noqa: S704 - escaped just here


def order_names(page: OrderPage, view: View) -> dict[str, str | Markup]:
    """Names an order's own rows give: its channel, its supplier, its price."""
    names: dict[str, str | Markup] = {"amount": yuan(page.price_fen)}
    channel = page.payment.channel if page.payment else page.refund.channel if page.refund else ""
    supplier = ""
    for item in page.timeline:
        channel = channel or item.params.get("channel", "")
        supplier = item.params.get("supplier", "") or supplier
    if page.sentence.place.startswith("supplier"):
        supplier = page.sentence.party
    for part in page.money:
        if part.place.startswith("supplier"):
            supplier = supplier or part.party
    if page.uncertainty is not None and page.supply_badge == "confirming":
        supplier = supplier or page.uncertainty.asked_whom
    if channel:
        names["channel"] = view.channel(channel)
    if supplier:
        names["supplier"] = view.supplier(supplier)
    return names
