"""`bench reconcile`: the product's own matching over a generated day with known answers, beside the bare join (R11).

Three sides: channel bill against ledger, supplier list against ledger, bank statement against ledger. 0.1 % of the
lines of each bear each class of difference. What is measured runs in a process of its own, on two cores.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

from mingzhang.kit.sql import load
from mingzhang.reconciliation.match import SQL as MATCH
from mingzhang.reconciliation.match import Matcher, Rules
from mingzhang.reconciliation.model import BreakClass, OurLine

SQL: Final = load("mingzhang.app.bench", "reconcile")
DAY: Final = date(2026, 11, 22)
CORES: Final = 2
KINDS: Final = {"channel": "paid", "supplier": "supply", "custody": "received"}
CUSTODY_SHARE: Final = 100
"""One bank line for so many payments: a bank sees batches."""

Say = Callable[[str, float], None]
Key = tuple[str, str]


def run_reconcile(folder: Path, rows: int, seed: int, growth: bool, say: Say) -> dict[str, Any]:
    """The whole benchmark. `growth`: also at a tenth and at three times the size."""
    sizes = sorted({rows, *((max(1000, rows // 10), rows * 3) if growth else ())})
    results: dict[int, dict[str, Any]] = {}
    for n, size in enumerate(sizes):
        place = folder / str(size)
        place.mkdir()
        say(f"{size:,} rows: made up", n / len(sizes))
        _make(place, size, seed)
        say(f"{size:,} rows: matched", (n + 0.3) / len(sizes))
        results[size] = _measured(place)
        say(f"{size:,} rows: compared", (n + 0.8) / len(sizes))
        results[size] |= _compare(place)
        for path in sorted(place.iterdir()):
            path.unlink()
    growth_rows = [
        {
            "rows": size,
            "seconds": found["seconds"],
            "us_per_row": round(found["seconds"] / size * 1e6, 3),
            "cpu_us_per_row": round(found["cpu_seconds"] / size * 1e6, 3),
        }
        for size, found in results.items()
    ]
    whole = results[rows]
    wrong = any(found["invented"] or found["found"] != found["planted"] for found in results.values())
    return {
        "bench": "reconcile",
        "rows": rows,
        "seed": seed,
        "cores": CORES,
        **whole,
        "ratio": round(whole["seconds"] / whole["floor_seconds"], 2) if whole["floor_seconds"] else 0.0,
        "linear": growth_rows,
        "audit": "wrong" if wrong else "ok",
    }


def _make(folder: Path, rows: int, seed: int) -> None:
    import duckdb  # noqa: PLC0415 - as in `reconciliation.match`

    conn = duckdb.connect(str(folder / "made.duckdb"), config=_config(folder, "1GB"))
    conn.execute(MATCH.silence_bar)
    rules = Rules(day=DAY)
    for book, kind in KINDS.items():
        size = max(1000, rows // CUSTODY_SHARE) if book == "custody" else rows
        conn.execute(
            SQL.make_lines,
            {"n": size, "seed": seed, "kind": kind, "day": DAY.isoformat(), "day_end": rules.day_end},
        )
        for name in ("theirs", "ours", "answers", "issued"):
            path = folder / f"{book}.{name}.csv"
            conn.execute(getattr(SQL, f"write_{name}").replace("{path}", str(path)))
    conn.close()
    (folder / "made.duckdb").unlink()


def _config(folder: Path, memory: str) -> dict[str, Any]:
    return {
        "threads": CORES,
        "memory_limit": memory,
        "temp_directory": str(folder),
        "preserve_insertion_order": False,
    }


def _measured(folder: Path) -> dict[str, Any]:
    """In a fresh process: its time and its peak of memory are the matching's own."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe(duplex=False)
    found: dict[str, Any] = {}
    for work in (_match_all, _join_all):
        process = context.Process(target=_alone, args=(work, folder, child))
        process.start()
        while not parent.poll(0.2):
            if not process.is_alive():
                raise RuntimeError("the measured process ended without a result")
        found |= parent.recv()
        process.join()
    return found


def _alone(work: Callable[[Path], dict[str, Any]], folder: Path, out: Any) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    out.send(work(folder))


def _match_all(folder: Path) -> dict[str, Any]:
    begun, cpu = time.monotonic(), time.process_time()
    parts: dict[str, float] = {}
    for book in KINDS:
        at = time.monotonic()
        _match(folder, book)
        parts[book] = round(time.monotonic() - at, 2)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "parts": parts,
        "peak_mb": round(peak_kb / (1024 * 1024 if sys.platform == "darwin" else 1024)),
    }


def _match(folder: Path, book: str) -> None:
    """One side's matching, exactly as a day's is done; the differences are written down."""
    rules, place = Rules(day=DAY), folder / f"{book}.work"
    place.mkdir()
    with (
        Matcher(place, folder / f"{book}.theirs.csv", folder / f"{book}.ours.csv", rules) as matcher,
        (folder / f"{book}.found.csv").open("w", newline="", encoding="utf-8") as out,
    ):
        matcher.pair()
        issued = {row[0] for row in _rows(folder / f"{book}.issued.csv")}
        wanted = {it.our_no for batch in matcher.wanted() for it in batch}
        late: list[OurLine] = []  # other days' entries stand among `ours` here
        matcher.read_elsewhere(late, wanted & issued)
        writer = csv.writer(out)
        for batch in matcher.judge():
            writer.writerows((it.cls.value, it.key) for it in batch)
        matcher.totals()
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.rmdir()


def _join_all(folder: Path) -> dict[str, Any]:
    """The floor: DuckDB reads the same files and joins them; nothing is judged or kept."""
    import duckdb  # noqa: PLC0415 - as in `reconciliation.match`

    conn = duckdb.connect(config=_config(folder, "800MB"))
    conn.execute(MATCH.silence_bar)
    begun = time.monotonic()
    for book in KINDS:
        conn.execute(SQL.join_bare, [str(folder / f"{book}.{side}.csv") for side in ("theirs", "ours")])
    return {"floor_seconds": round(time.monotonic() - begun, 2)}


def _compare(folder: Path) -> dict[str, Any]:
    """Planted against found, by class and key."""
    planted: Counter[Key] = Counter()
    found: Counter[Key] = Counter()
    for book in KINDS:
        planted.update((row[0], f"{book}:{row[1]}") for row in _rows(folder / f"{book}.answers.csv"))
        found.update((row[0], f"{book}:{row[1]}") for row in _rows(folder / f"{book}.found.csv"))
    right = planted & found
    return {
        "planted": planted.total(),
        "found": right.total(),
        "invented": (found - planted).total(),
        "classes": {
            cls.value: {
                "planted": sum(n for (name, _), n in planted.items() if name == cls),
                "found": sum(n for (name, _), n in right.items() if name == cls),
            }
            for cls in BreakClass
        },
    }


def _rows(path: Path) -> Iterable[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.reader(file)
