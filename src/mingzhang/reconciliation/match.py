"""Matching two sides of a day in DuckDB: on exact ids and whole fen, with bounded memory and two threads (R11).

DuckDB works in a folder of its own and spills there. Both sides come as CSV: theirs from a parser, ours from
PostgreSQL's COPY. Only what is not plainly the same on both sides ever becomes a Python object.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.sql import load
from mingzhang.reconciliation.model import (
    BreakClass,
    Found,
    Line,
    OurLine,
    OurSide,
    TheirSide,
    Totals,
    Wanted,
)
from mingzhang.reconciliation.sources import EDGE_S

SQL: Final = load("mingzhang.reconciliation", "match")
BATCH: Final = 1000
PARTS_MAX: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one matching may use. `part_mb`: so much of both files is joined at a time; with more than that both are first
    split into parts on disk, by key. Beyond `memory_mb` DuckDB spills into its folder, up to `spill_mb`.
    """

    memory_mb: int = 800
    part_mb: int = 600
    spill_mb: int = 20_000
    threads: int = 2


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """By what a day is judged. `day`: the Beijing day of the file; `edge_s`: how far from midnight the two clocks may put
    one thing on two days (日切)."""

    day: date
    edge_s: int = EDGE_S

    @property
    def day_end(self) -> int:
        """The end of the day, seconds since 1970."""
        end = datetime.combine(self.day + timedelta(days=1), datetime.min.time(), BEIJING)
        return seconds(end)


def _quoted(path: Path) -> str:
    """A path inside a quoted text: COPY takes no parameter for it."""
    return str(path).replace("'", "''")


