"""SQL lives in `.sql` files, each statement named and described (after Procrastinate's queries.sql).

    -- name: claim_due
    -- Take a batch of due rows of one bucket.
    UPDATE …

Everything wrong with a file is said when the module that loads it is imported, not at the first use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_NAME_LINE: Final = re.compile(r"--\s*name\s*:(.*)")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


class SqlFileError(ValueError):
    """A `.sql` file has an unnamed, undescribed, empty or doubly named statement."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement; `text` is what goes to the database, `comment` says what it is for."""

    name: str
    comment: str
    text: str


class Statements(Mapping[str, Statement]):
    """The statements of one or more files: `SQL["claim_due"].text`, or the text alone as `SQL.claim_due`."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(statements)

    def __getitem__(self, name: str) -> Statement:
        return self._statements[name]

    def __getattr__(self, name: str) -> str:
        statement = self.__dict__.get("_statements", {}).get(name)
        if statement is None:
            raise AttributeError(f"no SQL statement is named {name!r}")
        text: str = statement.text
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def parse(source: str, where: str) -> list[Statement]:
    """Split the text of one file into statements; `where` names the file in errors."""
    blocks: list[tuple[str, list[str]]] = []
    for number, line in enumerate(source.splitlines(), start=1):
        match = _NAME_LINE.fullmatch(line.strip())
        if match:
            name = match.group(1).strip()
            if _NAME.fullmatch(name) is None:
                raise SqlFileError(f"{where}:{number}: not a verb_noun name: {name!r}")
            blocks.append((name, []))
        elif blocks:
            blocks[-1][1].append(line)
        elif line.strip() and not line.lstrip().startswith("--"):
            raise SqlFileError(f"{where}:{number}: a statement without a name")
    return [_statement(name, lines, where) for name, lines in blocks]


def _statement(name: str, lines: list[str], where: str) -> Statement:
    comments: list[str] = []
    rest = list(lines)
    while rest and (not rest[0].strip() or rest[0].lstrip().startswith("--")):
        comments.append(rest.pop(0).strip().removeprefix("--").strip())
    comment = " ".join(part for part in comments if part)
    text = "\n".join(rest).strip()
    if not comment:
        raise SqlFileError(f"{where}: {name} has no comment")
    if not text:
        raise SqlFileError(f"{where}: {name} has no statement")
    return Statement(name, comment, text)


def load(package: str, *names: str) -> Statements:
    """Read `<name>.sql` beside `package` for each name, or every `.sql` file there when none is given.

    Raises `SqlFileError` for a file that is missing or wrong and for a name that occurs twice.
    """
    folder = files(package)
    if not names:
        names = tuple(
            sorted(item.name.removesuffix(".sql") for item in folder.iterdir() if item.name.endswith(".sql"))
        )
    found: dict[str, Statement] = {}
    for name in names:
        where = f"{package}/{name}.sql"
        try:
            source = folder.joinpath(f"{name}.sql").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SqlFileError(f"{where}: no such file") from error
        for statement in parse(source, where):
            if statement.name in found:
                raise SqlFileError(f"{where}: {statement.name} is defined twice")
            found[statement.name] = statement
    if not found:
        raise SqlFileError(f"{package}: no statements")
    return Statements(found)
