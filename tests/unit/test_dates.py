"""Times on pages are Beijing's, written as each language writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mingzhang.web.dates import write_time
from mingzhang.web.i18n import translations

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # already the 24th in Beijing


@pytest.mark.parametrize(
    ("moment", "zh", "en"),
    [
        (datetime(2026, 11, 23, 17, 5, tzinfo=UTC), "01:05", "01:05"),
        (datetime(2026, 11, 23, 12, 15, tzinfo=UTC), "11月23日 20:15", "23 Nov 20:15"),
        (datetime(2027, 1, 1, 1, 0, tzinfo=UTC), "2027年1月1日 09:00", "1 Jan 2027 09:00"),
    ],
)
def test_a_moment_is_written_by_language(moment: datetime, zh: str, en: str) -> None:
    assert write_time(moment, NOW, translations("zh").ugettext) == zh
    assert write_time(moment, NOW, translations("en").ugettext) == en


def test_without_a_now_the_date_stands() -> None:
    assert write_time(NOW, None, translations("zh").ugettext, seconds=True) == "11月24日 00:30:00"
