"""`mingzhang staff …` as a person types it, against a real database."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pyotp
import pytest
from audit_shop import run_apart
from typer.testing import CliRunner, Result

from mingzhang.app import cli_staff
from mingzhang.app.cli import app
from mingzhang.kit.errors import Problem
from mingzhang.staff.handbook import print_tables

PASSWORD = "correct horse 电池"


class Shell:
    """A terminal on one installation."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self._runner = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})

    def __call__(self, *arguments: str, typed: str = "") -> Result:
        return self._runner.invoke(app, ["staff", *arguments], input=typed)

    def ok(self, *arguments: str, typed: str = "") -> str:
        result = self(*arguments, typed=typed)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refusal(self, *arguments: str, typed: str = "") -> str:
        result = self(*arguments, typed=typed)
        assert isinstance(result.exception, Problem), result.output
        return result.exception.code

    def add(self, name: str, *roles: str) -> str:
        options = [part for role in roles for part in ("--role", role)]
        return self.ok("add", name, *options, typed=f"{PASSWORD}\n{PASSWORD}\n")

    def fetch(self, query: str) -> list[tuple[object, ...]]:
        async def work() -> list[tuple[object, ...]]:
            conn = await asyncpg.connect(self.database_url)
            try:
                return [tuple(row) for row in await conn.fetch(query)]
            finally:
                await conn.close()

        found: list[tuple[object, ...]] = run_apart(work())
        return found


@pytest.fixture
def shell(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """In an empty folder, with the environment an operator sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINGZHANG_DATABASE_URL", database_url)
    monkeypatch.setenv("MINGZHANG_SECRET_KEY", "ab" * 32)
    monkeypatch.setenv("MINGZHANG_CLOCK", "system")
    return Shell(database_url)


def test_an_account_is_made_with_its_roles_and_told_what_comes_next(shell: Shell) -> None:
    said = shell.add("小林", "finance", "support", "finance")
    assert "done: 小林 is finance, support" in said
    assert "Next: mingzhang staff totp 小林" in said
    assert PASSWORD not in said
    assert shell.fetch("SELECT name, roles, active FROM staff") == [("小林", ["finance", "support"], True)]
    assert shell.refusal("add", "小林", typed=f"{PASSWORD}\n{PASSWORD}\n") == "staff_name_taken"
    assert shell.refusal("add", "lin", typed="short\nshort\n") == "password_too_short"
    assert shell("add", "lin", "--role", "boss").exit_code == 2


def test_the_second_factor_is_proved_before_it_counts(shell: Shell) -> None:
    shell.add("lin")
    assert shell.refusal("totp", "nobody") == "unknown_staff"
    wrong = shell("totp", "lin", typed="000000\nabc\n111111\n")
    assert isinstance(wrong.exception, Problem)
    assert wrong.exception.code == "totp_wrong"
    assert shell.fetch("SELECT totp_since FROM staff") == [(None,)]


def test_the_second_factor_comes_into_force_with_a_code_of_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.add("lin")
    secret = pyotp.random_base32()
    monkeypatch.setattr(cli_staff.totp, "new_secret", lambda: secret)
    said = shell.ok("totp", "lin", typed=f"000000\n{pyotp.TOTP(secret).now()}\n")
    assert "That code does not fit" in said
    shown = re.search(r"type in: ([A-Z2-7 ]+)", said)
    assert shown is not None
    assert shown.group(1).replace(" ", "").startswith(secret)
    assert "done: from now on lin signs in with a code" in said
    assert re.search(r"lin +│ support +│ yes", shell.ok("list"))


def test_roles_passwords_and_revoking(shell: Shell) -> None:
    shell.add("lin")
    assert "lin is admin, finance" in shell.ok("role", "lin", "--role", "admin", "--role", "finance")
    shell.ok("password", "lin", typed="another one\nanother one\n")
    assert "0 session(s) ended" in shell.ok("revoke", "lin", "--sessions-only")
    assert "lin is closed" in shell.ok("revoke", "lin")
    assert "revoked" in shell.ok("list")
    assert "may sign in again" in shell.ok("revoke", "lin", "--undo")
    for command in (("role", "x", "--role", "admin"), ("revoke", "x"), ("revoke", "x", "--sessions-only")):
        assert shell.refusal(*command) == "unknown_staff"
    record = shell.fetch("SELECT DISTINCT name, kind, subject FROM staff_action")
    assert record == [("cli", "account", "lin")]
    actions = shell.fetch("SELECT action FROM staff_action ORDER BY at, action_id")
    assert [action for (action,) in actions] == [
        "staff_added",
        "staff_roles_set",
        "staff_password_set",
        "sessions_ended",
        "staff_revoked",
        "staff_restored",
    ]


def test_an_empty_list_says_what_to_do_and_rights_are_printed(shell: Shell) -> None:
    assert "mingzhang staff add NAME" in shell.ok("list")
    assert shell.ok("rights").strip() == print_tables()


def test_an_account_that_oversees_takes_a_second_person(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    secret = pyotp.random_base32()
    monkeypatch.setattr(cli_staff.totp, "new_secret", lambda: secret)
    shell.add("boss", "admin")
    strangers = f"boss\n{PASSWORD}\n000000\n{typed}"
    assert shell.refusal("add", "jian", "--role", "regulator", typed=strangers) == "takes_two_people"
    shell.ok("totp", "boss", typed=f"{pyotp.TOTP(secret).now()}\n")
    shell.fetch("UPDATE staff SET totp_step = totp_step - 1 RETURNING name")
    code = pyotp.TOTP(secret).now()
    said = shell.ok("add", "jian", "--role", "regulator", typed=f"boss\n{PASSWORD}\n{code}\n{typed}")
    assert "done: jian is regulator" in said
    assert shell.fetch("SELECT name, subject FROM staff_action WHERE action = 'overseer_vouched'") == [
        ("boss", "jian")
    ]
    assert shell.fetch("SELECT count(*) FROM staff_session") == [(0,)]
