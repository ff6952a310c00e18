"""``/v1``: REST over HTTP Basic, JSON errors with codes, faults in front and behind."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import re
import time
from typing import Any

from aiohttp import web

from simulators.dtone import goods, outcomes
from simulators.dtone.goods import MOBILE_NUMBER, PRODUCTS, Product, number
from simulators.dtone.model import DtOneParty, Transaction
from simulators.dtone.outcomes import AT_CREATION, Refusal
from simulators.dtone.work import Worker, told
from simulators.faults import number_of
from simulators.world import drop, hold

EXTERNAL_ID_MAX = 40
PER_PAGE_MAX = 100
HTML_404 = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Gateway:
    """HTTP in front of the party."""

    def __init__(self, party: DtOneParty, worker: Worker) -> None:
        self.party = party
        self.worker = worker
        self._second = 0
        self._calls = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/async/transactions", self.create),
            web.post("/v1/async/transactions/{id}/confirm", self.confirm),
            web.post("/v1/transactions/{id}/cancel", self.cancel),
            web.get("/v1/transactions", self.find),
            web.get("/v1/transactions/{id}", self.show),
            web.get("/v1/balances", self.balances),
            web.get("/v1/products", self.products),
            web.get("/v1/products/{id}", self.product),
            web.get("/v1/lookup/mobile-number/{number}", self.lookup),
            web.post("/v1/lookup/mobile-number", self.lookup),
        ]

    # -- transactions

    async def create(self, request: web.Request) -> web.StreamResponse:
        """201 with a CREATED (or, with ``auto_confirm``, confirmed) transaction."""
        body = await self._object(request)
        stopped = self._door(request)
        if stopped is not None:
            return self.refuse(stopped)
        external_id = str((body or {}).get("external_id") or "")
        party = self.party
        if external_id:
            party.world.faults.meet(external_id)
            if party.fault(external_id, "timeout_before_acceptance", take=True) is not None:
                return await hold(request)
            if party.fault(external_id, "rate_limited_429", take=True) is not None:
                return self.refuse(outcomes.TOO_MANY)
        made = self._create(body or {}, external_id)
        if isinstance(made, Refusal):
            return self.refuse(made)
        if body and body.get("auto_confirm") is True:
            return await self._accept(request, made, 201, outcomes.ID_USED)
        return await self._last(request, made, 201)

    def _create(self, body: dict[str, Any], external_id: str) -> Transaction | Refusal:
        party = self.party
        if not 0 < len(external_id) <= EXTERNAL_ID_MAX or not isinstance(body.get("external_id"), str):
            return outcomes.BAD_REQUEST
        if external_id in party.transactions:
            return outcomes.ID_USED
        product_id = body.get("product_id")
        if not isinstance(product_id, int):
            return outcomes.BAD_REQUEST
        product = PRODUCTS.get(product_id)
        if product is None:
            return outcomes.NO_PRODUCT
        account = _account(product, body.get("credit_party_identifier"))
        if isinstance(account, Refusal):
            return account
        for name, refusal in AT_CREATION.items():
            if party.fault(external_id, name, take=True) is not None:
                return refusal
        if product.price_cents + product.fee_cents > party.available_cents:
            return outcomes.BALANCE_SHORT
        try:
            return party.create(
                external_id, product, product.needs, account, str(body.get("callback_url") or "")
            )
        except OverflowError:
            return outcomes.UNEXPECTED

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """202; only an unexpired CREATED transaction can be confirmed."""
        found = self._named(request)
        if isinstance(found, Refusal):
            return self.refuse(found)
        if self.party.fault(found.external_id, "confirm_lost", take=True) is not None:
            return await hold(request)
        if self.party.fault(found.external_id, "confirm_429", take=True) is not None:
            return self.refuse(outcomes.TOO_MANY)
        refusal = self._not_open(found, outcomes.CONFIRMED_ALREADY)
        if refusal is None and self.party.world.now() > found.confirm_until:
            refusal = outcomes.CONFIRM_TOO_LATE
        if refusal is not None:
            return self.refuse(refusal)
        return await self._accept(request, found, 202, outcomes.CONFIRMED_ALREADY)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """202; only a CREATED transaction can be cancelled."""
        found = self._named(request)
        if isinstance(found, Refusal):
            return self.refuse(found)
        refusal = self._not_open(found, outcomes.CANCEL_TOO_LATE)
        if refusal is not None:
            return self.refuse(refusal)
        if self.party.fault(found.external_id, "cancel_lost", take=True) is not None:
            return await hold(request)
        self.party.void(found, outcomes.CANCELLED)
        return self.tell(found, 202)

    @staticmethod
    def _not_open(found: Transaction, otherwise: Refusal) -> Refusal | None:
        if found.status == outcomes.CREATED:
            return None
        return outcomes.CANCELLED_ALREADY if found.status == outcomes.CANCELLED else otherwise

    async def _accept(
        self, request: web.Request, transaction: Transaction, status: int, twice: Refusal
    ) -> web.StreamResponse:
        """Confirm it, then whatever spoils the answer to a transaction that is on its way."""
        party, external_id = self.party, transaction.external_id
        party.confirm(transaction)
        answer = told(transaction)
        self.worker.start(transaction)
        if party.fault(external_id, "timeout_after_acceptance", take=True) is not None:
            return await hold(request)
        if party.fault(external_id, "unknown_http500", take=True) is not None:
            return web.Response(status=500, text="Internal Server Error")
        if party.fault(external_id, "unknown_non_json", take=True) is not None:
            return web.Response(text="upstream connect error or disconnect")
        if party.fault(external_id, "unknown_html404_after_acceptance", take=True) is not None:
            return web.Response(status=404, text=HTML_404, content_type="text/html")
        if party.fault(external_id, "unknown_9999", take=True) is not None:
            return self.refuse(outcomes.UNEXPECTED)
        if party.fault(external_id, "duplicate_number", take=True) is not None:
            return self.refuse(twice)
        return await self._last(request, transaction, status, answer)

    async def find(self, request: web.Request) -> web.StreamResponse:
        """A list, by ``external_id`` if given; else the last 24 hours."""
        stopped = self._door(request)
        if stopped is not None:
            return self.refuse(stopped)
        party = self.party
        external_id = request.query.get("external_id", "")
        if not external_id:
            recent = list(party.transactions.values())[-50:]
            return self.answer([told(each) for each in recent])
        found = party.transactions.get(external_id)
        if found is None:
            return self.answer([])
        if party.fault(external_id, "query_not_found_then_found", take=True) is not None:
            return self.refuse(outcomes.NO_TRANSACTION)
        if party.fault(external_id, "query_unknown", take=True) is not None:
            return self.refuse(outcomes.UNEXPECTED)
        return self.answer([self._told(found)])

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One transaction by DT One's own id."""
        found = self._named(request)
        return self.refuse(found) if isinstance(found, Refusal) else self.answer(self._told(found))

    def _told(self, transaction: Transaction) -> dict[str, Any]:
        declined = transaction.status_class == outcomes.DECLINED
        transaction.failure_told = transaction.failure_told or declined
        lagging = transaction.pin and self.party.fault(
            transaction.external_id, "done_without_cards", take=True
        )
        return told(transaction, show_pin=not lagging)

    def _named(self, request: web.Request) -> Transaction | Refusal:
        stopped = self._door(request)
        if stopped is not None:
            return stopped
        text = request.match_info["id"]
        found = self.party.by_id.get(int(text)) if text.isdecimal() and len(text) < 19 else None
        return found or outcomes.NO_TRANSACTION

    # -- account and discovery

    async def balances(self, request: web.Request) -> web.StreamResponse:
        """One balance: available and holding, in the account's currency."""
        stopped = self._door(request)
        if stopped is not None:
            return self.refuse(stopped)
        row = {
            "id": 1,
            "unit_type": "CURRENCY",
            "unit": goods.CURRENCY,
            "available": number(self.party.available_cents),
            "holding": number(self.party.holding_cents),
            "credit_limit": 0,
        }
        return self.answer([row])

    async def products(self, request: web.Request) -> web.StreamResponse:
        """All products, in pages."""
        stopped = self._door(request)
        if stopped is not None:
            return self.refuse(stopped)
        page, per_page = _whole(request.query.get("page"), 1), _whole(request.query.get("per_page"), 50)
        per_page = min(per_page, PER_PAGE_MAX)
        rows = [goods.described(product) for product in PRODUCTS.values()]
        first = (page - 1) * per_page
        pages = -(-len(rows) // per_page)
        headers = {"X-Total": str(len(rows)), "X-Total-Pages": str(pages), "X-Page": str(page)}
        headers["X-Next-Page"] = str(page + 1) if page < pages else ""
        return self.answer(rows[first : first + per_page], headers=headers)

    async def product(self, request: web.Request) -> web.StreamResponse:
        """One product."""
        stopped = self._door(request)
        found = PRODUCTS.get(_whole(request.match_info["id"], 0))
        if stopped is not None or found is None:
            return self.refuse(stopped or outcomes.NO_PRODUCT)
        return self.answer(goods.described(found))

    async def lookup(self, request: web.Request) -> web.StreamResponse:
        """The operators that a number may belong to, the likeliest first."""
        body = await self._object(request) if request.method == "POST" else None
        stopped = self._door(request)
        if stopped is not None:
            return self.refuse(stopped)
        asked = request.match_info.get("number") or (body or {}).get("mobile_number")
        if not isinstance(asked, str) or not _E164.fullmatch(asked):
            return self.refuse(outcomes.WRONG_NUMBER)
        if not asked.startswith("+86"):
            return self.answer([])
        return self.answer([{**goods.operator(PRODUCTS[61010]), "identified": True}])

    # -- doors and answers

    def _door(self, request: web.Request) -> Refusal | None:
        """Too many calls in this real second, or not the account's key and secret."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._calls = second, 0
        self._calls += 1
        if self._calls > self.party.rate_limit_per_s:
            return outcomes.TOO_MANY
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            pair = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return outcomes.UNAUTHORIZED
        ours = f"{self.party.api_key}:{self.party.api_secret}".encode()
        known = scheme.lower() == "basic" and hmac.compare_digest(pair, ours)
        return None if known else outcomes.UNAUTHORIZED

    async def _last(
        self, request: web.Request, transaction: Transaction, status: int, body: dict[str, Any] | None = None
    ) -> web.StreamResponse:
        party = self.party
        slow = party.fault(transaction.external_id, "slow", take=True)
        if slow is not None:
            await asyncio.sleep(min(60.0, party.world.clock.real_s(number_of(slow, "s", 3))))
        return drop(request) if party.world.down["dtone"] else self.answer(body or told(transaction), status)

    def tell(self, transaction: Transaction, status: int = 200) -> web.Response:
        return self.answer(told(transaction), status)

    def refuse(self, refusal: Refusal) -> web.Response:
        return self.answer({"errors": [{"code": refusal.code, "message": refusal.message}]}, refusal.status)

    def answer(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        limit = self.party.rate_limit_per_s
        rates = {
            "X-Ratelimit-Limit": str(limit),
            "X-Ratelimit-Remaining": str(max(0, limit - self._calls)),
            **(headers or {}),
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return web.Response(status=status, text=text, content_type="application/json", headers=rates)

    @staticmethod
    async def _object(request: web.Request) -> dict[str, Any] | None:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None


def _account(product: Product, party: object) -> str | Refusal:
    """The credit party's number, or why it will not do."""
    if not product.needs:
        return ""
    given = party.get(product.needs) if isinstance(party, dict) else None
    if not isinstance(given, str) or not 0 < len(given) <= 64:
        return outcomes.BAD_REQUEST
    if product.needs == MOBILE_NUMBER and not _E164.fullmatch(given):
        return outcomes.WRONG_NUMBER
    return given


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else default
