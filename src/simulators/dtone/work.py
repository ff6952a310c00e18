"""What happens after confirmation: submitted to the operator, its end, a reversal, the callbacks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from simulators.dtone import outcomes
from simulators.dtone.goods import PIN, described, prices
from simulators.dtone.model import DtOneParty, Transaction
from simulators.faults import number_of

RETRY_AFTER_S = (60, 300, 1800, 3600)


def stamp(moment: datetime) -> str:
    """UTC with nine decimals of a second, the way DT One writes times."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def told(transaction: Transaction, status: str = "", *, show_pin: bool = True) -> dict[str, Any]:
    """The transaction object as DT One writes it; ``status`` for a lie about it."""
    word = status or transaction.status
    name = word.partition("-")[0]
    product = described(transaction.product)
    kept = ("id", "name", "description", "type", "service", "operator", "regions")
    pin = transaction.pin if show_pin and name == outcomes.COMPLETED else None
    party = {transaction.party_field: transaction.account} if transaction.party_field else {}
    return {
        "id": transaction.transaction_id,
        "external_id": transaction.external_id,
        "creation_date": stamp(transaction.created_at),
        "confirmation_expiration_date": stamp(transaction.confirm_until),
        "confirmation_date": stamp(transaction.confirmed_at) if transaction.confirmed_at else None,
        "status": {
            "id": outcomes.CLASS_IDS[name] * 10000,
            "message": word,
            "class": {"id": outcomes.CLASS_IDS[name], "message": name},
        },
        "operator_reference": transaction.reference or None,
        "pin": {"serial": pin[0], "code": pin[1]} if pin else None,
        "product": {key: product[key] for key in kept},
        "prices": prices(transaction.amount_cents, transaction.fee_cents, transaction.price_unit),
        "rates": {"base": 1, "wholesale": 1, "retail": None},
        "benefits": None,
        "promotions": None,
        "credit_party_identifier": party,
        "callback_url": transaction.callback_url or None,
    }


class Worker:
    """Carries confirmed transactions to their end."""

    def __init__(self, party: DtOneParty) -> None:
        self.party = party
        self.world = party.world

    def start(self, transaction: Transaction) -> None:
        """Schedule the result, unless the transaction was rejected or stays silent."""
        if self.party.fault(transaction.external_id, "forged_callback") is not None:
            self._forge(transaction)
        if transaction.status != outcomes.CONFIRMED:
            return
        self.party.move(transaction, outcomes.SUBMITTED)
        if transaction.silent:
            return
        declined, seconds = self._plan(transaction)

        async def finish() -> None:
            if transaction.status == outcomes.SUBMITTED and not transaction.silent:
                self.decide(transaction, declined)

        self.world.after(seconds, finish)

    def _plan(self, transaction: Transaction) -> tuple[str, float]:
        """How it will end (a declined status, or empty) and after how many virtual seconds."""
        number = transaction.external_id
        late = self.party.fault(number, "late_success")
        if late is not None:
            return "", number_of(late, "s", 90)
        picked = outcomes.by_suffix(transaction.account) if self.party.suffixes else None
        spread = int(self.world.digest("delay", number)[:4], 16) / 0xFFFF
        status, seconds = picked or ("", self.party.delay_s * (0.5 + spread))
        for name, word in outcomes.AFTER_ACCEPTANCE.items():
            if self.party.fault(number, name) is not None:
                status = word
        return status, seconds

    def decide(self, transaction: Transaction, declined: str) -> None:
        """End it now: COMPLETED when ``declined`` is empty, else that status."""
        transaction.silent = False
        if declined:
            self.party.void(transaction, declined)
            after_all = self.party.fault(transaction.external_id, "success_after_failure")
            if after_all is not None:

                async def succeed() -> None:
                    if not transaction.failure_told:  # it is a turn only for one who has heard of the failure
                        self.world.after(number_of(after_all, "s", 60), succeed)
                        return
                    self.party.hold_again(transaction)
                    self.party.complete(transaction)
                    await self._tell(transaction)

                self.world.after(number_of(after_all, "s", 60), succeed)
        else:
            self.party.complete(transaction)
            undone = self.party.fault(transaction.external_id, "success_then_reversed")
            if undone is not None:

                async def reverse() -> None:
                    if transaction.status == outcomes.COMPLETED:
                        self.party.reverse(transaction)
                        await self._tell(transaction)

                self.world.after(number_of(undone, "s", 60), reverse)

        async def tell() -> None:
            await self._tell(transaction)

        self.world.after(0, tell)

    def decide_open(self, prefix: str, outcome: str, reason: str) -> list[str]:
        """A person ends (success, failed) or silences every submitted transaction of this prefix.

        ``reason``: a DECLINED status; any other words are just DECLINED, the vendor has no free text.
        """
        chosen = [
            each
            for number, each in self.party.transactions.items()
            if number.startswith(prefix) and each.status == outcomes.SUBMITTED
        ]
        for each in chosen:
            if outcome == "silent":
                each.silent = True
            else:
                declined = reason if reason.startswith(outcomes.DECLINED) else outcomes.DECLINED
                self.decide(each, declined if outcome == "failed" else "")
        return [each.external_id for each in chosen]

    def set_balance(self, fen: int) -> None:
        """The merchant moves money to or from the account."""
        self.party.set_balance_fen(fen)

    async def _tell(self, transaction: Transaction) -> None:
        number = transaction.external_id
        if not transaction.callback_url or self.party.fault(number, "callback_lost") is not None:
            return
        repeat = self.party.fault(number, "callback_duplicate")
        body = _encoded(told(transaction))
        for _ in range(min(64, int(number_of(repeat, "n", 3))) if repeat is not None else 1):
            await self._deliver(transaction, transaction.callback_url, body, 0)

    async def _deliver(self, transaction: Transaction, url: str, body: bytes, attempt: int) -> None:
        if await self._send(transaction, url, body) or attempt >= len(RETRY_AFTER_S):
            return

        async def again() -> None:
            await self._deliver(transaction, url, body, attempt + 1)

        self.world.after(RETRY_AFTER_S[attempt], again)

    async def _send(self, transaction: Transaction, url: str, body: bytes) -> bool:
        if self.world.down["dtone"]:
            return False
        transaction.callbacks_sent += 1
        acked = await self.world.post(url, json_bytes=body) is not None
        transaction.callbacks_acked += acked
        return acked

    def _forge(self, transaction: Transaction) -> None:
        """An outsider's success; with ``signed`` false he does not know the address's own query."""
        params = self.party.fault(transaction.external_id, "forged_callback") or {}
        url = transaction.callback_url
        if not params.get("signed", True):
            url = urlunsplit(urlsplit(url)._replace(query=""))
        lie = told(transaction, outcomes.COMPLETED, show_pin=False)
        if transaction.product.kind == PIN:
            lie["pin"] = {"serial": "SN0", "code": "0000-0000-0000"}

        async def send() -> None:
            if url:
                await self._send(transaction, url, _encoded(lie))

        self.world.after(0, send)


def _encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
