"""The schema's promises: append-only in the database itself, buckets first in keys, hot SQL within the rules."""

import re
from importlib.resources import files

import asyncpg
import pytest

APPEND_ONLY = (
    "evidence",
    "fact",
    "conflict",
    "applied",
    "leg",
    "event",
    "placement",
    "rule_version",
    "delivered_card",
    "staff_action",
    "audit_run",
    "audit_checkpoint",
    "audit_total",
    "card_batch",
    "card",
    "card_code",
    "card_withdrawal",
    "card_exit",
    "card_view",
    "card_claim",
    "card_claim_item",
    "catalogue_change",
    "breach",
    "account_correction",
    "refund_payee",
    "bill_file",
    "bill_part",
    "recon_event",
    "closing_report",
    "shop_setting",
    "shop_logo",
    "bank_file",
    "bank_statement",
    "bank_line",
    "log_entry",
    "log_tile",
    "log_checkpoint",
    "log_cosignature",
    "log_statement",
    "log_anchor",
    "settlement_line",
    "place_total",
    "stated_total",
    "channel_statement",
    "coverage_day",
    "liability_day",
    "liability_leaf",
    "liability_tile",
    "attachment",
    "licence",
    "licence_picture",
    "dispute_message",
    "dispute_report",
    "digest_span",
    "erased_message",
)
ORDER_OWNED = (
    "orders",
    "event",
    "leg",
    "payment",
    "suspense",
    "trade_hint",
    "supply_attempt",
    "delivered_card",
    "card_view",
    "refund",
    "applied",
    "notice",
    "untold",
    "claim",
    "approval",
    "order_password",
    "breach",
    "account_correction",
    "refund_payee",
    "settlement_member",
    "earning",
    "unbooked",
    "remedy_request",
    "attachment",
    "dispute",
    "dispute_message",
    "dispute_report",
)
# Who may write which table: a slice writes its own and no other.
OWNERS = {
    "kit": {"guess", "attachment"},
    "evidence": {"evidence", "fact", "inbox", "conflict", "number", "applied", "unlogged"},
    "transparency": {
        "log_entry",
        "log_tile",
        "log_checkpoint",
        "log_cosignature",
        "log_statement",
        "digest_span",
        "log_anchor",
        "anchor_task",
        "liability_day",
        "liability_leaf",
        "liability_tile",
    },
    "ledger": {"leg"},
    "catalogue": {
        "product",
        "product_supplier",
        "rule_version",
        "pause",
        "category",
        "product_family",
        "product_text",
        "picture",
        "catalogue_change",
    },
    "orders": {
        "orders",
        "event",
        "bucket",
        "order_password",
        "account_correction",
        "breach",
        "limit_count",
        "limit_hit",
        "unbooked",
        "remedy_request",
    },
    "payments": {
        "payment",
        "suspense",
        "trade_hint",
        "channel_pass",
        "channel_health",
        "claim",
        "key_watch",
        "channel_register",
        "channel_watch",
        "key_term",
    },
    "fulfilment": {
        "supply_attempt",
        "delivered_card",
        "card_view",
        "supplier_health",
        "supplier_watch",
        "supplier_figure",
    },
    "fulfilment.stock": {
        "card_line",
        "card_batch",
        "card",
        "card_code",
        "card_shelf",
        "card_withdrawal",
        "card_exit",
        "card_claim",
        "card_claim_item",
    },
    "fulfilment.manual": {"manual_task"},
    "refunds": {"refund"},
    "disputes": {"dispute", "dispute_message", "dispute_report"},
    "transfers": {"refund_payee"},
    "settlement": {
        "settlement_batch",
        "settlement_line",
        "settlement_member",
        "earning",
        "place_total",
        "stated_total",
        "channel_statement",
        "coverage_day",
        "coverage_now",
    },
    "custody": {"bank_account", "bank_file", "bank_statement", "bank_line", "bank_task", "instruction"},
    "reconciliation": {
        "bill_file",
        "bill_part",
        "recon_day",
        "recon_break",
        "recon_event",
        "closing_report",
        *("odd", "twice", "sums"),  # DuckDB's, for the time of one matching
    },
    "oversight": {"licence", "licence_picture", "oversight_chore", "erasure"},
    "notices": {"notice", "notice_route", "untold", "webhook_endpoint"},
    "complaints": {"complaint", "complaint_line", "complaint_act", "complaint_pass"},
    "shop": {"shop_setting", "shop_logo", "sign_in_code", "wind_down"},
    "staff": {"staff", "staff_session", "staff_recovery", "staff_action", "approval"},
    "app": {"audit_run", "audit_checkpoint", "audit_total"},
    "app.demo_load": {"demo_load", "demo_load_piece"},
    "app.console": {"order_key", "console_mark", "money_slot", "outcome_span"},
    "app.setup": {"setup_note"},
}
WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)", re.IGNORECASE)


@pytest.mark.parametrize("change", ["UPDATE {} SET {}={}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_append_only_tables_refuse_change(pool: asyncpg.Pool, change: str) -> None:
    for table in APPEND_ONLY:
        column = await pool.fetchval(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position LIMIT 1",
            table,
        )
        statement = change.format(table, column, column) if "SET" in change else change.format(table)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append_only"):
            await pool.execute(statement)


async def test_order_owned_keys_begin_with_the_bucket(pool: asyncpg.Pool) -> None:
    for table in ORDER_OWNED:
        rows = await pool.fetch(
            """SELECT a.attname, array_position(i.indkey::int2[], a.attnum) AS n, i.indexrelid
               FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = $1::regclass AND i.indisunique""",
            table,
        )
        assert {row["attname"] for row in rows} == {"bucket"}, table


def _sql_files() -> list[tuple[str, str, str]]:
    found = []
    for slice_name in OWNERS:
        items = files(f"mingzhang.{slice_name}").iterdir()
        found += [
            (slice_name, item.name, item.read_text("utf-8")) for item in items if item.name.endswith(".sql")
        ]
    return found


@pytest.mark.parametrize(("slice_name", "name", "text"), _sql_files())
def test_a_slice_writes_only_its_own_tables(slice_name: str, name: str, text: str) -> None:
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    code = re.sub(r"FOR UPDATE|DO UPDATE", "", code)
    assert {table.lower() for table in WRITES.findall(code)} <= OWNERS[slice_name]


@pytest.mark.parametrize(("slice_name", "name", "text"), _sql_files())
def test_statements_take_time_as_a_parameter_and_rest_on_no_lock_or_order(
    slice_name: str, name: str, text: str
) -> None:
    for forbidden in (
        "now()",
        "current_timestamp",
        "clock_timestamp",
        "random()",
        "ctid",
        "pg_advisory",
        "MERGE INTO",
    ):
        assert forbidden.lower() not in text.lower(), forbidden


@pytest.mark.parametrize(
    "statement",
    ["claim_orders", "claim_payments", "claim_attempts", "claim_refunds", "claim_notices", "claim_claims"],
)
def test_due_work_is_claimed_per_bucket(statement: str) -> None:
    texts = [text for _, _, text in _sql_files() if f"-- name: {statement}" in text]
    assert len(texts) == 1
    body = texts[0].split(f"-- name: {statement}")[1].split("-- name:")[0]
    assert "bucket = $1" in body
    assert "SKIP LOCKED" in body
