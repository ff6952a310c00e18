"""`mingzhang stock …`: own cards from file to recycle bin, from the command line (docs/operations.md)."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from mingzhang.app.here import settings_here
from mingzhang.app.stock_words import expiry_of, numbers_of
from mingzhang.fulfilment.stock import importer, rekey, shelf, store
from mingzhang.fulfilment.stock.importer import Duplicate, Imported, NewBatch, Preview
from mingzhang.fulfilment.stock.reader import FileRead, read_cards
from mingzhang.fulfilment.stock.trade import CAPITAL, FROM_CUSTODY, Payment
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import format_yuan, parse_yuan
from mingzhang.kit.vault import Vault

LISTED_MAX: Final = 20
Result = TypeVar("Result")
stock_app = typer.Typer(no_args_is_help=True, help="Own card stock: import, levels, move, recycle bin.")
out = Console(highlight=False, soft_wrap=True)

BatchId = Annotated[
    str, typer.Argument(help="the batch's id, as `levels --batches` shows it", show_default=False)
]
Cards = Annotated[str, typer.Option(help="numbers in the batch, as 1-50,73; without: all that are left")]
Reason = Annotated[str, typer.Option(help="why, for the record", show_default=False)]


@dataclass(frozen=True)
class Store:
    """The installation, for one command."""

    pool: asyncpg.Pool
    vault: Vault
    now: datetime

    @property
    def rng(self) -> random.Random:
        """For ids."""
        return random.SystemRandom()


def _run(work: Callable[[Store], Awaitable[Result]]) -> Result:
    async def whole() -> Result:
        settings = settings_here()
        pool = await open_pool(settings.database_url, 1, 2)
        try:
            vault = Vault(settings.secret_key, settings.card_keys)
            return await work(Store(pool, vault, clock_from_spec(settings.clock).now()))
        finally:
            await pool.close()

    return asyncio.run(whole())


def _who() -> str:
    return f"cli:{getpass.getuser()}"[:64]


def _say(line: str) -> None:
    out.print(line, markup=False)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the error output; what it yields is told lines done and lines in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def payment_of(source: str, paid_to: str, receipt: str) -> Payment:
    """`capital`, or `custody:<bank>`."""
    money, _, bank = source.partition(":")
    return Payment(money=money, bank=bank, paid_to=paid_to, receipt=receipt)


@stock_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help=".csv, .txt or .xlsx", exists=True, dir_okay=False)],
    product: Annotated[str, typer.Option(help="the stock's product, as products name it")],
    cost: Annotated[str, typer.Option(help="what each card cost, in yuan; 0 on consignment")] = "0",
    paid_to: Annotated[str, typer.Option(help="who was paid")] = "",
    source: Annotated[
        str,
        typer.Option("--from", help=f"{CAPITAL} (the shop's own money) or {FROM_CUSTODY}:BANK (the float)"),
    ] = CAPITAL,
    receipt: Annotated[str, typer.Option(help="the payment's number")] = "",
    expires: Annotated[str, typer.Option(help="until when they may be sold, as 2027-01-31 (Beijing)")] = "",
    reusable: Annotated[
        bool, typer.Option("--reusable", help="循环卡密: each code is sold again and again")
    ] = False,
    batch: Annotated[str, typer.Option(help="the batch's id; without: made of product and file")] = "",
    preview: Annotated[bool, typer.Option("--preview", help="say what would come in; store nothing")] = False,
) -> None:
    """Take cards in. Known codes are listed and skipped; the same file again changes nothing."""
    data = file.read_bytes()
    with _bar("reading") as told:
        told(0, 1)
        read = read_cards(data, file.name)
    _tell_bad(read)
    if preview:
        with _bar("looking for duplicates") as told:
            _tell_preview(_run(lambda it: importer.preview(it.pool, it.vault, read.cards, told)))
        return
    into = NewBatch(
        batch_id=batch or f"{product[:40]}-{hashlib.sha256(data).hexdigest()[:12]}",
        product=product,
        unit_cost_fen=parse_yuan(cost),
        expires_at=expiry_of(expires),
        source=file.name[:100],
        added_by=_who(),
        reusable=reusable,
        payment=payment_of(source, paid_to, receipt),
    )
    with _bar("importing") as told:
        done = _run(lambda it: importer.import_cards(it.pool, it.vault, into, read.cards, it.now, told))
    _tell_imported(done)


def _tell_bad(read: FileRead) -> None:
    if read.bad_count:
        _say(f"{read.bad_count} lines are no cards and are left out:")
        for bad in read.bad[:LISTED_MAX]:
            _say(f"  line {bad.line}: {bad.why}")


def _tell_preview(found: Preview) -> None:
    _say(f"{found.lines} cards, {found.fresh} new")
    for name, count, listed in (
        ("already in the file", found.repeated_count, found.repeated),
        ("already known", found.known_count, found.known),
    ):
        if count:
            _say(f"{count} {name}, to be skipped:")
            _tell_lines(listed, count)


def _tell_lines(listed: list[Duplicate], count: int) -> None:
    for each in listed[:LISTED_MAX]:
        _say(f"  line {each.line}: {each.masked}")
    if count > LISTED_MAX:
        _say(f"  and {count - LISTED_MAX} more")


def _tell_imported(done: Imported) -> None:
    _say(f"done: {done.cards} cards on the shelf as {done.batch_id}, {done.skipped} skipped")


@stock_app.command()
def levels(
    batches: Annotated[bool, typer.Option("--batches", help="batch by batch")] = False,
) -> None:
    """What is left, product by product."""
    if batches:
        for row in _run(_batches):
            expires = write_beijing(row.expires_at)[:10] if row.expires_at else "never"
            cost, added = format_yuan(row.unit_cost_fen), write_beijing(row.added_at)[:16]
            _say(
                f"{row.batch_id}  {row.product}  {row.available} of {row.cards} left, {cost} each, expires {expires}, "
                f"added {added} by {row.added_by}, paid: {row.money} {row.paid_to}".rstrip()
            )
        return
    table = Table("product", "may be sold", "cost", "expired", "next expiry", "alarm at", "")
    for level in _run(_levels):
        expiry = write_beijing(level.next_expiry)[:10] if level.next_expiry else ""
        sold = "without end" if level.endless else str(level.available)
        cost, low = format_yuan(level.value_fen), str(level.low_at or "")
        table.add_row(level.product, sold, cost, str(level.expired), expiry, low, "low" if level.low else "")
    out.print(table)


async def _levels(it: Store) -> list[store.Level]:
    async with it.pool.acquire() as conn:
        return await store.read_levels(conn, it.now)


async def _batches(it: Store) -> list[store.BatchRow]:
    async with it.pool.acquire() as conn:
        return await store.list_batches(conn)


@stock_app.command()
def alarm(
    product: Annotated[str, typer.Argument(help="the stock's product", show_default=False)],
    at: Annotated[
        int, typer.Option(help="at how many cards the shop is told; 0: never", min=0, max=10_000_000)
    ],
) -> None:
    """Tell the shop, once, when a product's cards fall to a threshold."""
    _run(lambda it: store.set_alarm(it.pool, product, at))
    _say(f"done: the shop is told at {at} cards" if at else "done: nobody is told")


