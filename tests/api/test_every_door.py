"""Every route × every role over HTTP: let in or refused exactly as docs/rights.md prints it; a refusal changes nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from test_staff_rights import office_of
from untouched import untouched

from house import House, open_house
from mingzhang.app.http_guard import Caller
from mingzhang.app.http_kit import sign
from mingzhang.app.http_session import BUYER_COOKIE, STAFF_COOKIE
from mingzhang.app.http_sign_in import SIGN_IN
from mingzhang.app.rights_table import BUYER, COLUMNS, GUEST, NO, NOBODY, YES, Door, doors, mark
from mingzhang.staff.model import Office
from mingzhang.staff.rights import Right, Role, rights_of

LEADS_TO: Final = {Caller.OPENED: r"/orders/\w{19}", Caller.ACCOUNT: "/my"}
COST_FEN: Final = 8713
COSTS: Final = ("87.13", ":8713")  # as pages and as answers for programs write it
SEE_COSTS: Final = {str(role) for role in Role if Right.VIEW_COSTS in rights_of([role], strong=True)}
SEE_CODES: Final = {str(role) for role in Role if Right.VIEW_CARD_CODES in rights_of([role], strong=True)}
CARD_CODE: Final = "KANARIE-4711-XQ"
PRIVATE: Final = ("buyer@example.com", "13800138000", "138 0013 8000")  # the order's contact and account
REVOKED: Final = "revoked"
WEAK: Final = "weak "  # before a role: a session without the second factor
ITEM: Final = "S0000000000000000AB"


class Visitor:
    """One role's browser: what it holds, and what it sends with every call."""

    def __init__(
        self, name: str, cookies: Mapping[str, str], csrf: str, bearer: str = "", account_csrf: str = ""
    ) -> None:
        self.name = name
        self.csrf = csrf
        self.account_csrf = account_csrf
        self.headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if cookies:
            self.headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())

    def expected(self, door: Door) -> bool:
        """Whether the table lets this visitor in."""
        if self.name.startswith(WEAK):
            return mark(door, self.name.removeprefix(WEAK)) == YES
        return mark(door, GUEST if self.name == REVOKED else self.name) != NO


def address(door: Door, order_id: str) -> str:
    """The door's address, with numbers that fit. Only the order is a real one; the demo's are wrong on purpose."""
    if door.path.startswith("/demo"):
        order_id = "none"
    values = {
        "order_id": order_id,
        "item_id": ITEM,
        "claim_id": f"{order_id}-C1",
        "number": f"{order_id}T1",
        "action": door.part or "none",
        "kind": "order",
        "subject": order_id,
        "product_id": "none",
        "scenario": "none",
        "file_path": "app.css",
        "form": "csv",
        "seq": "1",
        "n": "1",
    }
    if door.guard.part and not door.guard.in_form:
        values[door.guard.part] = door.part
    parts = [
        part.strip("{}").partition(":")[0] if part.startswith("{") else "" for part in door.path.split("/")
    ]
    named = zip(door.path.split("/"), parts, strict=True)
    return "/".join(values.get(name, "none") if name else text for text, name in named)


async def call(house: House, visitor: Visitor, door: Door, order_id: str) -> tuple[int, str, str]:
    """Status, where to, and the answer's first part."""
    sent = {"csrf": visitor.account_csrf if door.guard.caller is Caller.ACCOUNT else visitor.csrf}
    if door.guard.in_form:
        sent[door.guard.part] = door.part
    plain = door.method in {"GET", "HEAD"}
    body = {"json": {}} if door.path.startswith("/api/") else {"data": sent}
    async with house.http.request(
        door.method,
        house.url + address(door, order_id),
        headers=visitor.headers,
        allow_redirects=False,
        **({} if plain else body),
    ) as answer:
        streams = answer.content_type == "text/event-stream"
        text = "" if streams else (await answer.read()).decode("utf-8", "replace")
        signed_out = bool(
            answer.cookies
        )  # who signs out is led to the sign-in, too, but by an answer of its own
        return answer.status, "" if signed_out else answer.headers.get("Location", ""), text


def refused(door: Door, status: int, to: str, text: str) -> bool:
    """Whether that is how this door refuses: alike for every page, alike for every call."""
    if door.guard.caller is Caller.STAFF:
        return (status, to) == (303, SIGN_IN) or (status == 403 and "right_missing" in text)
    if door.guard.caller in LEADS_TO:
        return status == 303 and re.fullmatch(LEADS_TO[door.guard.caller], to) is not None
    return status == 401 and "unauthenticated" in text


def keys_of(house: House) -> list[str]:
    """What channels and suppliers know us by, as far as it is secret."""
    kept = house.desk.settings.adapters
    return [kept[name] for name in ("epay_key", "wechat_api_v3_keys", "fulu_app_secret", "kasushou_api_key")]


async def session(office: Office, name: str, roles: list[str], *, strong: bool) -> str:
    """A session's token, opened without the form: signing in is proved elsewhere."""
    now, token = office.clock.now(), f"token-of-{name}"
    await office.pool.execute(
        "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, '-', true, $2, $3)",
        name,
        roles,
        now,
    )
    await office.pool.execute(
        "INSERT INTO staff_session (token_hash, name, session_id, strong, created_at, expires_at, seen_at) "
        "VALUES ($1, $2, $2, $3, $4, $5, $4)",
        hashlib.sha256(token.encode()).digest(),
        name,
        strong,
        now,
        now + timedelta(days=30),
    )
    return token


