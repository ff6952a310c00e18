"""Pages of staff about themselves: one's own account, the team, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from mingzhang.staff.approvals import Approval
from mingzhang.staff.model import Account, Session
from mingzhang.staff.rights import MEANING, NEEDS_TOTP, RIGHTS, ROLE_NAMES, Role
from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.views import View, qr_svg

Key = TypeVar("Key")


def own_page(
    account: Account,
    sessions: Sequence[Session],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    here: str,
    codes_left: int = 0,
    codes: Sequence[str] = (),
    enrolment: tuple[str, str, str] = ("", "", ""),
    notice: str = "",
    wait_s: int = 0,
) -> str:
    """One's own account. `here`: the session that looks; `codes`: new recovery codes, shown this once.

    `enrolment`: (what the QR code says, the secret in groups, the secret sealed) while an authenticator is being bound.
    """
    rights = [(right, said) for right, said in _said(lang, MEANING).items() if _has(account, right)]
    return render_console(
        "staff_me.html",
        lang,
        shop,
        frame,
        now,
        account=account,
        sessions=sessions,
        here=here,
        browser_name=browser_name,
        rights=[(right, said, right in NEEDS_TOTP) for right, said in rights],
        role_names=_said(lang, ROLE_NAMES),
        codes_left=codes_left,
        codes=codes,
        qr=qr_svg(enrolment[0]) if enrolment[0] else "",
        secret=enrolment[1],
        sealed=enrolment[2],
        notice=notice,
        wait_s=wait_s,
    )


def codes_page(codes: Sequence[str], shop: ShopInfo, lang: str, frame: Frame) -> str:
    """The recovery codes that came with a new authenticator, shown this once."""
    return render_console("staff_recovery.html", lang, shop, frame, codes=codes)


def team_page(
    accounts: Sequence[Account],
    sessions: Sequence[Session],
    proposals: Sequence[Approval],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    notice: str = "",
) -> str:
    """Everybody: roles, second factor, sessions; other roles proposed by one and decided by another."""
    return render_console(
        "staff_team.html",
        lang,
        shop,
        frame,
        now,
        accounts=accounts,
        sessions={each.name: [it for it in sessions if it.name == each.name] for each in accounts},
        proposals={
            each.name: [it for it in proposals if it.subject == f"staff:{each.name}"] for each in accounts
        },
        role_names=_said(lang, ROLE_NAMES),
        roles=tuple(Role),
        browser_name=browser_name,
        notice=notice,
    )


def decisions_page(
    mine: Sequence[Approval],
    others: Sequence[Approval],
    addresses: Mapping[str, str],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
) -> str:
    """What waits for this person's word, and what this person asked of others. `addresses`: by approval, its page."""
    view = View(lang, shop, translations(lang), now)
    return render_console(
        "staff_decisions.html",
        lang,
        shop,
        frame,
        view=view,
        mine=mine,
        others=others,
        addresses=addresses,
    )


# What a browser calls itself, the most telling word first.
_BROWSERS: Final = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(agent: str) -> str:
    """A browser as a person knows it ("Chrome · Windows"); the beginning of its own words when nobody knows it."""
    found = [next((name for word, name in table if word in agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in found if name) or agent[:40]


def _said(lang: str, table: Mapping[Key, tuple[str, str]]) -> dict[Key, str]:
    return {key: pair[0 if lang == "zh" else 1] for key, pair in table.items()}


def _has(account: Account, right: object) -> bool:
    return any(right in RIGHTS[Role(role)] for role in account.roles)
