"""The rows of lists as markup: escaped, linked, late where they are late, and quick for hundreds of rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mingzhang.web.i18n import translations
from mingzhang.web.list_cells import draw_rows
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_console import Column, ListShown
from mingzhang.web.record_cells import draw_data
from mingzhang.web.views import View, breakable

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COLUMNS = (
    Column(name="number", title="单号", kind="code", link="/staff/orders/{order_id}"),
    Column(name="title", title="商品", kind="title"),
    Column(name="fen", title="金额", kind="yuan"),
    Column(name="state", title="状态", kind="word", table="work_state"),
    Column(name="reason", title="原因", kind="word", table="reason"),
    Column(name="next_actor", title="下一步", kind="word", table="staff_actor"),
    Column(name="channel", title="支付通道", kind="channel"),
    Column(name="note", title="内容"),
    Column(name="order_id", title="订单号", kind="code", link="/staff/orders/{order_id}"),
    Column(name="deadline_at", title="期限", kind="time"),
)


def _row(**changed: Any) -> dict[str, Any]:
    return {
        "key": "k1",
        "number": "R1",
        "order_id": "M1",
        "title_zh": "<话费>",
        "title_en": "",
        "quantity": 2,
        "fen": 123456,
        "state": "refund:sent",
        "reason": "",
        "next_actor": "person",
        "channel": "<own>",
        "note": "<b>",
        "deadline_at": NOW - timedelta(hours=1),
        **changed,
    }


def _shown(*rows: dict[str, Any]) -> ListShown:
    return ListShown(
        name="ageing",
        path="/staff/ageing",
        title="未了结的，按时间",
        note="",
        columns=COLUMNS,
        filters=(),
        values={},
        rows=rows,
        older="",
        looked_to=None,
        cut=False,
        has_open=False,
        sorts=(),
        may_clear=False,
    )


def test_every_kind_of_cell_is_drawn_and_nothing_gets_through_unescaped() -> None:
    view = View("zh", ShopInfo(), translations("zh"), NOW)
    late, calm, done = draw_rows(
        _shown(
            _row(),
            _row(deadline_at=NOW + timedelta(days=1), order_id="", channel="alipay", quantity=1),
            _row(finished_at=NOW, next_actor="", fen=-5),
        ),
        view,
    )
    assert (late.late, calm.late, done.late) == (True, False, False)
    assert late.head == '<a href="/staff/orders/M1"><code>R1</code></a>'
    shown = {str(attributes): str(content) for attributes, content in late.cells}
    assert shown[' class="mz-title-cell" data-label="商品"'] == "&lt;话费&gt; × 2"
    assert shown[' class="mz-num" data-label="金额"'] == '<span class="mz-amount">¥1,234.56</span>'
    assert shown[' data-label="状态"'].startswith('<span class="mz-w mz-w-sent">')
    assert shown[' data-label="原因"'] == '<span class="mz-soft">—</span>'
    assert "<span" not in shown[' data-label="下一步"']
    assert shown[' data-label="支付通道"'] == "&lt;own&gt;"
    assert shown[' data-label="内容"'] == "&lt;b&gt;"
    linked = '<a href="/staff/orders/M1"><code>M1</code></a>'
    assert shown[' class="mz-code-cell" data-label="订单号"'] == linked
    assert shown[' class="mz-when" data-label="期限"'] == (
        '<time class="mz-time" datetime="2026-11-23T11:00:00+00:00" title="2026-11-23 19:00:00 UTC+8">19:00</time>'
    )
    assert str(calm.cells[-1][1]).endswith('title="2026-11-24 20:00:00 UTC+8">11月24日 20:00</time>')
    assert "支付宝" in str(calm.cells[5][1])
    assert "−¥0.05" in str(done.cells[1][1])


def test_a_row_without_the_number_that_a_link_needs_is_drawn_without_the_link() -> None:
    """A letter to a contact stands in the list of notices, and is about no order."""
    view = View("zh", ShopInfo(), translations("zh"), NOW)
    (row,) = draw_rows(_shown(_row(order_id="")), view)
    assert row.head == "<code>R1</code>"


def test_what_is_noted_beside_a_deed_is_words_not_json() -> None:
    zh, en = (View(lang, ShopInfo(), translations(lang), NOW) for lang in ("zh", "en"))
    noted = '{"money": "solve_dispute", "amount_fen": 123456, "clear": true, "note": "<b>", "by": ""}'
    drawn = draw_data(noted, zh)
    assert "{" not in drawn
    assert "¥1,234.56" in drawn
    assert "纠纷处理方案" in drawn
    assert "&lt;b&gt;" in drawn
    assert "谁" not in drawn  # nothing was noted there
    assert "<i>roles</i>" in draw_data('{"roles": ["a", "b"]}', en)
    assert "<time" in draw_data('{"until": "2026-11-23T12:00:00+00:00"}', en)
    assert "<i>x.y</i>" in draw_data('{"x": {"y": "z"}}', en)
    assert "[1]" in draw_data("[1]", en)


def test_long_numbers_break_between_groups() -> None:
    assert breakable("99D6F7950318F4F5E17DC6BB") == "99D6F795 0318F4F5 E17DC6BB"
    assert breakable("2021026024775825") == "2021026024775825"
    assert breakable("/keys/<a>.pem") == "/<wbr>keys/<wbr>&lt;a&gt;.pem"
