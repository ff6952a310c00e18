"""The tables of docs/staff.md, printed from the code: roles × rights, and what takes two people.

`mingzhang staff rights` prints them; a test holds the document to them.
"""

from __future__ import annotations

from typing import Final

from mingzhang.staff.approvals import LIFE, TRANSITIONS, MoneyAction
from mingzhang.staff.rights import MEANING, NEEDS_TOTP, RIGHTS, ROLE_NAMES, Right, Role

BEGIN: Final = "<!-- printed by `mingzhang staff rights`: begin -->"
END: Final = "<!-- printed by `mingzhang staff rights`: end -->"

# Chinese, English, row of the ledger's table.
MONEY: Final[dict[MoneyAction, tuple[str, str, str]]] = {
    MoneyAction.REFUND_ORDER: ("原路全额退款", "give an order's money back", "13"),
    MoneyAction.REFUND_PART: ("原路部分退款", "give back part of it, or of a delivered order", "13"),
    MoneyAction.MAKE_GOOD: ("由本店垫付", "stand in for what a channel denies", "24"),
    MoneyAction.PROVE_UNPAID: ("查明从未付款", "prove that nothing was ever paid", "24"),
    MoneyAction.REFUND_AT_RISK: ("供应商未答复时先行退款", "refund while the supplier is unknown", "20"),
    MoneyAction.DELIVER_AT_SHOP_COST: ("商家承担补发", "deliver at the shop's cost", "4"),
    MoneyAction.REFUND_SUSPENSE: ("待核实款项原路退回", "give unmatched money back", "23, 13"),
    MoneyAction.MATCH_SUSPENSE: ("待核实款项归入订单", "give unmatched money to its order", "23"),
    MoneyAction.REFUND_BY_TRANSFER: ("银行转账退款", "refund by bank transfer", "17"),
    MoneyAction.WRITE_OFF: ("不再追讨，作为损失", "give up what a channel never had", "24, 26"),
    MoneyAction.MOVE_FLOAT: ("调拨备用金", "move the float", "2, 12"),
    MoneyAction.SETTLE_DIFFERENCE: ("了结对账差异", "end a difference of reconciliation", "27, –"),
    MoneyAction.SOLVE_DISPUTE: ("纠纷处理方案", "solve a dispute, or offer to", "13, 20, 4"),
    MoneyAction.CHANGE_ROLES: ("变更员工角色", "change somebody's roles", "–"),
    MoneyAction.WIND_DOWN: ("停止经营", "wind the shop down, or call that off", "13, 20, 23"),
    MoneyAction.CONFIRM_BY_HAND: ("确认人工充值已办好", "confirm that work by hand is done", "25"),
}


def print_tables() -> str:
    """Markdown, from the tables alone."""
    return "\n".join([*_roles(), "", *_rights(), "", *_money(), "", *_life()])


def _roles() -> list[str]:
    head = ["Right", *(f"`{role}` {ROLE_NAMES[role][0]}" for role in Role), "second factor"]
    lines = [_row(head), _row(["---"] * len(head))]
    for right in Right:
        marks = ["✓" if right in RIGHTS[role] else "" for role in Role]
        lines.append(_row([f"`{right}`", *marks, "needed" if right in NEEDS_TOTP else ""]))
    return lines


def _rights() -> list[str]:
    lines = [_row(["Right", "中文", "Lets one"]), _row(["---"] * 3)]
    return lines + [_row([f"`{right}`", *MEANING[right]]) for right in Right]


def _money() -> list[str]:
    lines = [_row(["Takes two people", "中文", "What", "Ledger row"]), _row(["---"] * 4)]
    return lines + [_row([f"`{action}`", *MONEY[action]]) for action in MoneyAction]


def _life() -> list[str]:
    lines = [_row(["An approval that is", "may become"]), _row(["---"] * 2)]
    for state, following in TRANSITIONS.items():
        words = ", ".join(f"`{name}`" for name in TRANSITIONS if name in following) or "– (final)"
        lines.append(_row([f"`{state}`", words]))
    hours = int(LIFE.total_seconds() // 3600)
    return [
        *lines,
        "",
        f"It is open for {hours} hours from its proposal; after that it can only be withdrawn.",
    ]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
