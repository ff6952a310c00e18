"""What a buyer is offered, and how a channel does: pure functions (R10, R11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mingzhang.app.desk_channels import changed
from mingzhang.kit.errors import Problem
from mingzhang.payments.offer import Device, Facts, device_of, limit_of, offer
from mingzhang.payments.register import Terms, figures_of

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
ALIPAY = Facts(name="alipay", methods=frozenset({"qr", "page", "wap"}))
WECHAT = Facts(name="wechat", methods=frozenset({"qr", "h5", "jsapi"}), payer_methods=frozenset({"jsapi"}))
BOTH = [ALIPAY, WECHAT]


@pytest.mark.parametrize(
    ("device", "payer", "ways"),
    [
        (Device.DESKTOP, False, ("alipay.qr", "alipay.page", "wechat.qr")),
        (Device.PHONE, False, ("alipay.wap", "alipay.qr", "wechat.h5", "wechat.qr")),
        (Device.WECHAT, False, ("alipay.qr", "wechat.h5", "wechat.qr")),
        (Device.WECHAT, True, ("alipay.qr", "wechat.jsapi", "wechat.h5")),
    ],
)
def test_ways_follow_the_device(device: Device, payer: bool, ways: tuple[str, ...]) -> None:
    assert offer(BOTH, 100, device, payer_known=payer).ways == ways


def test_limits_and_outages_leave_channels_out() -> None:
    small = Facts(
        name="small",
        methods=frozenset({"qr"}),
        terms=Terms(channel="small", min_fen=100, max_fen=5_000, day_fen=6_000),
        taken_fen=2_000,
    )
    for amount, why in ((99, "below_min"), (5_001, "above_max"), (4_001, "day_full"), (4_000, None)):
        assert limit_of(small.terms, amount, small.taken_fen) == why
        found = offer([small, WECHAT], amount, Device.DESKTOP)
        assert found.left_out == ((("small", why),) if why else ())
    assert offer([small], None, Device.DESKTOP).ways == ("small.qr",)
    assert offer(BOTH, 100, Device.DESKTOP, {"alipay"}).ways == ("wechat.qr",)
    assert offer(BOTH, 100, Device.DESKTOP, {"alipay"}).left_out == (("alipay", "down"),)
    assert len(offer(BOTH, 100, Device.DESKTOP, {"alipay", "wechat"}).ways) == 3
    assert offer([WECHAT], 100, Device.DESKTOP).ways == ("wechat.qr",)
    page_only = Facts(name="old", methods=frozenset({"page"}))
    assert offer([page_only], 100, Device.WECHAT).left_out == (("old", "no_method"),)


def test_a_browser_says_what_it_is() -> None:
    assert device_of("Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0") is Device.WECHAT
    assert device_of("Mozilla/5.0 (Linux; Android 14)") is Device.PHONE
    assert device_of("") is Device.DESKTOP


def test_terms_out_of_texts() -> None:
    before = Terms(channel="alipay", min_fen=1)
    terms = changed(before, {"rate": "0.6", "fixed": "0.10", "max": "5000", "until": "2027-12-31"})
    assert (terms.rate_ppm, terms.fixed_fen, terms.max_fen, terms.min_fen) == (6_000, 10, 500_000, 1)
    assert terms.fee_fen(10_000) == 70
    assert terms.valid_until == datetime(2027, 12, 31, 15, 59, tzinfo=UTC)
    wrongs: tuple[dict[str, str], ...] = (
        {"rate": "101"}, {"rate": "0.12345"}, {"rate": "x"}, {"settle": "-1"}, {"settle": "61"},
        {"min": "9", "max": "1"}, {"max": "1e5"}, {"until": "soon"}, {"source": "javascript:x"}, {"licensee": "\x07"},
    )  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(Problem, match="bad_terms"):
            changed(before, wrong)


def test_figures_count_openings_delays_and_what_was_found_by_asking() -> None:
    def row(state: str, **more: Any) -> dict[str, Any]:
        base = {
            "channel": "epay",
            "method": "qr",
            "state": state,
            "shown": True,
            "opened_at": NOW - timedelta(minutes=30),
            "expires_at": NOW - timedelta(minutes=15),
            "known_at": None,
            "paid_at": None,
            "told": None,
            "hinted_at": None,
        }
        return base | more

    known = NOW - timedelta(minutes=20)
    paid_at = (known - timedelta(seconds=2)).isoformat()
    seen = {"known_at": known, "paid_at": paid_at}
    rows = [
        row("paid", **seen, told=True),
        row("paid", **seen, told=False, hinted_at=known),
        row("paid", **seen, told=False),
        row("closed"),
        row("failed", shown=False),
        row("intent", shown=False),
        row("open", expires_at=NOW + timedelta(minutes=1)),
    ]
    found = figures_of(rows, NOW)["epay"]
    assert (found.openings, found.opened, found.ended, found.paid) == (7, 5, 4, 3)
    assert (found.told, found.delay_p50_ms, found.delay_p99_ms, found.found) == (3, 2_000, 2_000, 1)
