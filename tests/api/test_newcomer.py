"""`mingzhang migrate` and `mingzhang staff add` as somebody runs them who has just read the README."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from terminal import Terminal, run

from mingzhang.kit.clock import SystemClock
from mingzhang.kit.database import open_pool
from mingzhang.kit.migrations import read_migrations
from mingzhang.kit.vault import Vault
from mingzhang.staff import doors
from mingzhang.staff.model import Office

SECRET = "ab" * 32
LONG = pytest.mark.long
# To the last blank: it is written when the terminal echoes no more.
PROMPTS = ("Password: ", "confirmation: ")


async def test_migrate_says_what_it_ran_and_then_that_nothing_is_left(
    empty_database_url: str, tmp_path: Path
) -> None:
    there = {"DATABASE_URL": empty_database_url, "MINGZHANG_SECRET_KEY": SECRET}
    code, out, err = await run("migrate", folder=tmp_path, **there)
    assert (code, err) == (0, "")
    assert out.split() == [migration.label for migration in read_migrations()]
    assert await run("migrate", folder=tmp_path, **there) == (0, "up to date\n", "")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "MINGZHANG_DATABASE_URL or DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "MINGZHANG_SECRET_KEY must be at least 32 bytes"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [("staff", "add", "lin"), pytest.param(("migrate",), marks=LONG), pytest.param(("audit",), marks=LONG)],
)
async def test_what_is_missing_is_named_in_one_line(
    tmp_path: Path, command: tuple[str, ...], values: dict[str, str], says: str
) -> None:
    code, out, err = await run(*command, folder=tmp_path, **values)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


async def test_staff_add_asks_twice_shows_nothing_and_lets_that_person_in(
    database_url: str, tmp_path: Path
) -> None:
    there = {"DATABASE_URL": database_url, "MINGZHANG_SECRET_KEY": SECRET}

    def add(*answers: str) -> tuple[int, str]:
        terminal = Terminal("staff", "add", "小林", folder=tmp_path, **there)
        for prompt, text in zip((*PROMPTS, *PROMPTS), answers, strict=False):
            terminal.answer(prompt, text)
        return terminal.end()

    code, text = await asyncio.to_thread(
        add, "a long password", "a lung password", "right then", "right then"
    )
    assert (code, "do not match" in text, "done" in text) == (0, True, True)
    assert "password" not in text.lower().replace("password:", "")
    assert "right then" not in text
    code, text = await asyncio.to_thread(add, "short", "short")
    assert (code, "at least 10 characters" in text, "Traceback" in text) == (2, True, False)

    pool = await open_pool(database_url, 1, 2)
    try:
        vault = Vault(bytes.fromhex(SECRET))
        office = Office(pool=pool, vault=vault, rng=Random(1), clock=SystemClock())
        assert await doors.sign_in(office, "小林", "right then") is not None
        assert await doors.sign_in(office, "小林", "a long password") is None
        assert (await pool.fetchval("SELECT password_hash FROM staff")).startswith("$argon2id$")
    finally:
        await pool.close()


async def test_staff_add_before_migrate_says_what_to_do(empty_database_url: str, tmp_path: Path) -> None:
    there = {"DATABASE_URL": empty_database_url, "MINGZHANG_SECRET_KEY": SECRET}
    terminal = Terminal("staff", "add", "lin", folder=tmp_path, **there)
    await asyncio.to_thread(terminal.answer, PROMPTS[0], "long enough")
    await asyncio.to_thread(terminal.answer, PROMPTS[1], "long enough")
    code, text = await asyncio.to_thread(terminal.end)
    assert (code, "mingzhang migrate" in text, "Traceback" in text) == (2, True, False)


async def test_a_wrong_address_of_the_database_is_one_line(database_url: str, tmp_path: Path) -> None:
    wrong = database_url.replace("://mingzhang:", "://nobody:")
    there = {"DATABASE_URL": wrong, "MINGZHANG_SECRET_KEY": SECRET}
    if wrong == database_url:
        pytest.skip("this server's user is not ours to misspell")
    code, _, err = await run("migrate", folder=tmp_path, **there)
    assert (code, "Traceback" in err) == (2, False)
    assert err.count("\n") == 1
