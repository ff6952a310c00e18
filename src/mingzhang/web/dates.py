"""Beijing times as each language writes them: 11月23日 20:15 and 23 Nov 20:15; the date only when it is not today's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from mingzhang.kit.beijing import BEIJING
from mingzhang.web.words import N_

MONTHS: Final = (
    *(N_("1月"), N_("2月"), N_("3月"), N_("4月"), N_("5月"), N_("6月")),
    *(N_("7月"), N_("8月"), N_("9月"), N_("10月"), N_("11月"), N_("12月")),
)
THIS_YEAR: Final = N_("%(month)s%(day)s日 %(time)s")
OTHER_YEAR: Final = N_("%(year)s年%(month)s%(day)s日 %(time)s")


def write_time(
    moment: datetime, now: datetime | None, t: Callable[[str], str], *, seconds: bool = False
) -> str:
    """`moment` (aware) as a page shows it at `now`, in the words of `t` (gettext); another year is named, too."""
    local = moment.astimezone(BEIJING)
    text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    today = now.astimezone(BEIJING).date() if now is not None else None
    if local.date() == today:
        return text
    form = OTHER_YEAR if today is not None and local.year != today.year else THIS_YEAR
    parts = {"year": local.year, "month": t(MONTHS[local.month - 1]), "day": local.day, "time": text}
    return t(form) % parts
