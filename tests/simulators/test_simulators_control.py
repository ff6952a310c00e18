"""Rates, scenarios, books, clock and the program itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from simulated import Outside

from simulators.catalogue import CATALOGUE
from simulators.faults import Faults
from simulators.money import fen, yuan
from simulators.scenarios import SCENARIOS, plan, predict
from simulators.world import Clock, order_prefix, read_beijing


@pytest.mark.parametrize("seed", range(40))
def test_most_orders_of_the_default_scenario_arrive_whatever_the_seed(seed: int) -> None:
    planned = plan("default", seed, 50)
    assert planned["predicted"]["arrived"] >= 32
    assert sum(planned["predicted"].values()) == len(planned["orders"]) == 50
    counts = Counter(row["expected"] for row in planned["orders"])
    assert {end: count for end, count in planned["predicted"].items() if count} == counts
    assert planned == plan("default", seed, 50)
    assert planned != plan("default", seed + 1, 50)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_names_faults_that_exist(name: str) -> None:
    for row in plan(name, 3, 300)["orders"]:
        for fault in row["faults"]:
            assert (fault["party"], fault["name"]) in CATALOGUE
        assert row["kind"] in ("mobile", "direct", "card")
    assert plan(name, 3, 1)["orders"][0]["index"] == 0


def test_the_table_predicts() -> None:
    banned = {"party": "fulu", "name": "account_banned", "params": {}}
    refused = {"party": "alipay", "name": "refund_refused", "params": {}}
    silent = {"party": "fulu", "name": "silent", "params": {}}
    assert predict("pay", []) == ("arrived", False)
    assert predict("pay", [banned]) == ("refunded", False)
    assert predict("pay", [banned, refused]) == ("waiting_for_person", False)
    assert predict("pay", [silent, banned]) == ("waiting_for_person", True)
    assert predict("abandon", [silent]) == ("closed", False)


def test_rates_are_drawn_from_the_seed_and_not_from_the_order_of_calls() -> None:
    numbers = [f"ORDER{index:04d}" for index in range(2000)]

    def hit(seed: int, order: list[str]) -> set[str]:
        faults = Faults(seed, order_prefix)
        faults.set_rates({"alipay.notify_lost": 0.1})
        return {number for number in order if faults.find(f"{number}P1", "alipay", "notify_lost") is not None}

    first = hit(7, numbers)
    assert first == hit(7, numbers[::-1])
    assert first != hit(8, numbers)
    assert 140 < len(first) < 260


async def test_faults_for_the_next_orders_hit_both_parties_of_these_orders_only(outside: Outside) -> None:
    faults = [{"party": "fulu", "name": "stock_out"}, {"party": "alipay", "name": "notify_lost"}]
    await outside.control("POST", "/faults", {"next": 2, "faults": faults})
    for order in ("A1", "A2", "A3"):
        await outside.open(f"{order}P1", "10")
    assert [(await outside.top_up(f"{order}T1"))[0] for order in ("A1", "A2", "A3")] == [3005, 3005, 0]


async def test_bad_control_calls_are_told_so(outside: Outside) -> None:
    cases = [
        ("POST", "/faults", {"order": "A", "faults": [{"party": "alipay", "name": "nonsense"}]}, 400),
        ("POST", "/faults", {"order": "", "faults": []}, 400),
        ("PUT", "/rates", {"alipay.notify_lost": 2}, 400),
        ("POST", "/buyers/pay", {"out_trade_no": "never"}, 404),
        ("POST", "/buyers/pay", {"outcome": "steal"}, 400),
        ("PUT", "/party/casino/down", {"down": True}, 404),
        ("PUT", "/alipay/merchant-key", {"key": "nonsense"}, 400),
        ("GET", "/scenarios/nonsense", None, 404),
        ("GET", "/scenarios/default?orders=x", None, 400),
        ("POST", "/decide", {"order": "", "outcome": "success"}, 400),
    ]
    for method, path, body, status in cases:
        assert "error" in await outside.control(method, path, body, status)
    listed = (await outside.control("GET", "/faults/catalogue"))["faults"]
    assert len(listed) == len(CATALOGUE)
    assert all(row["zh"] and row["en"] for row in listed)


async def test_a_buyer_can_act_later(outside: Outside) -> None:
    await outside.open("B1P1", "10")
    assert (await outside.pay("B1P1", delay_s=100))["result"] == "scheduled"
    await outside.until(lambda: outside.shop.notifies)
    assert (await outside.trade("B1P1"))["paid_fen"] == 1000


def test_clock_and_money() -> None:
    assert Clock.parse("system") == Clock()
    scaled = Clock.parse("scaled:100:1000:60")
    assert scaled.real_s(60) == 1
    for bad in ("scaled:1:2", "scaled:1:2:0", "lunar", "scaled:a:b:c"):
        with pytest.raises(ValueError, match=r"clock|float"):
            Clock.parse(bad)
    assert read_beijing("2026-11-23 08:00") == read_beijing("2026-11-23 08:00:00")
    assert read_beijing("tomorrow") is None
    assert [fen(text) for text in ("30", "9.9", "98.50", 49.8, "-1", "1.234", "1e3", "")] == [
        3000, 990, 9850, 4980, None, None, None, None,
    ]  # fmt: skip
    assert (yuan(9850), yuan(5), yuan(-230)) == ("98.50", "0.05", "-2.30")
    assert order_prefix("00ABC9P1") == "00ABC9"


def test_the_program_starts_says_where_it_is_and_stops_on_sigterm(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "simulators", "serve", "--ready-file", str(ready), "--seed", "5"]
    command += ["--rates", '{"alipay.notify_lost":0.5}', "--clock", f"scaled:{time.time()}:0:10"]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid
        assert told["alipay"]["gateway"].endswith("/gateway.do")
        assert len(told["fulu"]["app_secret"]) == 32
        with urllib.request.urlopen(f"{told['control']}/health") as answer:
            assert json.load(answer)["ok"]
    finally:
        process.terminate()
        assert process.wait(10) == 0
