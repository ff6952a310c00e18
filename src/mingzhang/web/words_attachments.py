"""What a form says of an attachment that it does not take (`problems.py` merges it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


PROBLEMS: Final[Mapping[str, str]] = {
    "attachment_not_picture": N_("只收 PNG、JPEG、WebP 图片；PDF 等文件请截图后上传"),
    "too_many_attachments": N_("图片太多：一条消息最多 4 张，一件纠纷最多 60 张"),
    "unknown_attachment": N_("没有这张图片"),
}
