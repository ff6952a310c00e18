"""An order that does not exist and a wrong contact answer alike, byte by byte apart from the number itself (F12)."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from house import House, open_house

Answer = tuple[int, tuple[tuple[str, str], ...], str]


async def ask(house: House, method: str, number: str, path: str, form: dict[str, str] | None) -> Answer:
    """Status, headers and text, with the number taken out. A buyer of his own each time: no cookie is kept."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, house.url + path, data=form, allow_redirects=False) as answer,
    ):
        headers = sorted((name, text) for name, text in answer.headers.items() if name.lower() != "date")
        text = (await answer.text()).replace(number, "NUMBER")
        plain = tuple((name, value.replace(number, "NUMBER")) for name, value in headers)
        return answer.status, plain, text


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("GET", "/orders/{}", None, 200),
        ("GET", "/orders/{}/fragment", None, 401),
        ("GET", "/orders/{}/live", None, 401),
        ("POST", "/orders/{}/session", {"contact": "thief@example.com"}, 401),
        ("POST", "/orders/{}/session", {"token": "guessed"}, 401),
        ("POST", "/orders/{}/session", {}, 401),
        ("POST", "/orders/{}/actions/choose_refund", {"csrf": "guessed"}, 401),
        ("POST", "/find", {"number": "{}", "contact": "thief@example.com"}, 404),
        ("POST", "/find", {"number": "{}", "contact": ""}, 404),
    ],
)
async def test_a_stranger_cannot_tell_which_numbers_exist(
    database_url: str, tmp_path: Path, method: str, path: str, fields: dict[str, str] | None, status: int
) -> None:
    async with open_house(database_url, tmp_path) as house:
        real = await house.place()
        payment_no = await house.open(real)
        ghost = real[:-6] + ("AAAAAA" if real[-6:] != "AAAAAA" else "BBBBBB")
        numbers = [real, ghost] + ([payment_no, f"{ghost}P1", "2026112322001"] if path == "/find" else [])
        answers = set()
        for number in numbers:
            form = None if fields is None else {name: text.format(number) for name, text in fields.items()}
            answers.add(await ask(house, method, number, path.format(number), form))
        # Only the length of the number itself may show.
        alike = {
            (found[0], tuple(pair for pair in found[1] if pair[0].lower() != "content-length"), found[2])
            for found in answers
        }
        assert len(alike) == 1
        assert next(iter(alike))[0] == status
