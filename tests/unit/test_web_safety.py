"""What the content security policy forbids stands in no page and no script of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mingzhang.web
from mingzhang.web.pages import CONTENT_SECURITY_POLICY

WEB = Path(next(iter(mingzhang.web.__path__)))
TEMPLATES = sorted((WEB / "templates").glob("**/*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|\bhx-on|\bhx-vals=['\"]js:",
    re.IGNORECASE,
)
EVAL = re.compile(
    r"\beval\(|new Function\(|setTimeout\(\s*['\"]|document\.write|\.setAttribute\(\s*['\"]style"
)
ELSEWHERE = re.compile(r"(?:src|href|action)=[\"']?(?:https?:)?//", re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_inline_code_or_style_or_anything_from_elsewhere(path: Path) -> None:
    text = re.sub(r"\{[#%].*?[#%]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not INLINE.search(text)
    assert not ELSEWHERE.search(text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_of_ours_evaluates_text(path: Path) -> None:
    assert not EVAL.search(path.read_text(encoding="utf-8"))


def test_the_policy_allows_nothing_inline_and_nobody_to_frame_us() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
    assert not re.search(r"\*|https?:", CONTENT_SECURITY_POLICY)
