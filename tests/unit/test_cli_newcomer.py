"""What somebody new types wrong is answered in a line, and the help says what is true."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mingzhang.app import cli


def helped(*arguments: str) -> str:
    result = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"}).invoke(cli.app, [*arguments, "--help"])
    assert result.exit_code == 0
    return result.output


def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command as the terminal does; what it told on the error output before it gave up."""
    monkeypatch.setattr(sys, "argv", ["mingzhang", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capfd.readouterr().err


def test_the_help_names_the_bank_and_says_what_the_demo_keeps() -> None:
    assert "custody:BANK" in helped("stock", "import")
    assert "emptied at every start" in helped("demo")
    assert "what they cost" in helped("channel")


def test_an_address_of_a_database_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "nonsense")
    monkeypatch.setenv("MINGZHANG_SECRET_KEY", "ab" * 32)
    said = typed(monkeypatch, capfd, "audit")
    assert said.startswith("settings_invalid: DATABASE_URL")
    assert said.count("\n") == 1


def test_folders_are_no_catalogue_files(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "Invalid value for 'file'" in typed(monkeypatch, capfd, "catalogue", "import", str(tmp_path))
    said = typed(monkeypatch, capfd, "catalogue", "export", str(tmp_path / "none" / "all.csv"))
    assert said.startswith("sheet_invalid: there is no folder")


def test_a_name_that_is_not_set_up_here_is_told_with_those_that_are(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MINGZHANG_SECRET_KEY", "ab" * 32)
    said = typed(monkeypatch, capfd, "channel", "set", "alipay", "--rate", "0.6")
    assert said == "unknown_channel: 'alipay' is not set up here; set up: none\n"
    said = typed(monkeypatch, capfd, "supply", "pause", "--supplier", "fulu")
    assert said == "unknown_supplier: 'fulu' is not set up here; set up: stock, manual\n"
    said = typed(monkeypatch, capfd, "supply", "routing", "phone", "--allow-loss", "abc")
    assert said == "bad_routing: write the loss in yuan, as 0.50\n"
