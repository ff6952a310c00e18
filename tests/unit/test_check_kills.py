"""When a checked run kills what, and which orders it may then expect to wait (no process is harmed here)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mingzhang.app.check_kills import UNSENT_S, Intent, Killer, Target, heard_numbers, plan_kills
from mingzhang.app.demo import Demo
from mingzhang.kit.clock import ScaledClock

SPEED = 60.0
DEATH = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def killer(tmp_path: Path) -> Killer:
    made = Killer(Demo(tmp_path, 1), ScaledClock(0.0, 0.0, SPEED), ())
    made.worker_deaths.append(DEATH)
    return made


def intent(attempt_no: str, before_s: float) -> Intent:
    sent_at = DEATH - timedelta(seconds=before_s)
    return Intent(order_id=attempt_no[:-2], attempt_no=attempt_no, sent_at=sent_at)


def test_a_plan_is_the_same_for_the_same_seed_and_fair_to_every_target() -> None:
    plan = plan_kills(11, 10, 15.0)
    assert plan == plan_kills(11, 10, 15.0)
    assert plan != plan_kills(12, 10, 15.0)
    moments = [kill.at_s for kill in plan]
    assert moments == sorted(moments)
    assert 0.0 < moments[0] <= moments[-1] <= 15.0
    assert sorted(Counter(kill.target for kill in plan).values()) == [3, 3, 4]
    assert plan_kills(11, 0, 15.0) == []


def test_only_an_unheard_intent_just_before_a_death_excuses_an_order(tmp_path: Path) -> None:
    intents = [
        intent("JUSTT1", 1.0),
        intent("HEARDT1", 1.0),
        intent("LONGT1", UNSENT_S * SPEED + 1.0),
        intent("AFTERT1", -1.0),
    ]
    heard = heard_numbers({"fulu": {"orders": [{"customer_order_no": "HEARDT1"}]}})
    assert killer(tmp_path).never_sent(intents, heard) == {"JUST"}


def test_a_death_that_nobody_planned_is_a_finding(tmp_path: Path) -> None:
    assert killer(tmp_path).findings({}) == []
    found = killer(tmp_path).findings({Target.WORKER: 1, "simulators": 3, Target.WEB: 0})
    assert [line.split(":")[0] for line in found] == ["simulators", "worker"]
