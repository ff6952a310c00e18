"""The public record in this installation: its name and key, and the loop that appends to it."""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import structlog

from mingzhang.app import metrics
from mingzhang.app.settings import Settings
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.orders.context import Context
from mingzhang.transparency.notes import Signer
from mingzhang.transparency.sequencer import OVERTAKEN, Sequencer
from mingzhang.transparency.witnessed import Address, parse_witnesses, show

log = structlog.get_logger()
POLL_REAL_S: Final = 0.25  # while nothing waits
PAUSE_REAL_S: Final = 0.2  # between two rounds that found something: what comes meanwhile shares an entry
TROUBLE_REAL_S: Final = 5.0
WITNESS_REAL_S: Final = 5.0


def signer_of(settings: Settings) -> Signer:
    """The record's own key and name. Without a key of its own, one derived from the installation's secret."""
    seed = settings.log_key or hmac.digest(settings.secret_key, b"mingzhang:log", "sha256")
    return Signer(settings.log_origin or f"{urlsplit(settings.base_url).netloc}/log", seed)


def witnesses_of(settings: Settings) -> tuple[Address, ...]:
    """Whose cosignatures are asked for. Raises Problem `witness_invalid` when the file cannot be read or understood."""
    if not settings.witnesses_file:
        return ()
    try:
        text = Path(settings.witnesses_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem("witness_invalid", Kind.INVALID, "the file cannot be read") from error
    return parse_witnesses(text)


async def run_witnesses(
    ctx: Context, http: Outbound, witnesses: tuple[Address, ...], stop: asyncio.Event
) -> None:
    """Show each witness the newest state, a few seconds apart, until `stop`; a silent one is asked again later."""
    last: dict[str, str] = {}
    while witnesses and not stop.is_set():
        for witness in witnesses:
            try:
                told = await show(ctx.pool, http, witness, ctx.now())
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                told = type(error).__name__
            if told not in {"cosigned", "current"} and told != last.get(witness.key.name):
                log.warning("witness_waits", witness=witness.key.name, outcome=told)
            last[witness.key.name] = told
        try:
            await asyncio.wait_for(stop.wait(), WITNESS_REAL_S)
        except TimeoutError:
            continue


async def run_log(ctx: Context, signer: Signer, stop: asyncio.Event) -> None:
    """Append what waits until `stop`. A database that is down makes it wait; a foreign key stops it, and is told."""
    sequencer = Sequencer(ctx.pool, signer, ctx.now)
    while not stop.is_set():
        pause = POLL_REAL_S
        try:
            appended = await sequencer.round()
            if appended is not None:
                pause = PAUSE_REAL_S
                metrics.LOGGED.inc(appended.entries)
                metrics.LOG_LAG.set(appended.lag_s)
        except (*DATABASE_AWAY, *OVERTAKEN) as error:
            log.warning("log_waits", error=type(error).__name__)
            pause = TROUBLE_REAL_S / 5
        except (Problem, asyncpg.PostgresError) as error:
            code = error.code if isinstance(error, Problem) else type(error).__name__
            log.error("log_stopped", code=code)
            pause = TROUBLE_REAL_S
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue
