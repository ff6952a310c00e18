"""What the documents tell people to type really runs, and both READMEs tell the same.

A fenced block marked `console` is runnable: every line that begins with `$ ` is a command, run in the order of the
document in a folder of its own, against a fresh database. Servers are stopped in order once they answer.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from house import free_port
from variants import short

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = sorted(
    [
        *READMES,
        "CONTRIBUTING.md",
        "SECURITY.md",
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
    ]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAIT_S = 100.0
PASSWORD = "a word only we know\n"


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [body for mark, body in FENCE.findall(text) if mark == language]


def commands(name: str) -> list[str]:
    """What a reader of the document would type, in its order."""
    lines = [line for block in blocks(name, "console") for line in block.splitlines()]
    return [line[2:].partition("  #")[0].strip() for line in lines if line.startswith("$ ")]


# One document for each list of commands: the READMEs have the same, so running it once proves both.
RUNNABLE = list({tuple(commands(name)): name for name in reversed(DOCUMENTS) if commands(name)}.values())


def newcomer(folder: Path, database_url: str) -> dict[str, str]:
    """The environment of somebody who followed the document so far; .venv and its commands are within reach."""
    (folder / ".venv").symlink_to(ROOT / ".venv")
    bare = {key: text for key, text in os.environ.items() if not key.startswith("MINGZHANG_")}
    return {
        **bare,
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{bare['PATH']}",
        "DATABASE_URL": database_url,
        "MINGZHANG_SECRET_KEY": "ab" * 32,
        "MINGZHANG_PORT": str(free_port()),
        "MINGZHANG_WORKER_PORT": str(free_port()),
    }


def answers(url: str) -> bool:
    """Whether it says that it is ready."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def run(command: str, folder: Path, environ: dict[str, str]) -> None:
    """Run one command to its end, or, if it serves, until it is ready and then SIGTERM."""
    process = subprocess.Popen(
        shlex.split(command),
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # no terminal: passwords are read from the standard input
    )
    give_up = time.monotonic() + WAIT_S
    if " serve " in f"{command} ":
        port = environ["MINGZHANG_WORKER_PORT" if "worker" in command else "MINGZHANG_PORT"]
        while not answers(f"http://127.0.0.1:{port}/readyz"):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < give_up, command
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
    try:
        said, _ = process.communicate(PASSWORD * 2, timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        pytest.fail(f"{command} did not end:\n{said}")
    assert process.returncode == 0, f"{command}\n{said}"


@pytest.mark.parametrize("name", short(RUNNABLE, set(RUNNABLE) & set(READMES)))
@pytest.mark.timeout(400)
def test_what_the_document_says_to_type_runs(name: str, empty_database_url: str, tmp_path: Path) -> None:
    environ = newcomer(tmp_path, empty_database_url)
    for command in commands(name):
        assert command.split()[0].rpartition("/")[2] in {"mingzhang", "mz"}, command
        run(command, tmp_path, environ)


def test_there_is_something_to_run_and_no_block_is_marked_by_accident() -> None:
    assert set(READMES) & set(RUNNABLE)
    assert all(commands(name) for name in READMES)
    for name in DOCUMENTS:
        for block in blocks(name, "console"):
            assert all(line.startswith("$ ") for line in block.splitlines()), (name, block)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        target
        for name in DOCUMENTS
        for target in re.findall(
            r"(?:`|^)make ([a-z-]+)", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE
        )
    }
    assert {"run", "test"} <= named
    assert named <= targets


def test_both_readmes_have_the_same_headings_blocks_and_commands() -> None:
    shapes = []
    for name in READMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        prose = FENCE.sub("", text)
        shapes.append(
            {
                "headings": re.findall(r"^(#+) ", prose, flags=re.MULTILINE),
                "commands": commands(name),
                "make": re.findall(r"^make \w+", "\n".join(blocks(name, "sh")), flags=re.MULTILINE),
                "numbered": len(re.findall(r"^\d+\. ", prose, flags=re.MULTILINE)),
                "points": len(re.findall(r"^- ", prose, flags=re.MULTILINE)),
                "pictures": re.findall(r"!\[[^]]*]\(([^)]+)\)", prose),
                "links": {
                    link
                    for link in re.findall(r"(?<!!)\[[^]]*]\(([^)#]+)[^)]*\)", prose)
                    if "README" not in link
                },
            }
        )
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_to_a_file_of_ours_leads_somewhere(name: str) -> None:
    text = FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        there = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, target
