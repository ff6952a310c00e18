"""A suite of checks with names: each takes a rig and raises `Failed`, `Skipped`, or nothing.

Whatever else a check raises is a failure, too: an adapter raises nothing for what the outside does.
"""

from __future__ import annotations

import asyncio
import linecache
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

CHECK_REAL_S_MAX: Final = 90.0
_SHOWN_MAX: Final = 300

Run = Callable[..., Awaitable[None]]


class Failed(AssertionError):  # noqa: N818 - what a check does
    """A check that does not hold, with what was found and what was wanted."""


class Skipped(Exception):  # noqa: N818 - it is no error: this party or rig has nothing to check
    """A check that has no meaning for this party; says what it lacks."""


class Ending(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One check's end. `checks`: the sentence it holds; `why`: of a failure or of a skip; `took_ms`: real."""

    rig: str
    name: str
    checks: str
    ending: Ending
    why: str = ""
    took_ms: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One check with its arguments. `name` is unique in its suite."""

    name: str
    checks: str
    run: Run
    arguments: Mapping[str, Any] = {}


class Suite:
    """The checks of one kind of adapter, in the order in which they stand in their module."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def check(self, run: Run) -> Run:
        """Join the suite."""
        return self.over((), [()])(run)

    def over(self, names: tuple[str, ...], rows: Iterable[Any]) -> Callable[[Run], Run]:
        """Join once for every row of arguments."""

        def join(run: Run) -> Run:
            for row in rows:
                values = row if len(names) != 1 else (row,)
                arguments = dict(zip(names, values, strict=True))
                told = ", ".join(str(value) for value in arguments.values())
                sentence = str(getattr(run, "__name__", "")).replace("_", " ")
                self.cases.append(
                    Case(
                        name=getattr(run, "__name__", "") + (f"[{told}]" if told else ""),
                        checks=f"{sentence} ({told})" if told else sentence,
                        run=run,
                        arguments=arguments,
                    )
                )
            return run

        return join


def equal(found: object, wanted: object) -> None:
    """Both are the same."""
    if found != wanted:
        raise Failed(f"found {_short(found)}, wanted {_short(wanted)}")


def among(found: object, wanted: Collection[Any]) -> None:
    """What was found is one of those."""
    if found not in wanted:
        raise Failed(f"found {_short(found)}, wanted one of {_short(wanted)}")


def holds(condition: object) -> None:
    """It is so; the runner adds the line."""
    if not condition:
        raise Failed("does not hold")


async def run_case(case: Case, rig: Any, rig_name: str) -> Result:
    """Run one check against a rig; raises nothing but cancellation."""
    began, ending, why = time.monotonic(), Ending.PASSED, ""
    try:
        async with asyncio.timeout(CHECK_REAL_S_MAX):
            await case.run(rig, **case.arguments)
    except Skipped as skipped:
        ending, why = Ending.SKIPPED, str(skipped)
    except TimeoutError as error:
        ending, why = Ending.FAILED, f"no end after {CHECK_REAL_S_MAX:.0f} s, {_where(error)}"
    except Exception as error:  # noqa: BLE001 - an adapter that raises has failed the check
        said = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {_short(error)}"
        ending, why = Ending.FAILED, f"{said}, {_where(error)}"
    took_ms = round((time.monotonic() - began) * 1000)
    return Result(rig=rig_name, name=case.name, checks=case.checks, ending=ending, why=why, took_ms=took_ms)


async def run_suite(suite: Suite, rig: Any, rig_name: str) -> AsyncIterator[Result]:
    """Run all, one after the other: some cut the party off for a moment."""
    for case in suite.cases:
        yield await run_case(case, rig, rig_name)


def _where(error: BaseException) -> str:
    """The line of the check that did not hold."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith("_checks.py"):
            line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            return f"at {frame.name}: {line}"
    return "before the check began"


def _short(value: object) -> str:
    text = str(value) if isinstance(value, StrEnum | Exception) else repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