def seconds(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int((at - _EPOCH).total_seconds())


class Matcher:
    """One matching: both sides in, differences out. Used once, in a folder that its caller removes.

    `theirs`, `ours`: files as `write_theirs`, `write_ours` or PostgreSQL's COPY write them. Order of calls: `pair`,
    `wanted`, `read_elsewhere`, `judge`; then `totals`, `agreed`.
    """

    def __init__(
        self, folder: Path, theirs: Path, ours: Path, rules: Rules, limits: Limits | None = None
    ) -> None:
        import duckdb  # noqa: PLC0415 - megabytes of every process, for what is done once a day

        limits = limits or Limits()
        self._folder, self._rules = folder, rules
        self._theirs, self._ours = theirs, ours
        bytes_ = theirs.stat().st_size + ours.stat().st_size
        self._parts = min(PARTS_MAX, 1 + bytes_ // max(1, limits.part_mb << 20))
        self._conn = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{limits.memory_mb}MB",
                "threads": limits.threads,
                "temp_directory": str(folder / "spill"),
                "max_temp_directory_size": f"{limits.spill_mb}MB",
                "preserve_insertion_order": False,
                # Nothing is ever fetched from anywhere.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._conn.execute(SQL.silence_bar)

    def __enter__(self) -> Matcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._conn.close()

    def pair(self) -> None:
        """Read and join both sides; what is the same on both is done with."""
        run = self._conn.execute
        for statement in (SQL.their_lines, SQL.our_lines, SQL.create_odd, SQL.create_twice, SQL.create_sums):
            run(statement)
        if self._parts == 1:
            run(SQL.read_theirs, {"path": str(self._theirs)})
            run(SQL.read_ours, {"path": str(self._ours)})
            self._pair_read()
            return
        run(SQL.flush_parts)
        sides = (("theirs", SQL.split_theirs, self._theirs), ("ours", SQL.split_ours, self._ours))
        for name, split, path in sides:
            run(split.format(parts=self._parts, path=_quoted(path), folder=_quoted(self._folder / name)))
        for part in range(self._parts):
            for name, load_part in (("theirs", SQL.load_theirs), ("ours", SQL.load_ours)):
                self._load(name, load_part, part)
            self._pair_read()

    def _load(self, name: str, load_part: str, part: int) -> None:
        """A part of one side; a side may have no line of it."""
        files = self._folder / name / f"part={part}"
        if files.is_dir():
            self._conn.execute(load_part, {"path": str(files / "*.parquet")})
            shutil.rmtree(files)
        else:
            empty, path = (
                (SQL.clear_theirs, self._theirs) if name == "theirs" else (SQL.clear_ours, self._ours)
            )
            self._conn.execute(empty, {"path": str(path)})

    def _pair_read(self) -> None:
        """Pair what is read now, all of a day or one part of it: no key is in two parts."""
        run = self._conn.execute
        run(SQL.mark_their_repeats)
        run(SQL.mark_our_repeats)
        run(SQL.pair_sides, {"day": self._rules.day})
        run(SQL.note_repeats)
        run(SQL.note_sums, {"day": self._rules.day})

    def wanted(self) -> Iterator[list[Wanted]]:
        """Their lines that the day's ledger lacks, in batches."""
        cursor = self._conn.execute(SQL.list_wanted)
        while rows := cursor.fetchmany(BATCH):
            yield [Wanted(kind=kind, key=key, our_no=our_no) for kind, key, our_no in rows]

    def read_elsewhere(self, ours: Iterable[OurLine], issued: Iterable[str]) -> None:
        """What other days' ledgers hold of the wanted lines, and which of their numbers we ever gave out."""
        late, known = self._folder / "elsewhere.csv", self._folder / "issued.csv"
        write_ours(late, ours)
        with known.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows((number,) for number in issued if number)
        self._conn.execute(SQL.read_elsewhere, [str(late)])
        self._conn.execute(SQL.read_issued, [str(known)])

    def judge(self) -> Iterator[list[Found]]:
        """Every difference, in batches."""
        cursor = self._conn.execute(SQL.judge_odd, [self._rules.day, self._rules.day_end, self._rules.edge_s])
        while rows := cursor.fetchmany(BATCH):
            yield [_found(row) for row in rows]

    def totals(self) -> list[Totals]:
        """Lines and fen by kind."""
        rows = self._conn.execute(SQL.sum_sides).fetchall()
        names = Totals.__struct_fields__
        return [Totals(**dict(zip(names, row, strict=True))) for row in rows]

    def agreed(self) -> int:
        """How many pairs were the same on both sides, day included."""
        row = self._conn.execute(SQL.count_plain).fetchone()
        return int(row[0]) if row else 0


def _found(row: tuple[Any, ...]) -> Found:
    cls, kind, key, n, settled = row[:5]
    theirs, ours = row[5:13], row[13:]
    return Found(
        cls=BreakClass(cls),
        kind=kind,
        key=key,
        n=n,
        settled=settled,
        theirs=None
        if theirs[0] is None
        else TheirSide(**dict(zip(TheirSide.__struct_fields__, theirs, strict=True))),
        ours=None if ours[1] is None else OurSide(**dict(zip(OurSide.__struct_fields__, ours, strict=True))),
    )


def write_theirs(path: Path, lines: Iterable[Line]) -> int:
    """Their lines as the CSV that `read_theirs` reads; returns how many."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for line in lines:
            writer.writerow(
                (
                    line.kind.value,
                    line.key,
                    line.our_no,
                    line.their_no,
                    line.amount_fen,
                    "" if line.fee_fen is None else line.fee_fen,
                    line.state.value,
                    seconds(line.occurred_at),
                    line.occurred_at.astimezone(BEIJING).date(),
                    line.position,
                )
            )
            count += 1
    return count


def write_ours(path: Path, lines: Iterable[OurLine]) -> int:
    """Our entries as the CSV that `read_ours` reads; returns how many."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for line in lines:
            writer.writerow(
                (
                    line.kind.value,
                    line.key,
                    line.our_no,
                    line.their_no,
                    line.amount_fen,
                    "" if line.fee_fen is None else line.fee_fen,
                    line.state.value,
                    seconds(line.occurred_at),
                    line.day,
                    line.subject,
                    line.evidence_id,
                    "true" if line.carried else "false",
                )
            )
            count += 1
    return count
