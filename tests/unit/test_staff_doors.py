"""Signing in with a second factor, sessions that can be ended, and the record of it; on a real database."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pyotp
import pytest
from cryptography.exceptions import InvalidTag

from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.guesses import KEPT, SIGN_IN, SQL, STRANGERS
from mingzhang.kit.vault import Vault
from mingzhang.staff import accounts, doors, own, passwords, record, recovery, team, totp
from mingzhang.staff.doors import From
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import NEEDS_TOTP, Right, Role

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
NAME, PASSWORD, WRONG = "小林", "correct horse 电池", "wrong horse battery"


def open_office(pool: asyncpg.Pool, speed: float = 1.0) -> Office:
    """An office on clocks that stand still; the phone's time is not the shop's."""
    clock = ManualClock(START)
    clock.speed = speed
    phone = ManualClock(START + timedelta(days=40))
    return Office(pool=pool, vault=Vault(b"s" * 32), rng=random.Random(5), clock=clock, phone=phone)


def advance(office: Office, by: timedelta) -> None:
    assert isinstance(office.clock, ManualClock)
    assert isinstance(office.phone, ManualClock)
    office.clock.advance(by)
    office.phone.advance(by)


def code_of(secret: str, office: Office, steps: int = 0) -> str:
    """What the phone shows, `steps` × 30 s from now."""
    return pyotp.TOTP(secret).at(office.phone.now() + timedelta(seconds=30 * steps))


async def enrol(office: Office, name: str = NAME) -> str:
    secret = totp.new_secret()
    await accounts.set_totp(office, name, secret, code_of(secret, office))
    return secret


async def signed_in(office: Office, code: str = "") -> Member:
    token = await doors.sign_in(office, NAME, PASSWORD, code)
    assert token is not None
    member = await doors.who(office, token)
    assert member is not None
    return member


async def lines(office: Office, kind: str = "") -> list[tuple[str, str, str]]:
    async with office.pool.acquire() as conn:
        entries = await record.read(conn, office.clock.now() + timedelta(seconds=1), kind=kind)
    return sorted((entry.name, entry.action, entry.kind) for entry in entries)


async def test_without_the_second_factor_a_session_has_only_what_needs_none(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD, [Role.SUPPORT, Role.FINANCE])
    weak = await signed_in(office)
    assert not weak.strong
    assert weak.rights == {Right.VIEW_ORDERS, Right.ASK_OUTSIDE, Right.ANSWER_BUYERS}
    secret = await enrol(office)
    advance(office, timedelta(minutes=1))
    strong = await signed_in(office, code_of(secret, office))
    assert strong.strong
    assert strong.rights >= {Right.DECIDE_MONEY, Right.VIEW_PERSONAL_DATA} <= NEEDS_TOTP


async def test_with_a_second_factor_the_password_alone_opens_nothing(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    secret = await enrol(office)
    advance(office, timedelta(minutes=5))
    for wrong in (
        "",
        "000000",
        "abcdef",
        "１２３４５６",
        code_of(secret, office, 2),
        code_of(secret, office, -2),
    ):
        assert await doors.sign_in(office, NAME, PASSWORD, wrong) is None
        await pool.execute("DELETE FROM guess")
    shown = code_of(secret, office, -1)
    assert await doors.sign_in(office, NAME, PASSWORD, f"{shown[:3]} {shown[3:]}") is not None


async def test_a_code_is_used_once_even_by_two_at_once(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    secret = await enrol(office)
    assert await doors.sign_in(office, NAME, PASSWORD, code_of(secret, office)) is None, "shown at enrolment"
    advance(office, timedelta(minutes=1))
    code = code_of(secret, office)
    tokens = await asyncio.gather(*(doors.sign_in(office, NAME, PASSWORD, code) for _ in range(4)))
    assert sum(token is not None for token in tokens) == 1


async def test_a_wrong_code_counts_as_a_wrong_try_and_locks(pool: asyncpg.Pool) -> None:
    office = open_office(pool, speed=60.0)
    await accounts.add(office, NAME, PASSWORD)
    secret = await enrol(office)
    advance(office, timedelta(minutes=1))
    for _ in range(3):
        assert await doors.sign_in(office, NAME, PASSWORD, "000000") is None
    for _ in range(2):
        assert await doors.sign_in(office, NAME, WRONG, code_of(secret, office)) is None
    with pytest.raises(Problem, match="too_many") as refused:
        await doors.sign_in(office, NAME, PASSWORD, code_of(secret, office))
    assert refused.value.params == {"wait_s": 30}
    assert (NAME, "locked", "account") in await lines(office)
    advance(office, SIGN_IN.first - timedelta(seconds=1))  # of the machine's own time, also in a demo
    with pytest.raises(Problem, match="too_many"):
        await doors.sign_in(office, NAME, PASSWORD, code_of(secret, office))
    advance(office, timedelta(seconds=2))
    assert await doors.sign_in(office, NAME, PASSWORD, code_of(secret, office)) is not None


async def test_sessions_end_by_time_by_signing_out_and_from_outside(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)

    async def open_one() -> str:
        token = await doors.sign_in(office, NAME, PASSWORD)
        assert token is not None
        return token

    first, second, third = await open_one(), await open_one(), await open_one()
    assert len(await accounts.list_sessions(office, NAME)) == 3
    await doors.sign_out(office, first)
    await doors.sign_out(office, "never a token")
    holder = await doors.who(office, second)
    assert holder is not None
    await accounts.end_session(office, holder.session_id, "cli")
    with pytest.raises(Problem, match="unknown_session"):
        await accounts.end_session(office, holder.session_id, "cli")
    assert [await doors.who(office, token) is None for token in (first, second, third)] == [True, True, False]
    assert await accounts.end_sessions(office, NAME) == 1
    fourth = await open_one()
    advance(office, doors.SESSION)
    assert await doors.who(office, fourth) is None
    assert await doors.who(office, "") is None


@pytest.mark.parametrize("change", ["password", "roles", "totp", "revoke"])
async def test_every_change_of_an_account_signs_the_person_out(pool: asyncpg.Pool, change: str) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    token = await doors.sign_in(office, NAME, PASSWORD)
    assert token is not None
    if change == "password":
        await accounts.set_password(office, NAME, "another password")
    elif change == "roles":
        await accounts.set_roles(office, NAME, [Role.AUDITOR])
    elif change == "totp":
        await enrol(office)
    else:
        assert await accounts.revoke(office, NAME) == 1
        assert await doors.sign_in(office, NAME, PASSWORD) is None
    assert await doors.who(office, token) is None


async def test_a_revoked_account_is_closed_until_it_is_given_back(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    await accounts.revoke(office, NAME)
    assert [(a.name, a.active) for a in await accounts.list_accounts(office)] == [(NAME, False)]
    await accounts.restore(office, NAME)
    await signed_in(office)
    (account,) = await accounts.list_accounts(office)
    assert (account.active, account.sessions, account.roles, account.totp) == (True, 1, ("support",), False)


@pytest.mark.parametrize(
    ("name", "password", "roles", "code"),
    [
        ("", PASSWORD, [Role.SUPPORT], "staff_name_invalid"),
        (" a", PASSWORD, [Role.SUPPORT], "staff_name_invalid"),
        ("a\nb", PASSWORD, [Role.SUPPORT], "staff_name_invalid"),
        ("cli", PASSWORD, [Role.SUPPORT], "staff_name_invalid"),
        ("x" * 65, PASSWORD, [Role.SUPPORT], "staff_name_invalid"),
        ("ann", "short", [Role.SUPPORT], "password_too_short"),
        ("ann", PASSWORD, [], "staff_role_missing"),
        ("LIN", PASSWORD, [Role.SUPPORT], "staff_name_taken"),
    ],
)
async def test_accounts_that_are_not_made(
    pool: asyncpg.Pool, name: str, password: str, roles: list[Role], code: str
) -> None:
    office = open_office(pool)
    await accounts.add(office, "lin", PASSWORD)
    with pytest.raises(Problem) as refused:
        await accounts.add(office, name, password, roles)
    assert refused.value.code == code
    for change in (
        accounts.set_password(office, "nobody", PASSWORD),
        accounts.set_roles(office, "nobody", [Role.SUPPORT]),
        accounts.revoke(office, "nobody"),
        accounts.restore(office, "nobody"),
    ):
        with pytest.raises(Problem, match="unknown_staff"):
            await change


async def test_a_second_factor_must_be_proved_before_it_is_in_force(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    secret = totp.new_secret()
    with pytest.raises(Problem, match="totp_wrong"):
        await accounts.set_totp(office, NAME, secret, "000000")
    await signed_in(office)
    await accounts.set_totp(office, NAME, secret, code_of(secret, office))
    stored = await pool.fetchval("SELECT totp_enc FROM staff")
    assert secret.encode() not in stored
    assert office.vault.open(stored) == secret
    assert "%E5%B0%8F%E6%9E%97" in totp.provisioning_uri(secret, NAME, "店")


def test_totp_is_rfc_6238s() -> None:
    # Appendix B, SHA-1, the last six digits of the eight.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in (
        (59, "287082"),
        (1111111109, "081804"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ):
        at = datetime.fromtimestamp(seconds, UTC)
        assert totp.matching_step(secret, code, at) == seconds // 30


async def test_whoever_comes_and_goes_is_on_record_without_secrets(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD, [Role.ADMIN])
    secret = await enrol(office)
    advance(office, timedelta(minutes=1))
    token = await doors.sign_in(office, NAME, PASSWORD, code_of(secret, office))
    assert token is not None
    await doors.sign_out(office, token)
    assert await lines(office) == [
        ("cli", "staff_added", "account"),
        ("cli", "staff_totp_set", "account"),
        (NAME, "signed_in", "account"),
        (NAME, "signed_out", "account"),
    ]
    everything = str(await pool.fetch("SELECT * FROM staff_action"))
    everything += str(await pool.fetch("SELECT * FROM staff_session"))
    for hidden in (PASSWORD, secret, token):
        assert hidden not in everything


async def test_managing_staff_from_the_console_needs_the_right(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    await accounts.add(office, "ann", PASSWORD)
    me = await signed_in(office)
    with pytest.raises(Problem, match="right_missing"):
        await accounts.revoke(office, "ann", me)
    with pytest.raises(Problem, match="right_missing"):
        await accounts.end_sessions(office, "ann", me)
    assert await lines(office, "refused") == [(NAME, "manage_staff", "refused")] * 2
    assert await accounts.end_sessions(office, NAME, me) == 1
    boss = Member(
        name="boss", roles=("admin",), rights=frozenset({Right.MANAGE_STAFF}), session_id="s", strong=True
    )
    await accounts.revoke(office, "ann", boss)
    assert ("boss", "staff_revoked", "account") in await lines(office)


async def test_personal_data_is_shown_only_after_it_is_on_record(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    sealed = office.vault.seal("13800138000")
    may = Member(
        name="ann",
        roles=("support",),
        rights=frozenset({Right.VIEW_PERSONAL_DATA}),
        session_id="s1",
        strong=True,
    )
    blind = Member(name="bob", roles=("auditor",), rights=frozenset(), session_id="s2", strong=True)
    with pytest.raises(Problem, match="right_missing"):
        await record.reveal(office, blind, "M1", "account", sealed, "buyer on the phone")
    with pytest.raises(Problem, match="reason_missing"):
        await record.reveal(office, may, "M1", "account", sealed, " x ")
    assert await record.reveal(office, may, "M1", "account", sealed, "buyer on the phone") == "13800138000"
    assert await lines(office) == [
        ("ann", "view_personal_data", "seen"),
        ("bob", "view_personal_data", "refused"),
    ]
    async with pool.acquire() as conn:
        (entry,) = await record.read(conn, START + timedelta(seconds=1), subject="M1", name="ann")
    assert (entry.data, entry.reason, entry.session_id) == ({"field": "account"}, "buyer on the phone", "s1")
    assert "13800138000" not in str(await pool.fetch("SELECT * FROM staff_action"))
    broken = Office(pool=pool, vault=Vault(b"o" * 32), rng=office.rng, clock=office.clock, phone=office.phone)
    with pytest.raises(InvalidTag):
        await record.reveal(broken, may, "M1", "account", sealed, "buyer on the phone")
    assert len(await lines(office, "seen")) == 2, "a view that failed to open was still asked for"


async def test_strangers_do_not_lock_a_person_out(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    for n in range(STRANGERS.free):
        assert await doors.sign_in(office, NAME, WRONG, origin=From(address=f"203.0.113.{n}")) is None
    with pytest.raises(Problem, match="too_many") as waiting:
        await doors.sign_in(office, NAME, PASSWORD, origin=From(address="198.51.100.7"))
    assert waiting.value.params == {"wait_s": 60}
    known = From(address="198.51.100.7", known="this browser")
    assert await doors.sign_in(office, NAME, PASSWORD, origin=known) is not None
    advance(office, STRANGERS.first)
    assert await doors.sign_in(office, NAME, PASSWORD, origin=From(address="198.51.100.7")) is not None


async def test_a_name_nobody_has_waits_and_takes_as_long_as_one_somebody_has(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    checked: list[str] = []
    verified = passwords._verified

    def watching(password_hash: str, password: str) -> bool:
        checked.append(password_hash.split("$")[1])
        return verified(password_hash, password)

    monkeypatch.setattr(passwords, "_verified", watching)
    for name in (NAME, "nobody"):
        tries = [await doors.sign_in(office, name, WRONG) for _ in range(SIGN_IN.free)]
        assert tries == [None] * SIGN_IN.free
        with pytest.raises(Problem, match="too_many"):
            await doors.sign_in(office, name, WRONG)
    assert checked == ["argon2id"] * 2 * SIGN_IN.free


async def test_waits_double_up_to_a_most_and_are_forgotten(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    guesses, waits = doors.guesses_of(office), []
    for _ in range(SIGN_IN.free):
        await guesses.take("door", SIGN_IN)
    for _ in range(7):
        with pytest.raises(Problem) as waiting:
            await guesses.take("door", SIGN_IN)
        waits.append(waiting.value.params["wait_s"])
        advance(office, timedelta(seconds=int(waits[-1])))
        await guesses.take("door", SIGN_IN)
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    advance(office, SIGN_IN.within)
    assert not await guesses.take("door", SIGN_IN)
    await pool.execute(
        "INSERT INTO guess SELECT int4send(n), 1, $1, $1 FROM generate_series(1, 900) n", START
    )
    advance(office, KEPT)
    await pool.execute(SQL.clear_guesses, office.phone.now() - KEPT)
    assert await pool.fetchval("SELECT count(*) FROM guess") == 1


async def test_signing_in_again_ends_the_browsers_session_and_an_idle_one_ends_by_itself(
    pool: asyncpg.Pool,
) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    first = await doors.sign_in(office, NAME, PASSWORD, origin=From("192.0.2.1", "A browser"))
    assert first is not None
    second = await doors.sign_in(office, NAME, PASSWORD, old_token=first)
    assert second is not None
    assert await doors.who(office, first) is None
    for _ in range(3):
        advance(office, doors.IDLE - timedelta(minutes=1))
        assert await doors.who(office, second) is not None, "used, so alive"
    advance(office, doors.IDLE)
    assert await doors.who(office, second) is None
    assert await accounts.list_sessions(office, NAME) == []


async def test_recovery_codes_are_kept_as_hashes_and_used_once(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    secret = totp.new_secret()
    codes = await accounts.set_totp(office, NAME, secret, code_of(secret, office))
    assert len(set(codes)) == recovery.HOW_MANY
    stored = str(await pool.fetch("SELECT * FROM staff_recovery"))
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]
    member = await signed_in(office, codes[0].lower().replace("-", " "))
    assert member.strong
    assert await doors.sign_in(office, NAME, PASSWORD, codes[0]) is None
    assert await doors.sign_in(office, NAME, PASSWORD, "ABCD-EFGH-JKMN") is None
    assert await recovery.left(pool, NAME) == recovery.HOW_MANY - 1
    fresh = await own.new_codes(office, member, PASSWORD, codes[1])
    assert await doors.sign_in(office, NAME, PASSWORD, codes[2]) is None, "old ones are worth nothing"
    assert await doors.sign_in(office, NAME, PASSWORD, fresh[0]) is not None


async def test_ones_own_password_and_authenticator_ask_for_the_password_again(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD, [Role.FINANCE])
    elsewhere = await doors.sign_in(office, NAME, PASSWORD)
    me = await signed_in(office)
    with pytest.raises(Problem, match="sign_in_failed"):
        await own.change_password(office, me, WRONG, "", "a new long one")
    await own.change_password(office, me, PASSWORD, "", "a new long one")
    assert await doors.who(office, str(elsewhere)) is None
    assert len(await accounts.list_sessions(office, NAME)) == 1, "this one goes on"
    with pytest.raises(Problem, match="sign_in_failed"):
        await own.begin_totp(office, me, PASSWORD, "")
    secret, sealed = await own.begin_totp(office, me, "a new long one", "")
    assert secret not in sealed
    with pytest.raises(Problem, match="totp_wrong"):
        await own.enrol(office, me, sealed[:-4] + "AAA=", code_of(secret, office), From())
    with pytest.raises(Problem, match="totp_wrong"):
        await own.enrol(office, me, sealed, "000000", From())
    token, codes = await own.enrol(office, me, sealed, code_of(secret, office), From())
    now = await doors.who(office, token)
    assert now is not None
    assert now.strong
    assert Right.DECIDE_MONEY in now.rights
    assert len(codes) == recovery.HOW_MANY
    with pytest.raises(Problem, match="sign_in_failed"):  # without the code it takes no other authenticator
        await own.begin_totp(office, now, "a new long one", "")


async def test_roles_are_changed_from_the_console_by_two_people_only(pool: asyncpg.Pool) -> None:
    office = open_office(pool)
    await accounts.add(office, NAME, PASSWORD)
    boss, other = (
        Member(
            name=name, roles=("admin",), rights=frozenset({Right.MANAGE_STAFF}), session_id="s", strong=True
        )
        for name in ("boss", "other")
    )
    await accounts.add(office, "boss", PASSWORD, [Role.ADMIN])
    token = await doors.sign_in(office, NAME, PASSWORD)
    wanted = await team.propose_roles(office, boss, NAME, ["finance"], "moves to finance")
    with pytest.raises(Problem, match="approval_own"):
        await team.decide_roles(office, boss, NAME, wanted, "approve")
    teller = Member(
        name="teller", roles=(), rights=frozenset({Right.DECIDE_MONEY}), session_id="s", strong=True
    )
    with pytest.raises(Problem, match="right_missing"):
        await team.decide_roles(office, teller, NAME, wanted, "approve")
    assert [(each.subject, each.terms) for each in await team.list_proposals(office)] == [
        (f"staff:{NAME}", {"roles": ["finance"]})
    ]
    await team.decide_roles(office, other, NAME, wanted, "approve")
    assert await team.list_proposals(office) == []
    roles = {account.name: account.roles for account in await accounts.list_accounts(office)}
    assert roles[NAME] == ("finance",)
    assert await doors.who(office, str(token)) is None, "a session has the rights of its start"
    for bad in ([], ["king"]):
        with pytest.raises(Problem, match="staff_role_missing"):
            await team.propose_roles(office, boss, NAME, bad, "no role at all")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short one", "password_too_short"),
        ("x" * 201, "password_too_short"),
        ("aaaaaaaaaaaa", "password_too_common"),
        ("12345678901", "password_too_common"),
        ("qwertyuiop", "password_too_common"),
        ("Password123!", "password_too_common"),
        ("woaini1314520", "password_too_common"),
        ("annabell-2026!", "password_too_common"),
        ("correct horse 电池", ""),
        ("一二三四五六七八九十", ""),
    ],
)
def test_a_password_is_long_and_none_that_everybody_tries(password: str, code: str) -> None:
    try:
        passwords.check(password, "annabell")
    except Problem as problem:
        assert problem.code == code
    else:
        assert not code