@stock_app.command()
def move(
    batch: BatchId,
    to: Annotated[str, typer.Option(help="the product to move them to")],
    cards: Cards = "",
) -> None:
    """Move unsold cards to another product, at their own cost and expiry."""
    numbers = numbers_of(cards)
    _tell_imported(
        _run(lambda it: shelf.move(it.pool, it.vault, batch, numbers, _into(it, batch, to), it.now))
    )


@stock_app.command()
def recycle(
    batch: Annotated[str, typer.Argument(help="without: what lies in the bin")] = "",
    cards: Cards = "",
    reason: Reason = "",
) -> None:
    """Take unsold cards off the shelf into the recycle bin, or show it. Nothing is booked: they are still yours."""
    if not batch:
        table = Table("batch", "product", "cards", "each", "why", "by", "last")
        for row in _run(_bin):
            each = format_yuan(row.unit_cost_fen)
            table.add_row(
                row.batch_id,
                row.product,
                str(row.cards),
                each,
                row.reason,
                row.by,
                write_beijing(row.last_at)[:16],
            )
        out.print(table)
        return
    numbers, why = numbers_of(cards), _why(reason)
    gone = _run(lambda it: shelf.withdraw(it.pool, batch, numbers, reason=why, by=_who(), now=it.now))
    _say(f"done: {len(gone)} cards are in the bin")


async def _bin(it: Store) -> list[store.BinRow]:
    async with it.pool.acquire() as conn:
        return await store.read_bin(conn)


@stock_app.command()
def restore(
    batch: BatchId,
    cards: Cards = "",
    to: Annotated[str, typer.Option(help="another product than theirs")] = "",
) -> None:
    """Put cards of the recycle bin back on the shelf, as a batch of its own."""
    numbers = numbers_of(cards)

    async def work(it: Store) -> Imported:
        product = to or await store.product_of(it.pool, batch)
        return await shelf.restore(it.pool, it.vault, batch, numbers, _into(it, batch, product), it.now)

    _tell_imported(_run(work))


@stock_app.command()
def withdraw(
    batch: Annotated[str, typer.Argument(help="the batch; not with --expired")] = "",
    cards: Cards = "",
    reason: Reason = "",
    binned: Annotated[bool, typer.Option("--bin", help="those in the recycle bin")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="every batch that expired")] = False,
) -> None:
    """Give unsold cards up for good; what they cost is booked as a loss (ledger row 26)."""
    if expired:
        gone = _run(lambda it: shelf.write_off_expired(it.pool, it.rng, by=_who(), now=it.now))
        _say(f"done: {sum(gone.values())} expired cards of {len(gone)} batches written off")
        return
    if not batch:
        raise Problem("invalid_request", Kind.INVALID, "which batch?")
    numbers, why = numbers_of(cards), _why(reason)
    lost = _run(
        lambda it: shelf.write_off(
            it.pool, it.rng, batch, numbers, reason=why, by=_who(), now=it.now, binned=binned
        )
    )
    _say(f"done: {len(lost)} cards written off")


@stock_app.command("rekey")
def rekey_codes() -> None:
    """Seal every card code anew with the first of the card keys (MINGZHANG_CARD_KEYS); may be stopped and repeated."""
    with _bar("sealing") as told:
        done = _run(lambda it: rekey.rekey(it.pool, it.vault, told))
    _say(f"done: {done.sealed} codes sealed anew")
    if done.unreadable:
        _say(f"{done.unreadable} could not be opened, or are not what came in: {', '.join(done.named)}")
        raise typer.Exit(1)


def _why(reason: str) -> str:
    if len(reason.strip()) < 4:
        raise Problem("reason_missing", Kind.INVALID, "--reason: at least 4 characters")
    return reason.strip()[:200]


def _into(it: Store, batch: str, product: str) -> NewBatch:
    """The batch that moved or restored cards make: cost, expiry and kind stay theirs."""
    return NewBatch(
        batch_id=f"{product[:40]}-{it.rng.getrandbits(48):012x}",
        product=product,
        unit_cost_fen=0,
        expires_at=None,
        source=batch,
        added_by=_who(),
    )