async def visitors(house: House, order_id: str) -> list[Visitor]:
    """Everybody in the table, and those who are not: without the second factor, and revoked."""
    office, vault = office_of(house), house.desk.ctx.vault
    async with house.http.post(
        f"{house.url}/orders/{order_id}/session", data={"contact": "buyer@example.com"}, allow_redirects=False
    ) as answer:
        order_cookie = answer.cookies["mz_order"].value
    house.http.cookie_jar.clear()
    form = sign(house.desk, "order-form", f"{order_id}.{order_cookie}")
    until = int((house.desk.clock.now() + timedelta(days=9)).timestamp())
    sealed = vault.seal(f"buyer-session\n{until}\nbuyer@example.com")
    account = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    found = [
        Visitor(GUEST, {}, "none"),
        Visitor(
            BUYER,
            {"mz_order": order_cookie, BUYER_COOKIE: account},
            form,
            vault.token(order_id),
            sign(house.desk, "buyer-form", account),
        ),
    ]
    people = [(str(role), [str(role)], True) for role in Role] + [
        (NOBODY, [], True),
        (REVOKED, ["finance"], True),
    ]
    people += [(f"{WEAK}{role}", [str(role)], False) for role in Role]
    for name, roles, strong in people:
        token = await session(office, name, roles, strong=strong)
        csrf = sign(house.desk, f"staff-form-{STAFF_COOKIE}", token)
        found.append(Visitor(name, {STAFF_COOKIE: token}, csrf))
    await office.pool.execute("UPDATE staff SET active = false WHERE name = $1", REVOKED)
    assert {each.name for each in found} >= set(COLUMNS)
    return found


async def give_a_code(house: House, order_id: str) -> None:
    """A card code that was sold with the order: its buyer's, and of staff only for who may open codes."""
    vault = house.desk.ctx.vault
    await house.desk.pool.execute(
        """INSERT INTO delivered_card (bucket, order_id, attempt_no, n, card_enc, card_hash, delivered_at, key_no)
        SELECT bucket, order_id, order_id || 'S1', 1, $2, $3, placed_at, $4 FROM orders WHERE order_id = $1""",
        order_id,
        vault.seal_card(f"{CARD_CODE}\n"),
        vault.fingerprint(CARD_CODE),
        vault.card_key_no,
    )


async def the_demo_shows_a_lost_callback(house: House) -> None:
    """Its own door, while a house of the demo is open: 支付确认中 until the channel answers, and asked for no payment."""
    async with house.http.post(f"{house.url}/demo/run/callback_lost") as answer:
        lost = (await answer.json())["order_id"]
    page = await house.page(lost)
    assert (page.pay_badge, page.sentence.code, len(page.claims)) == ("confirming", "confirming_payment", 1)


async def test_every_door_lets_in_and_refuses_as_the_table_says(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0, demo=True) as house:
        await house.desk.pool.execute("UPDATE product SET cost_fen = $1", COST_FEN)
        order_id = await house.place()
        await give_a_code(house, order_id)
        everybody = await visitors(house, order_id)
        secrets = [*PRIVATE, house.desk.ctx.vault.token(order_id), "$argon2id$", *keys_of(house)]
        wrong, leaks, seen = [], [], 0

        async def visit(*, expected: bool) -> None:
            nonlocal seen
            for door in sorted(doors(), key=lambda each: each.path == "/staff/sign-out"):
                await house.desk.pool.execute("DELETE FROM guess")  # all of them call from one address
                for visitor in everybody:
                    if visitor.expected(door) is not expected:
                        continue
                    status, to, text = await call(house, visitor, door, order_id)
                    seen += 1
                    if visitor.name != BUYER and any(secret in text for secret in secrets):
                        leaks.append((visitor.name, door.method, door.path, door.part))
                    if visitor.name not in SEE_COSTS and any(cost in text for cost in COSTS):
                        leaks.append((visitor.name, door.method, door.path, "cost"))
                    if visitor.name not in {BUYER, *SEE_CODES} and CARD_CODE in text:
                        leaks.append((visitor.name, door.method, door.path, "card code"))
                    if refused(door, status, to, text) is expected or status >= 500:
                        wrong.append(
                            (visitor.name, door.method, door.path, door.part, status, to, text[-300:])
                        )

        async with untouched(house):
            await visit(expected=False)
        assert (
            await house.desk.pool.fetchval("SELECT count(*) FROM staff_action WHERE kind <> 'refused'") == 0
        )
        await visit(expected=True)
        assert not leaks, "shown to somebody whose order it is not: " + "\n".join(map(str, leaks))
        assert not wrong, "\n".join(map(str, wrong))
        assert seen == len(doors()) * len(everybody)
        await the_demo_shows_a_lost_callback(house)
        for told, status in (({}, 200), ({"X-Forwarded-For": "203.0.113.9"}, 403)):
            async with house.http.get(f"{house.url}/metrics", headers=told) as answer:
                assert answer.status == status
