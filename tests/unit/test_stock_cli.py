"""`mingzhang stock …` as a person types it, against a real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mingzhang.app.cli import app
from mingzhang.kit.errors import Problem


def test_cards_come_in_move_and_go_from_the_terminal(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MINGZHANG_SECRET_KEY", "ab" * 32)
    runner = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})

    def type_in(*arguments: str) -> Result:
        return runner.invoke(app, ["stock", *arguments])

    def ok(*arguments: str) -> str:
        result = type_in(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(*arguments: str) -> str:
        problem = type_in(*arguments).exception
        assert isinstance(problem, Problem), problem
        return str(problem)

    file = Path("cards.txt")
    file.write_bytes(
        "卡号----卡密\nA1----code-0001\nA2----code-0002\nA2----code-0002\nA3----\n".encode("gb18030")
    )
    seen = ok("import", "cards.txt", "--product", "game", "--cost", "9.5", "--preview")
    assert "3 cards, 2 new" in seen
    assert "1 already in the file" in seen
    assert "line 5: empty" in seen
    assert "code-" not in seen
    assert "2 cards on the shelf as b1, 1 skipped" in ok(
        "import",
        "cards.txt",
        "--product",
        "game",
        "--cost",
        "9.5",
        "--batch",
        "b1",
        "--paid-to",
        "wholesaler",
    )
    assert "19.00" in ok("levels")
    shown = ok("levels", "--batches")
    assert "wholesaler" in shown
    assert "capital" in shown
    assert "1 cards on the shelf as other-" in ok("move", "b1", "--to", "other", "--cards", "1")
    assert "reason_missing" in refused("recycle", "b1")
    assert "1 cards are in the bin" in ok("recycle", "b1", "--reason", "damaged")
    assert "damaged" in ok("recycle")
    assert "1 cards on the shelf as game-" in ok("restore", "b1")
    assert "damaged" not in ok("recycle")
    assert "nothing_to_move" in refused("restore", "b1")
    assert "unknown_batch" in refused("withdraw", "b9", "--reason", "no longer valid")
    moved = next(row.split()[0] for row in ok("levels", "--batches").splitlines() if row.startswith("other-"))
    assert "1 cards written off" in ok("withdraw", moved, "--reason", "no longer valid")
    assert "0 expired cards of 0 batches" in ok("withdraw", "--expired")
    assert "invalid_request" in refused("move", "b1", "--to", "other", "--cards", "1-x")
