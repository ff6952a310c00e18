"""Terms of a dispute and what a missed one leads to: data, read from `policy.toml` and the shop's own setting (R34, R43)."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import msgspec

from mingzhang.disputes.states import FINAL_MAX_S, FIRST_MAX_S, HOUR_S, SOLUTION_MAX_S, STAGES
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.workdays import promised_by

LONGEST_S: Final[Mapping[str, int]] = {
    "first": FIRST_MAX_S,
    "solution": SOLUTION_MAX_S,
    "final": FINAL_MAX_S,
}
AT_BREACH: Final = frozenset({"escalate", "refund"})
ROLES: Final = frozenset({"support", "finance", "operator"})


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``promise``: seconds by stage; ``breach``, ``role`` by stage; ``remind``: seconds before, by stage, farthest
    first; ``outside``: by channel or source, ("hours" | "workdays", number).
    """

    promise: Mapping[str, int]
    breach: Mapping[str, str]
    role: Mapping[str, str]
    remind: Mapping[str, tuple[int, ...]]
    outside: Mapping[str, tuple[str, int]]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """By when what is due, from the moment a round begins."""

    first_by: datetime
    solution_by: datetime
    final_by: datetime
    outside_by: datetime | None


def terms(
    policy: Policy, at: datetime, source: str, channel: str = "", outside_by: datetime | None = None
) -> Terms:
    """The clocks of a round that begins now; ``outside_by``: what the other side itself named."""
    by = {stage: at + timedelta(seconds=policy.promise[stage]) for stage in STAGES}
    return Terms(
        first_by=by["first"],
        solution_by=by["solution"],
        final_by=by["final"],
        outside_by=outside_by or outside_term(policy, at, source, channel),
    )


def outside_term(policy: Policy, at: datetime, source: str, channel: str) -> datetime | None:
    """The channel's or authority's own term; None when the shop's buyer came by himself."""
    if source not in ("channel", "regulator"):
        return None
    unit, n = policy.outside.get(channel) or policy.outside[source]
    return promised_by(at, n) if unit == "workdays" else at + timedelta(hours=n)


@functools.cache
def read_policy(changes: str = "") -> Policy:
    """The file's policy with a shop's own changes: "first=8,solution=12,final=48,at_solution=refund".

    Hours; raises Problem `settings_invalid` for an unknown name, or a term longer than the promise allows.
    """
    raw = tomllib.loads(files("mingzhang.disputes").joinpath("policy.toml").read_text(encoding="utf-8"))
    for part in filter(None, (text.strip() for text in changes.split(","))):
        name, _, value = part.partition("=")
        _change(raw, name.strip(), value.strip())
    policy = Policy(
        promise={stage: int(raw["promise"][stage] * HOUR_S) for stage in STAGES},
        breach=dict(raw["breach"]),
        role=dict(raw["role"]),
        remind={
            name: tuple(sorted((int(h * HOUR_S) for h in hours), reverse=True))
            for name, hours in raw["remind"].items()
        },
        outside={name: next(iter(term.items())) for name, term in raw["outside"].items()},
    )
    _check(policy)
    return policy


def _change(raw: dict[str, Any], name: str, value: str) -> None:
    if name in STAGES and value.isascii() and value.isdecimal():
        raw["promise"][name] = int(value)
    elif name.startswith("at_") and name[3:] in STAGES and value in AT_BREACH:
        raw["breach"][name[3:]] = value
    else:
        raise Problem("settings_invalid", Kind.INVALID, f"MINGZHANG_DISPUTES: {name}={value}")


def _check(policy: Policy) -> None:
    for stage in STAGES:
        sound = 0 < policy.promise[stage] <= LONGEST_S[stage] and policy.breach[stage] in AT_BREACH
        if not sound or policy.role[stage] not in ROLES:
            raise Problem("settings_invalid", Kind.INVALID, f"MINGZHANG_DISPUTES: {stage}")
    if not policy.promise["first"] <= policy.promise["solution"] <= policy.promise["final"]:
        raise Problem(
            "settings_invalid", Kind.INVALID, "MINGZHANG_DISPUTES: first, solution, final in this order"
        )
