"""The floor: pgbench writing the same rows in plain transactions, on the same server and schema."""

from __future__ import annotations

import asyncio
import os
import re
from importlib.resources import as_file, files
from typing import Final
from urllib.parse import urlsplit

from mingzhang.app.postgres_binaries import find_pgbench
from mingzhang.kit.database import connect
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import migrate

SCHEMA: Final = "floor"
CLIENTS: Final = 16
THREADS: Final = 2
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


async def make_schema(dsn: str) -> str:
    """The product's schema a second time in the same database; returns its address."""
    conn = await connect(dsn)
    try:
        await conn.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    finally:
        await conn.close()
    address = f"{dsn}{'&' if '?' in dsn else '?'}search_path={SCHEMA}"
    await migrate(address)
    return address


class Floor:
    """Runs one of our pgbench scripts; every run has numbers of its own."""

    def __init__(self, dsn: str, script: str) -> None:
        self._dsn = dsn
        self._script = script
        self._runs = 0

    @property
    def possible(self) -> bool:
        """Whether the machine has pgbench."""
        return find_pgbench() is not None

    async def run(
        self, *, seconds: int = 0, orders: int = 0, clients: int = CLIENTS, threads: int = THREADS
    ) -> float:
        """For some seconds, or so many orders a client; returns orders a second. Raises Problem `bench_failed`."""
        program = find_pgbench()
        if program is None:
            raise Problem("bench_failed", Kind.UNAVAILABLE, "no pgbench on this machine")
        self._runs += 1
        length = ["-T", str(seconds)] if seconds else ["-t", str(orders)]
        with as_file(files("mingzhang.app.bench").joinpath(self._script)) as script:
            process = await asyncio.create_subprocess_exec(
                str(program),
                *("-n", "-M", "prepared", "-c", str(clients), "-j", str(threads), *length),
                *("-D", f"run={self._runs}", "-D", "n=0", "-f", str(script)),
                env={**os.environ, **_address(self._dsn), "PGOPTIONS": f"-c search_path={SCHEMA}"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await process.communicate()
        found = _TPS.search(out.decode())
        if process.returncode or found is None:
            raise Problem("bench_failed", Kind.INTERNAL, err.decode()[-500:])
        return float(found[1])


def _address(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    return {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }
