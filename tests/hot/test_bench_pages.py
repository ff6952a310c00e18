"""`bench pages`: what it holds against its targets, and (long) that it finds and asks every page."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mingzhang.app.bench.pages import sum_up_pages
from mingzhang.app.cli import app


def test_the_slowest_page_and_kind_of_number_are_named_and_held_against_the_targets() -> None:
    told = sum_up_pages(
        1000,
        console={"/staff/work": [0.1] * 20, "/staff/claims": [0.01] * 18 + [0.4, 0.4]},
        front={"/": [0.002]},
        search={"order": [0.004], "serial": [0.006]},
        paints=[250.0, 240.0, 900.0],
        other_load=1.5,
    )
    assert (told["p95_ms"], told["slowest"]) == (400.0, "/staff/claims")
    assert (told["search_p95_ms"], told["first_paint_ms"]) == (6.0, 250.0)
    assert told["short_of_target"] == ["p95_ms"]
    assert (told["orders"], told["other_load"]) == (1000, 1.5)


@pytest.mark.long
def test_every_page_of_a_loaded_shop_is_asked() -> None:
    result = CliRunner().invoke(app, ["bench", "pages", "--orders", "300", "--runs", "5", "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {"/staff/work", "/staff/orders/{order_id:str}", "/staff/suspense"} <= told["pages_ms"].keys()
    assert {"order", "transaction", "supplier", "refund"} <= told["search_ms"].keys()
