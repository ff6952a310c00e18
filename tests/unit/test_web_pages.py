"""The pages as pure functions: what each state must show, and what no page may contain."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

import mingzhang.web
from mingzhang.catalogue.fields import TEMPLATES, AccountField
from mingzhang.web import pages, pages_staff
from mingzhang.web.console import Frame
from mingzhang.web.markup import text_html
from mingzhang.web.model import (
    BookRow,
    DemoSummary,
    MoneyPart,
    OrderPage,
    PaymentPanel,
    ProductCard,
    RefundPanel,
    Sentence,
    ShopInfo,
    Step,
    TimelineItem,
    Uncertainty,
    WorkItem,
)
from mingzhang.web.model_shop import Choice, Front, Named, Shown
from mingzhang.web.views import group_digits, yuan

STATIC = Path(next(iter(mingzhang.web.__path__))) / "static"
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SHOP = ShopInfo(name="某某小店", demo_speed=60.0, support="400-000-0000")
FRAME = Frame(name="小林", csrf="tok")
PRODUCT = ProductCard(
    product_id="mobile-100",
    kind="mobile",
    title_zh="话费 100 元",
    title_en="Top-up ¥100",
    face_value_fen=10000,
    price_fen=9980,
    max_quantity=3,
    account_template="phone_cn",
    fields=TEMPLATES["phone_cn"],
    promise_s=600,
)
FRONT = Front(
    items=(
        Shown(
            product_id="mobile-100",
            kind="mobile",
            title_zh="话费慢充",
            title_en="Slow top-up",
            price_fen=4950,
            face_value_fen=5000,
            promise_s=72 * 3600,
            promise_from_s=24 * 3600,
            picture="ab" * 32,
            choices=(
                Choice(product_id="mobile-50", title_zh="50元", title_en="¥50", price_fen=4950),
                Choice(product_id="mobile-100", title_zh="100元", title_en="¥100", price_fen=9900),
            ),
        ),
    ),
    top=(Named(id="phone", title_zh="话费", title_en="Phone"),),
    sub=(Named(id="slow", title_zh="慢充", title_en="Slow"),),
    at=(Named(id="phone", title_zh="话费", title_en="Phone"),),
    query="<b>话费",
    page=2,
    pages=3,
    found=50,
)


def minute(n: int) -> datetime:
    return NOON + timedelta(minutes=n)


ORDER = OrderPage(
    order_id="0001ABCDEF",
    title_zh="话费 100 元",
    title_en="Top-up ¥100",
    kind="mobile",
    quantity=1,
    price_fen=123456789,
    face_value_fen=10000,
    account_mask="138****8000",
    contact_mask="b***@example.com",
    placed_at=NOON,
    expires_at=minute(15),
    pay_badge="paid",
    supply_badge="processing",
    reason="",
    reason_text="",
    sentence=Sentence(
        code="paid_waiting_dispatch",
        amount_fen=123456789,
        place="channel",
        party="alipay",
        next_actor="shop",
        due_at=minute(5),
        deadline_at=minute(20),
    ),
    bar=(Step(code="paid", state="done", at=minute(1)), Step(code="sent", state="now")),
    money=(
        MoneyPart(place="channel", party="alipay", amount_fen=123456789, proof="ab" * 32, since=minute(1)),
    ),
    timeline=(
        TimelineItem(seq=1, kind="placed", at=NOON, params={}),
        TimelineItem(
            seq=2,
            kind="supplier_refused",
            at=minute(3),
            params={"supplier": "fulu", "reason": "account_banned"},
            feedback={"message": "<script>alert(1)</script>"},
            evidence_sha256="cd" * 32,
            evidence_party="fulu",
            evidence_standing="answer",
            known_at=minute(3),
        ),
        TimelineItem(seq=3, kind="never_heard_of", at=minute(4), params={"amount_fen": "oops"}),
    ),
    numbers=(("order", "0001ABCDEF"), ("transaction", "2026112322001")),
    payment=None,
    uncertainty=None,
    refund=None,
    serial="",
    cards=(),
    actions=(),
    promise_s=600,
    typical_p50_s=None,
    typical_p90_s=None,
    typical_n=0,
    rule_version=1,
    final=False,
    seq=3,
    now=minute(4),
)
AWAITING = replace(
    ORDER,
    pay_badge="awaiting",
    supply_badge="none",
    sentence=Sentence(code="awaiting_payment", amount_fen=9980, next_actor="buyer", deadline_at=minute(15)),
    money=(),
    payment=PaymentPanel(
        payment_no="P1",
        channel="alipay",
        method="qr",
        state="open",
        url="http://127.0.0.1:1/cashier?a=1&b=2",
        expires_at=minute(15),
    ),
    actions=("check_payment",),
)
CHOOSE = replace(
    ORDER,
    supply_badge="needs_you",
    uncertainty=Uncertainty(
        asked_whom="fulu", asked_at=minute(3), next_ask_at=minute(9), deadline_at=minute(4), may_choose=True
    ),
    actions=("choose_refund", "keep_waiting"),
)
REFUNDING = replace(
    ORDER,
    pay_badge="refunding",
    supply_badge="refused",
    reason="account_banned",
    reason_text="号码已停机",
    money=(MoneyPart(place="refund.transit", party="alipay", amount_fen=9980),),
    refund=RefundPanel(
        refund_no="R1",
        channel="alipay",
        amount_fen=9980,
        state="accepted",
        cause="account_banned",
        steps=(Step(code="asked", state="done", at=minute(3)), Step(code="accepted", state="now")),
        destination="",
        reference="2026112322001",
        promised_at=minute(4000),
    ),
)
DELIVERED = replace(ORDER, supply_badge="arrived", serial="YD1", cards=(("880012", "AX7K-QP2M"),), final=True)
ODD = replace(
    ORDER,
    pay_badge="odd",
    supply_badge="odd",
    kind="odd",
    sentence=Sentence(code="odd", amount_fen=1, place="odd", party="odd", next_actor="odd"),
    actions=("odd",),
    numbers=(("odd", "1"),),
    money=(MoneyPart(place="odd", party="odd", amount_fen=1),),
)
WORK = WorkItem(
    subject="0001ABCDEF",
    kind="order",
    state="needs_person",
    reason="odd",
    amount_fen=9980,
    holder="channel",
    next_actor="person",
    due_at=None,
    deadline_at=minute(-5),
    actions=("ask_channel",),
)


def every_page(lang: str) -> dict[str, str]:
    form = {"account": "13800138000", "contact": '"><script>', "quantity": "2", "idempotency_key": "k-1"}
    orders = {
        "awaiting": AWAITING,
        "choose": CHOOSE,
        "refunding": REFUNDING,
        "delivered": DELIVERED,
        "odd": ODD,
    }
    made = {name: pages.order_page(order, SHOP, lang, csrf="tok") for name, order in orders.items()}
    made |= {
        "front": pages.shop_front(FRONT, SHOP, lang),
        "product": pages.product_page(PRODUCT, SHOP, lang, form, {"account": "phone_invalid", "": "odd"}),
        "confirm": pages.product_page(PRODUCT, SHOP, lang, form, {}, confirm=True),
        "find": pages.find_order_page(lang, SHOP, {"number": "1"}, "unknown_order"),
        "locked": pages.order_locked_page("0001ABCDEF", lang, SHOP),
        "error": pages.error_page("odd_code", {"request_id": "r1"}, lang, SHOP),
        "demo": pages.demo_page(lang, SHOP, DemoSummary(orders=50, missing_fen=0, checked_at=NOON, ok=True)),
        "demo_cold": pages.demo_page(lang, SHOP),
        "books": pages.books_page(
            [BookRow(place="fee", party="alipay", ours_fen=1, theirs_fen=None)], lang, SHOP
        ),
        "sign_in": pages.sign_in_page(lang, SHOP, csrf="tok"),
        "work": pages_staff.work_list_page([WORK], lang, SHOP, FRAME, now=NOON),
        "work_empty": pages_staff.work_list_page([], lang, SHOP, FRAME),
    }
    return made


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_breaks_the_content_security_policy_or_leaves_the_host(lang: str) -> None:
    for name, html in every_page(lang).items():
        assert " style=" not in html, name
        assert "<style" not in html, name
        assert not re.search(r"<script(?![^>]* src=\"/static/)", html), name
        assert not re.search(r"\son[a-z]+=", html), name
        sources = re.findall(r"(?:src|action)=\"([^\"]*)\"|<link[^>]* href=\"([^\"]*)\"", html)
        assert all(source.startswith("/") for pair in sources for source in pair if source), name


def test_words_from_outside_are_escaped() -> None:
    html = pages.order_page(ORDER, SHOP, "zh")
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


@pytest.mark.parametrize("order", [AWAITING, CHOOSE, REFUNDING, DELIVERED, ODD])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_fragment_is_the_live_part_of_the_page(order: OrderPage, lang: str) -> None:
    fragment = pages.order_fragment(order, SHOP, lang)
    assert fragment.startswith('<div id="live"')
    assert fragment in pages.order_page(order, SHOP, lang)
    assert f'data-seq="{order.seq}"' in fragment


def test_the_sentence_says_where_who_and_by_when() -> None:
    html = pages.order_fragment(ORDER, SHOP, "zh")
    sentence = re.sub(
        r"<[^>]+>|\s+", "", html.split('id="sentence"', 1)[1].split(">", 1)[1].split("</h1>", 1)[0]
    )
    assert sentence == "¥1,234,567.89目前在支付宝。【某某小店】正在处理，即将发送给供应商。最晚12:20更新。"


def test_the_essentials_work_without_scripts() -> None:
    html = pages.order_page(CHOOSE, SHOP, "zh", csrf="tok")
    assert "刷新看最新" in html.split("<noscript>")[1].split("</noscript>")[0]
    assert "http-equiv" not in html  # a page that reloads by itself shuts what its reader has opened
    for action in ("choose_refund", "keep_waiting"):
        assert f'action="/orders/0001ABCDEF/actions/{action}"' in html
    assert html.count('name="csrf" value="tok"') == 2
    assert "http-equiv" not in pages.order_page(DELIVERED, SHOP, "zh")


def test_a_waiting_payment_shows_code_button_and_clock() -> None:
    html = pages.order_page(AWAITING, SHOP, "zh")
    assert 'class="mz-qr"' in html
    assert 'href="http://127.0.0.1:1/cashier?a=1&amp;b=2"' in html
    assert "还在您手里" in html
    assert "已付款，订单未更新" in html


def test_a_refusal_shows_its_reason_and_follows_the_refund() -> None:
    html = pages.order_page(REFUNDING, SHOP, "zh")
    for text in (
        "目标账号被封禁或停用",
        "号码已停机",
        "正在退回",
        "向银行查询用的凭证号",
        "支付宝原付款账户",
    ):
        assert text in html
    english = pages.order_page(REFUNDING, SHOP, "en")
    assert "The account is banned or suspended" in english


def test_confirmation_restates_type_account_price_and_promise() -> None:
    form = {"account": "13800138000", "contact": "a@b.cn", "quantity": "2", "idempotency_key": "k-1"}
    html = pages.product_page(PRODUCT, SHOP, "zh", form, {}, confirm=True)
    for text in ("138 0013 8000", "¥199.60", "号码填错", "10 分钟", 'value="k-1"', 'value="place"'):
        assert text in html


def test_staff_can_only_ask() -> None:
    html = pages_staff.work_list_page([WORK], "zh", SHOP, FRAME, now=NOON)
    actions = re.findall(r'action="(/staff/work/[^"]+)"', html)
    assert actions == ["/staff/work/order/0001ABCDEF/ask_channel"]
    assert "已超时" in html


def test_amounts_never_break_and_accounts_read_in_groups() -> None:
    assert str(yuan(-123456)) == '<span class="mz-amount">−¥1,234.56</span>'
    assert group_digits("13800138000") == "138 0013 8000"
    assert group_digits("76561198000000001") == "7656 1198 0000 0000 1"
    assert group_digits("a@b.cn") == "a@b.cn"


def test_own_files_and_markup_of_the_order_page_stay_small() -> None:
    """150 kB gzipped in all, whatever the page names; vendor files take about 96 kB (Tabler 79, htmx 17)."""
    html = pages.order_page(REFUNDING, SHOP, "zh")
    named = set(re.findall(r'(?:href|src)="/static/([^"?]+)"', html))
    assert {"app.css", "buyer.css", "app.js", "money.js", "vendor/tabler.min.css"} <= named
    assert not any("echarts" in name for name in named)  # comes after the sentence, when it is looked at
    weight = len(gzip.compress(html.encode()))
    weight += sum(len(gzip.compress((STATIC / name).read_bytes())) for name in named)
    assert weight < 150_000


def test_the_front_leads_to_every_variant_and_keeps_words_and_place() -> None:
    html = pages.shop_front(FRONT, SHOP, "zh")
    for text in (
        'href="/products/mobile-50"',
        'href="/products/mobile-100"',
        "24–72 小时",
        "慢充",
        f"/pictures/{'ab' * 32}.jpg",
        "&lt;b&gt;话费",
        "c=phone&q=%3Cb%3E%E8%AF%9D%E8%B4%B9&p=3",
    ):
        assert text in html or text.replace("&q", "&amp;q").replace("&p", "&amp;p") in html, text
    assert "<b>话费" not in html.replace("<b>话费慢充", "")


def test_a_slow_large_product_with_many_fields_says_all_of_it_before_paying() -> None:
    sold = replace(
        PRODUCT,
        kind="direct",
        promise_s=72 * 3600,
        promise_from_s=24 * 3600,
        min_quantity=2,
        max_quantity=10,
        step_quantity=2,
        tiers=((4, 9900),),
        large_fen=30000,
        double_entry=True,
        account_template="supplier",
        fields=(
            AccountField(name="account", kind="game_id"),
            AccountField(
                name="zone", kind="choice", label_zh="战区", label_en="Zone", choices=("北区", "<南>")
            ),
            AccountField(name="secret", kind="password", label_zh="口令", label_en="Secret"),
        ),
        notice_zh="- 先登录\n- 再下单 <script>",
        description_zh="第一段\n\n第二段",
    )
    html = pages.product_page(
        sold, SHOP, "zh", {}, {"zone": "account_invalid", "account_again": "account_differs"}
    )
    for text in (
        "这是慢充",
        "24–72 小时",
        'name="account_again"',
        'name="f_zone"',
        "&lt;南&gt;",
        'name="f_secret" type="password"',
        "2–10，每次加 2",
        "<li>再下单 &lt;script&gt;</li>",
        "<p>第一段</p><p>第二段</p>",
        'data-tiers="[[4, 9900]]"',
        "两次输入的账号不一样",
        "请选择一项",
        'name="query_password"',
    ):
        assert text in html, text
    assert "金额较大" not in html
    form = {
        "account": "wanderer",
        "f_zone": "北区",
        "f_secret": "hush",
        "quantity": "4",
        "query_password": "kite-42",
    }
    html = pages.product_page(sold, SHOP, "zh", form, {}, confirm=True)
    shown = re.sub(r"<input[^>]*>", "", html)
    for text in (
        "wanderer",
        "北区",
        "••••••",
        "¥396.00",
        "金额较大",
        "该商品的官方充值渠道",
        "这是慢充",
        "已设置",
    ):
        assert text in shown, text
    assert "hush" not in shown
    assert "kite-42" not in shown
    assert html.count('name="f_secret" value="hush"') == 3


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("a\nb", "<p>a<br>b</p>"),
        ("a\n- b\n- c\nd", '<p>a</p><ul class="mz-list"><li>b</li><li>c</li></ul><p>d</p>'),
        ("<a href=javascript:x>", "<p>&lt;a href=javascript:x&gt;</p>"),
    ],
)
def test_product_texts_know_paragraphs_and_lists_and_nothing_else(text: str, html: str) -> None:
    assert str(text_html(text)) == html


@pytest.mark.parametrize(
    ("device", "method", "there", "gone"),
    [
        ("desktop", "qr", ("mz-qr-large", "用手机上的支付宝扫一扫"), ("mz-pay-here",)),
        ("phone", "qr", ("mz-pay-here", "用另一台手机扫码"), ("mz-qr-large",)),
        ("phone", "wap", ("打开支付宝付款",), ("mz-qr",)),
        ("wechat", "qr", ("在浏览器打开",), ("mz-qr", "打开支付宝付款")),
    ],
)
def test_paying_fits_what_the_buyer_holds(
    device: str, method: str, there: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    panel = PaymentPanel(
        payment_no="P1",
        channel="alipay",
        method=method,
        state="open",
        url="https://qr.example/1",
        expires_at=NOON + timedelta(minutes=5),
    )
    page = replace(REFUNDING, pay_badge="awaiting", payment=panel, refund=None, actions=("check_payment",))
    html = pages.order_page(page, replace(SHOP, device=device), "zh")
    card = html.split('aria-labelledby="pay-title"')[1].split("</section>")[0].split('id="other-ways"')[0]
    assert all(text in card for text in there)
    assert not any(text in card for text in gone)
