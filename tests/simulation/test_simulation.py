"""Seeded plans through a whole platform of separate processes: every order ends as predicted, no fen is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

PROGRAM = (sys.executable, "-c", "from mingzhang.app.cli import main; main()")


def run(*arguments: str, most_s: float = 110) -> tuple[int, dict[str, Any], str]:
    """Exit code, the one line of JSON, and what was said on the way."""
    done = subprocess.run(
        [*PROGRAM, *arguments, "--json"], check=False, capture_output=True, text=True, timeout=most_s
    )
    assert done.stdout.count("\n") == 1, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout), done.stderr


def check(code: int, told: dict[str, Any], said: str, orders: int) -> None:
    predicted = told["predicted"]
    assert {name: told[name] for name in predicted} == predicted, (told, said[-1500:])
    assert told["orders"] == orders == sum(predicted.values())
    assert (told["lost_fen"], told["double_topups"], told["audit"], code) == (0, 0, "ok", 0), told


def test_twenty_orders_with_the_usual_faults() -> None:
    check(*run("demo", "--check", "20", "--faults", "default", "--seed", "7"), 20)


@pytest.mark.long
def test_twenty_orders_spread_over_eight_buckets() -> None:
    check(*run("simulate", "--seed", "7", "--orders", "20", "--buckets", "8"), 20)


@pytest.mark.long
@pytest.mark.crash
def test_eighty_orders_while_everything_is_killed_in_turn() -> None:
    """kill -9 of worker, web and PostgreSQL at ten seeded moments: nothing lost, doubled or left behind."""
    code, told, said = run("simulate", "--seed", "11", "--orders", "80", "--kills", "10")
    check(code, told, said, 80)
    assert [kill["at_s"] for kill in told["kills"]] == sorted(kill["at_s"] for kill in told["kills"])
    killed = Counter(kill["target"] for kill in told["kills"])
    assert sorted(killed.values()) == [3, 3, 4]
    assert set(killed) == {"worker", "web", "postgresql"}
    assert told["never_sent"] <= killed["worker"] + killed["postgresql"]


@pytest.mark.long
def test_eighty_orders_over_all_suppliers() -> None:
    """Refused, silent, taken back, too late, in part: by every supplier, and no buyer loses a fen."""
    check(*run("simulate", "--seed", "4", "--orders", "80", "--suppliers", "all", "--faults", "supply"), 80)


@pytest.mark.long
def test_two_days_with_settlement_statements_bills_and_reports() -> None:
    """Every source of every day is held against the ledger, every line that was bent is found and has its owner."""
    code, told, said = run(
        *("simulate", "--seed", "7", "--days", "2", "--orders", "40"),
        *("--faults", "all"),
        most_s=400,
    )
    assert (told["audit"], told["clocks"], code) == ("ok", "ok", 0), (told, said[-1500:])
    assert (told["lost_fen"], told["double_topups"], told["ends"]) == (0, 0, told["predicted"])
    assert told["statements"]["judged"] == told["statements"]["expected"] == 2 * 6
    breaks = told["breaks"]
    assert breaks["found"] == breaks["planted"] > 0
    assert breaks["owned"] == breaks["open"]
    assert told["reports"] >= 2
    assert set(told["payouts"]) == {"closed"}
    assert told["instructions"] == {"returned": 1}
    assert {"late_line", "short_line", "transfer_returned"} <= {it["fault"] for it in told["bank_faults"]}


@pytest.mark.long
def test_forty_orders_and_their_disputes() -> None:
    """Every dispute at its end or within its clock; whoever has goods and money has a decision; nothing is lost."""
    code, told, said = run(
        "simulate", "--seed", "3", "--orders", "40", "--disputes", "--faults", "all", most_s=600
    )
    assert (told["audit"], told["clocks"], told["late"]) == ("ok", "ok", []), (told, said[-1500:])
    assert (told["lost_fen"], told["double_topups"], code) == (0, 0, 0), told
    assert told["both"] == told["decided"]
    assert sum(told["opened"].values()) >= 8
    assert told["missed"]["final"] >= 1
