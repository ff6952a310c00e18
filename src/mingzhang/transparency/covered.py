"""What the tamper drill (`mingzhang audit --log`) covers, table by table, and what it does not, and why.

Every table of the schema stands in exactly one of these; a new table fails `tests/unit/test_covered.py` until somebody
decides. A digest (`digest_rows.sql`) is the ordinary choice for a table whose rows never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.transparency.digest import LEFT_OUT, TABLES

# Made anew, entry by entry, from the rows themselves.
RECORD: Final[Mapping[str, str]] = {
    "event": "each event is in the record, with its time, evidence and details",
    "leg": "each leg is in the record",
    "log_entry": "the tree is made anew from the entries, and each entry from the books",
    "log_tile": "each whole tile is made anew",
    "log_checkpoint": "each signed state is verified, and its root made anew",
    "log_statement": "each is in the record",
    "digest_span": "each span is in the record",
}
# Held against events, legs, facts and evidence by the audit of the books, which the drill runs whole.
AUDIT: Final[Mapping[str, str]] = {
    "orders": "price, state and whose turn it is follow from the record; personal data and texts are not held",
    "payment": "state, number and amount follow from facts and legs",
    "supply_attempt": "state and cost follow from facts and legs",
    "refund": "state and amount follow from facts and legs",
    "suspense": "amount and state follow from legs",
    "number": "numbers follow from facts",
    "card_shelf": "counts follow from claims and batches",
}
# Rows that change by design or hold nothing that must last. What they did to money stands in tables above.
NOT_COVERED: Final[Mapping[str, str]] = {
    "anchor_task": "a clock; tokens stand in log_anchor, which is digested",
    "approval": "its terms are held by their own hash; each proposal and decision stands in staff_action, which is digested",
    "bank_account": "settings of ours; statements and lines are digested",
    "bank_task": "what is still to do with a bank line; lines and legs are covered",
    "bucket": "a list of numbers",
    "card_line": "a lock and an alarm",
    "category": "settings; each change stands in catalogue_change, which is digested",
    "channel_health": "what was seen last",
    "channel_pass": "a clock",
    "channel_register": "settings of ours; licences stand in licence, which is digested",
    "channel_watch": "a clock and a sum that is made anew",
    "claim": "working state of a case; its messages are evidence, its steps events",
    "complaint": "what a channel said last; its messages are evidence, its binding a fact, its words in dispute_message",
    "complaint_act": "working state; what went out and what came back are evidence",
    "complaint_line": "as the channel tells it; its messages are evidence",
    "complaint_pass": "a clock",
    "console_mark": "a clock",
    "liability_leaf": "the audit makes the newest tree anew from the books; each root and seed is digested",
    "liability_tile": "the audit makes the newest tree anew from its leaves; each root is digested",
    "coverage_now": "made anew every minute; each day's end is digested",
    "demo_load": "made-up histories only",
    "demo_load_piece": "made-up histories only",
    "dispute": "working state, its terms held by a trigger; what was said is digested, what was done to money are legs",
    "earning": "a clock; what it booked are legs",
    "erasure": "a clock; what was erased stands in staff_action, which is digested",
    "guess": "counts that are forgotten within the hour",
    "inbox": "facts that wait; each is in fact, which is digested",
    "instruction": "working state; its approval, the bank's lines and legs are covered",
    "key_term": "what channels said last",
    "key_watch": "a clock",
    "limit_count": "counts that are forgotten",
    "limit_hit": "forgotten after 180 days",
    "log_gate": "a lock",
    "manual_task": "working state; reports and confirmations stand in staff_action",
    "money_slot": "a roll-up that a full audit makes anew",
    "notice": "working state of letters",
    "notice_route": "addresses of ours",
    "order_key": "an index that is made anew",
    "order_password": "a keyed hash of the buyer's; changed, it opens nothing",
    "outcome_span": "a roll-up",
    "oversight_chore": "a clock",
    "pause": "settings; sales, not money",
    "picture": "by its own hash",
    "product": "settings; each change stands in catalogue_change, orders keep snapshots",
    "product_family": "settings; each change stands in catalogue_change",
    "product_supplier": "settings; each change stands in catalogue_change",
    "product_text": "settings; each change stands in catalogue_change",
    "recon_break": "working state; its history is recon_event, which is digested",
    "recon_day": "a clock and totals; files and events are digested",
    "remedy_request": "working state; its steps are events",
    "schema_migration": "held against the code's own migrations at every start",
    "settlement_batch": "working state; lines, evidence and legs are covered",
    "settlement_member": "working state; lines and legs are covered",
    "setup_note": "notes of the wizard",
    "sign_in_code": "forgotten within the hour",
    "staff": "passwords and secrets by hash or sealed; each change of an account stands in staff_action",
    "staff_recovery": "keyed hashes, used up",
    "staff_session": "ends within the day",
    "supplier_figure": "a roll-up",
    "supplier_health": "what was seen last",
    "supplier_watch": "what suppliers said last",
    "trade_hint": "a question to a channel; its answer is evidence",
    "unbooked": "a list of what waits; the facts are digested",
    "webhook_endpoint": "addresses of other systems; what was sent stands in notice",
    "unlogged": "what waits for the record",
    "untold": "what waits to be told",
    "wind_down": "a clock; what two people decided stands in staff_action, its notice is public",
}


def covered_by(table: str) -> str:
    """record, digest, audit, or empty for a table that the drill leaves alone."""
    if table in RECORD:
        return "record"
    if table in TABLES:
        return "digest"
    return "audit" if table in AUDIT else ""


def print_table() -> str:
    """Markdown: every table that is covered, and by what; then every other one, and why not."""
    covered = {
        **RECORD,
        **{name: "a digest of each day's rows" + _without(name) for name in TABLES},
        **AUDIT,
    }
    lines = ["| Table | Covered by | How |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {covered_by(name)} | {covered[name]} |" for name in sorted(covered)]
    lines += ["", "| Not covered | Why |", "| --- | --- |"]
    lines += [f"| `{name}` | {why} |" for name, why in sorted(NOT_COVERED.items())]
    return "\n".join(lines)


def _without(table: str) -> str:
    out = sorted(column for name, column in LEFT_OUT if name == table)
    return f", without {', '.join(f'`{column}`' for column in out)}" if out else ""
