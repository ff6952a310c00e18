"""Which term of a dispute is next, and when it is to be looked at. Pure: the rows and a moment in, a moment out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mingzhang.disputes.policy import Policy
from mingzhang.disputes.states import BUYER_MAX_S, PERSON_MAX_S, REMEDY_MAX_S
from mingzhang.disputes.store import Dispute

FOLLOW_MIN: Final = timedelta(seconds=10)
FOLLOW_MAX: Final = timedelta(minutes=30)
LET_GO_RETRY: Final = timedelta(minutes=5)
LONGEST: Final = {
    "buyer": timedelta(seconds=BUYER_MAX_S),
    "person": timedelta(seconds=PERSON_MAX_S),
    "channel": timedelta(seconds=REMEDY_MAX_S),
    "supplier": timedelta(seconds=REMEDY_MAX_S),
}


class Term(NamedTuple):
    """A term that runs: ``stage`` first, solution, final or outside."""

    stage: str
    by: datetime


def next_term(row: Dispute) -> Term | None:
    """The soonest term that the shop has neither kept nor missed; None when all were missed."""
    kept = {"first": row.first_at, "solution": row.solution_at}
    by = {
        "first": row.first_by,
        "solution": row.solution_by,
        "final": row.final_by,
        "outside": row.outside_by,
    }
    running = [
        Term(stage, at)
        for stage, at in by.items()
        if at is not None and stage not in row.missed and kept.get(stage) is None
    ]
    # What comes from outside never lies beyond the shop's own last word: that one is due anyway.
    own = [term for term in running if term.stage != "outside" or term.by <= row.final_by]
    return min(own, key=lambda term: term.by, default=None)


def reminders(policy: Policy, row: Dispute) -> list[datetime]:
    """When somebody is told that the running term ends, earliest first."""
    term = next_term(row)
    if term is None or row.next_actor != "shop":
        return []
    before = policy.remind.get(term.stage, ())
    points = [term.by - timedelta(seconds=lead) for lead in before]
    return sorted(at for at in points if at > row.since)


def reminder_due(policy: Policy, row: Dispute, now: datetime) -> bool:
    """Whether a reminder's moment has come that was not told yet."""
    past = [at for at in reminders(policy, row) if at <= now]
    return bool(past) and (row.reminded_at is None or row.reminded_at < past[-1])


def set_clock(policy: Policy, row: Dispute, now: datetime) -> None:
    """Deadline and next look for the row as it stands; a shop with no term left is a person's, day by day.

    What ended is looked at again only while its money could not be let go yet.
    """
    if row.state == "closed":
        row.next_actor, row.deadline_at = "", None
        row.due_at = now + LET_GO_RETRY if row.held else None
        return
    if row.next_actor == "shop":
        term = next_term(row)
        if term is not None:
            coming = [at for at in reminders(policy, row) if at > now]
            row.deadline_at = term.by
            row.due_at = min([*coming, term.by])
            return
        row.next_actor, row.since, row.deadline_at = "person", now, None
    latest = row.since + LONGEST[row.next_actor]
    row.deadline_at = latest
    row.due_at = latest
    if row.state == "remedy" and row.next_actor != "person":
        pace = max(FOLLOW_MIN, min(FOLLOW_MAX, (now - row.since) / 4))
        row.due_at = min(latest, now + pace)
