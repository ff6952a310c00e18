"""`mingzhang custody …`: accounts at the bank, statements in, what waits (docs/custody.md)."""

from __future__ import annotations

import asyncio
import getpass
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeVar

import asyncpg
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from mingzhang.app.here import settings_here
from mingzhang.custody import instructions, store
from mingzhang.custody.csv_statement import TEMPLATES
from mingzhang.custody.imports import import_file
from mingzhang.custody.pain import write_pain001
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import open_pool, transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import signed_yuan
from mingzhang.kit.vault import Vault
from mingzhang.settlement.flow import list_batch
from mingzhang.settlement.model import read_settlement
from mingzhang.staff import record

LISTED_MAX: Final = 50
Result = TypeVar("Result")
custody_app = typer.Typer(
    no_args_is_help=True, help="The bank that keeps the money: statements, instructions."
)
out = Console(highlight=False, soft_wrap=True)


class Store(NamedTuple):
    """The installation, for one command."""

    pool: asyncpg.Pool
    now: datetime
    rng: random.Random
    vault: Vault


def run(work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Do one thing with the installation's database."""

    async def whole() -> Result:
        settings = settings_here()
        pool = await open_pool(settings.database_url, 1, 2)
        try:
            now, vault = clock_from_spec(settings.clock).now(), Vault(settings.secret_key)
            return await work(Store(pool, now, random.SystemRandom(), vault))
        finally:
            await pool.close()

    return asyncio.run(whole())


def who() -> str:
    """Whoever is at this terminal, for the record."""
    return f"cli:{getpass.getuser()}"[:64]


@custody_app.command("account")
def custody_account(
    account: Annotated[str, typer.Argument(help="its number, as the bank's statements write it")],
    bank: Annotated[str, typer.Option(help="the bank's short name: the party in the ledger")],
    kind: Annotated[str, typer.Option(help="custody (存管), or self: the shop's own account")],
    adapter: Annotated[str, typer.Option(help="the bank adapter that speaks for it; none: files only")] = "",
) -> None:
    """Say that an account is ours. Only its statements are taken."""

    async def work(here: Store) -> bool:
        async with transaction(here.pool) as conn:
            return await store.open_account(
                conn, here.now, account=account, bank=bank, kind=kind, who=who(), adapter=adapter
            )

    out.print("done" if run(work) else "known already", markup=False)


@custody_app.command("import")
def custody_import(
    file: Annotated[
        Path, typer.Argument(help="camt.053, MT940, or CSV by template", exists=True, dir_okay=False)
    ],
    template: Annotated[str, typer.Option(help=f"for CSV: {', '.join(TEMPLATES)}")] = "",
) -> None:
    """Take a bank's statements in. The same file again changes nothing; a wrong one is refused, line and field named."""
    body = file.read_bytes()

    async def work(here: Store) -> None:
        taken = await import_file(
            here.pool, here.rng, here.now, body, name=file.name, who=who(), template=template
        )
        for each in taken:
            moved = f"{signed_yuan(each.opening_fen)} -> {signed_yuan(each.closing_fen)}"
            said = "taken" if each.fresh else "known already"
            line = f"{each.bank} {each.statement_id}: {each.lines} lines, {moved}, {said}"
            out.print(line, markup=False)

    run(work)


@custody_app.command("statements")
def custody_statements(
    statement: Annotated[
        str, typer.Argument(help="ACCOUNT STATEMENT-ID shows its lines", show_default=False)
    ] = "",
) -> None:
    """The statements taken in, newest first; or the lines of one, given as ACCOUNT/STATEMENT-ID."""

    async def read(here: Store) -> Table:
        async with here.pool.acquire() as conn:
            if not statement:
                return _statements(await conn.fetch(store.SQL.list_statements, LISTED_MAX))
            account, _, statement_id = statement.partition("/")
            rows = await conn.fetch(store.SQL.list_lines, account, statement_id, 1000)
        if not rows:
            raise Problem("unknown_statement", Kind.NOT_FOUND, statement[:100])
        return _lines(rows)

    out.print(run(read))


@custody_app.command("settle")
def custody_settle(
    file: Annotated[
        Path, typer.Argument(help="a settlement list of our template", exists=True, dir_okay=False)
    ],
    bank: Annotated[str, typer.Option(help="where its payout comes in")],
) -> None:
    """List a channel's payout: it is booked trade by trade, and closed by the bank's own line."""
    listed = read_settlement(file.read_bytes())

    async def work(here: Store) -> bool:
        async with transaction(here.pool) as conn:
            return await list_batch(conn, here.rng, here.now, listed, bank)

    said = "listed" if run(work) else "known already"
    out.print(f"{listed.channel} {listed.batch_id}: {len(listed.lines)} lines, {said}", markup=False)


@custody_app.command("instruct")
def custody_instruct(
    number: Annotated[str, typer.Argument(help="its id: print its pain.001", show_default=False)] = "",
) -> None:
    """The instructions to banks and what became of each; or the file of one, for a bank without an adapter.

    They are proposed and decided by two people on the page /staff/custody.
    """

    async def read(here: Store) -> Table | str:
        async with here.pool.acquire() as conn:
            if not number:
                return _instructions(await conn.fetch(instructions.SQL.list_instructions, LISTED_MAX))
            row = await conn.fetchrow(instructions.SQL.read_instruction, number)
            if row is not None and row["payee_enc"] is not None:  # a person's account: who looks is on record
                await record.write(conn, here.rng, here.now, who(), "view_personal_data", number)
        if row is None:
            raise Problem("unknown_instruction", Kind.NOT_FOUND, number[:60])
        order = instructions.payment_order(instructions.Instruction(**dict(row)), here.vault)
        return write_pain001(order, here.now).decode()

    found = run(read)
    out.print(found, markup=False) if isinstance(found, str) else out.print(found)


@custody_app.command("arrived")
def custody_arrived(
    number: Annotated[str, typer.Argument(help="the instruction's id")],
    reference: Annotated[str, typer.Option(help="the channel's or supplier's own number for the money")],
) -> None:
    """Say that a reserve or prefund which the bank paid out stands where it was sent (row 2), by a number of theirs."""

    async def work(here: Store) -> bool:
        async with transaction(here.pool) as conn:
            told = {"instruction": number, "reference": reference[:100], "by": who()}
            message = Message(
                party="staff",
                kind="topup.arrived",
                direction=Direction.OUT,
                standing=Standing.OWN,
                body=msgspec.json.encode(told),
                content_type="application/json",
            )
            cited = await evidence.keep(conn, here.rng, here.now, message)
            done = await instructions.arrive(conn, here.now, number, cited)
            await record.write(conn, here.rng, here.now, who(), "topup_arrived", number, reason=reference)
            return done

    if not run(work):
        raise Problem("unknown_instruction", Kind.NOT_FOUND, "it is not on its way")
    out.print("done", markup=False)


def _instructions(rows: list[asyncpg.Record]) -> Table:
    table = Table("id", "purpose", "from", "to", "amount", "state", "next", "decided by")
    for row in rows:
        table.add_row(
            row["instruction_id"],
            row["purpose"],
            row["bank"],
            row["payee_name"],
            signed_yuan(row["amount_fen"]),
            f"{row['state']} {row['code']}".strip(),
            row["next_actor"],
            f"{row['proposed_by']}, {row['decided_by']}",
        )
    return table


def _statements(rows: list[asyncpg.Record]) -> Table:
    table = Table("bank", "account", "statement", "closed", "lines", "wait", "opening", "closing", "format")
    for row in rows:
        table.add_row(
            f"{row['bank']} ({row['kind']})",
            row["account"],
            row["statement_id"],
            str(row["closed_on"]),
            str(row["lines"]),
            str(row["waiting"]),
            signed_yuan(row["opening_fen"]),
            signed_yuan(row["closing_fen"]),
            row["format"],
        )
    return table


def _lines(rows: list[asyncpg.Record]) -> Table:
    table = Table("n", "booked", "amount", "reference", "counterparty", "purpose", "state", "for")
    for row in rows:
        table.add_row(
            str(row["position"]),
            str(row["booked_on"]),
            signed_yuan(row["amount_fen"]),
            row["reference"] or row["bank_reference"],
            row["counterparty"],
            row["purpose"],
            row["state"],
            f"{row['used_for']} {row['subject']}".strip(),
        )
    return table
