"""The runner of the contract suite: what it says of a check that holds, fails, is skipped, or never ends."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mingzhang.app import cli
from mingzhang.app.adapters import CHANNELS, SUPPLIERS, Found
from mingzhang.app.check_adapters import suite as suites
from mingzhang.app.check_adapters.channel_checks import CHANNEL
from mingzhang.app.check_adapters.rig import NoWorld
from mingzhang.app.check_adapters.runner import SUITES, find_rigs
from mingzhang.app.check_adapters.suite import Ending, Skipped, Suite, equal, holds, run_suite
from mingzhang.app.check_adapters.supplier_checks import SUPPLIER
from mingzhang.kit.errors import Problem

TRIAL = Suite()


@TRIAL.check
async def it_holds(rig: int) -> None:
    equal(rig, 1)


@TRIAL.over(("wanted",), [1, 2])
async def it_is_what_is_wanted(rig: int, wanted: int) -> None:
    equal(rig, wanted)


@TRIAL.check
async def it_raises(rig: int) -> None:
    holds(rig)
    raise KeyError(rig)


@TRIAL.check
async def it_has_no_meaning_here(rig: int) -> None:
    await NoWorld(f"{rig} has no world").books()


async def test_every_ending_is_told_with_its_reason() -> None:
    results = [result async for result in run_suite(TRIAL, 1, "trial")]
    told = {result.name: (result.ending, result.why) for result in results}
    assert told["it_holds"] == (Ending.PASSED, "")
    assert told["it_is_what_is_wanted[2]"][0] is Ending.FAILED
    assert "found 1, wanted 2" in told["it_is_what_is_wanted[2]"][1]
    assert told["it_raises"][0] is Ending.FAILED
    assert "KeyError" in told["it_raises"][1]
    assert told["it_has_no_meaning_here"] == (Ending.SKIPPED, "1 has no world (books)")
    assert results[1].checks == "it is what is wanted (1)"


async def test_a_check_that_never_ends_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "CHECK_REAL_S_MAX", 0.01)
    endless = Suite()

    @endless.check
    async def it_waits(rig: object) -> None:
        await suites.asyncio.sleep(60)

    (result,) = [result async for result in run_suite(endless, None, "trial")]
    assert (result.ending, "no end after" in result.why) == (Ending.FAILED, True)


def test_names_of_checks_are_unique_and_suites_are_not_empty() -> None:
    for suite, _ in SUITES.values():
        names = [case.name for case in suite.cases]
        assert len(names) == len(set(names)) > 25
    assert SUITES[CHANNELS][0] is CHANNEL
    assert SUITES[SUPPLIERS][0] is SUPPLIER
    assert issubclass(Skipped, Exception)


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["channel", "check", "nobody"], "unknown_adapter", "alipay, wechat, epay"),
        (["supplier", "check", "alipay"], "unknown_adapter", "fulu, kasushou"),
    ],
)
def test_what_cannot_be_checked_says_why(arguments: list[str], code: str, hint: str) -> None:
    ended = CliRunner().invoke(cli.app, arguments)
    assert isinstance(ended.exception, Problem)
    assert (ended.exception.code, hint in ended.exception.detail) == (code, True)


def test_a_strangers_adapter_without_a_rig_is_told_how_to_bring_one() -> None:
    found = Found(name="acme", target="acme:make", package="acme")
    with pytest.raises(Problem, match="adapter_without_rig") as caught:
        find_rigs(CHANNELS, found)
    assert "mingzhang.rigs" in caught.value.detail


def test_what_is_installed_is_listed() -> None:
    listed = json.loads(CliRunner().invoke(cli.app, ["supplier", "list", "--json"]).stdout)
    assert [row["name"] for row in listed][:4] == ["fulu", "kasushou", "dtone", "stock"]
