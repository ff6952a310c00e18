"""Which fault hits which order: by number prefix, by arrival, or at a seeded rate.

A merchant's numbers are its order id plus a suffix, so one prefix reaches the payment, the top-up and the
refund of an order. Rates are drawn from hash(seed, fault, prefix): the same seed hits the same orders, in
whatever order the calls come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from simulators.catalogue import CATALOGUE, default_params

Params = dict[str, object]
MAX_PREFIXES = 1_000_000


class UnknownFaultError(ValueError):
    """No fault of this party bears that name; ``GET /faults/catalogue`` lists them."""


@dataclass(frozen=True)
class Fault:
    """One fault as asked for: party (alipay|fulu), snake_case name, params overriding the catalogue's."""

    party: str
    name: str
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: object) -> Fault:
        """From ``{"party","name","params"}``. Raises UnknownFaultError."""
        if not isinstance(raw, dict):
            raise UnknownFaultError("a fault is an object with party, name and params")
        party, name, params = raw.get("party"), raw.get("name"), raw.get("params") or {}
        if (party, name) not in CATALOGUE or not isinstance(params, dict):
            raise UnknownFaultError(f"no fault {name!r} for party {party!r}")
        return cls(str(party), str(name), params)


def number_of(params: Params, key: str, default: float) -> float:
    """A numeric parameter, or the default when absent or not a number."""
    value = params.get(key, default)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default


class Faults:
    """The faults in force."""

    def __init__(self, seed: int, prefix_of: Callable[[str], str]) -> None:
        self.seed = seed
        self.rates: dict[tuple[str, str], float] = {}
        self._prefix_of = prefix_of
        self._by_prefix: dict[str, dict[tuple[str, str], Params]] = {}
        self._lengths: set[int] = set()
        self._next: list[tuple[int, tuple[Fault, ...]]] = []
        self._met: set[str] = set()
        self._fired: dict[tuple[str, str, str], int] = {}

    @staticmethod
    def named(party: str, name: str) -> Fault:
        """A fault with its default parameters."""
        return Fault(party, name)

    def for_order(self, prefix: str, faults: Iterable[Fault]) -> None:
        """Put faults on every number that begins with this prefix."""
        if not prefix or len(self._by_prefix) >= MAX_PREFIXES:
            raise UnknownFaultError("the order prefix is empty, or there are too many of them")
        self._lengths.add(len(prefix))
        held = self._by_prefix.setdefault(prefix, {})
        held.update({(fault.party, fault.name): fault.params for fault in faults})

    def for_next(self, count: int, faults: Iterable[Fault]) -> None:
        """Put faults on the next ``count`` orders that either party meets for the first time."""
        self._next.append((max(0, min(count, MAX_PREFIXES)), tuple(faults)))

    def set_rates(self, rates: Mapping[str, object]) -> None:
        """Replace the rates: ``{"alipay.notify_lost": 0.1}``. Raises UnknownFaultError."""
        parsed: dict[tuple[str, str], float] = {}
        for key, rate in rates.items():
            party, _, name = key.partition(".")
            if (party, name) not in CATALOGUE or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
                raise UnknownFaultError(f"no fault {key!r}, or its rate is not between 0 and 1")
            parsed[party, name] = float(rate)
        self.rates = parsed

    def meet(self, number: str) -> None:
        """First sight of an order by any party: binds what ``for_next`` left waiting."""
        if not self._next:
            return
        prefix = self._prefix_of(number)
        if prefix in self._met:
            return
        self._met.add(prefix)
        waiting, self._next = self._next, []
        for count, faults in waiting:
            if count > 0:
                self.for_order(prefix, faults)
            if count > 1:
                self._next.append((count - 1, faults))

    def find(self, number: str, party: str, name: str) -> Params | None:
        """The fault's parameters (defaults filled in) when it is on this number, without using it up."""
        key = (party, name)
        for length in self._lengths:
            held = self._by_prefix.get(number[:length])
            if held is not None and key in held:
                return {**default_params(party, name), **held[key]}
        rate = self.rates.get(key)
        if rate and self._drawn(party, name, self._prefix_of(number)) < rate:
            return default_params(party, name)
        return None

    def take(self, number: str, party: str, name: str) -> Params | None:
        """As ``find``, but it fires: after ``times`` firings (0 = no limit) it is spent for this number."""
        params = self.find(number, party, name)
        if params is None:
            return None
        key = (number, party, name)
        fired = self._fired.get(key, 0)
        times = int(number_of(params, "times", 1))
        if times and fired >= times:
            return None
        self._fired[key] = fired + 1
        return params

    def on_order(self, prefix: str) -> list[dict[str, object]]:
        """What was put on this very prefix, for display."""
        return [
            {"party": party, "name": name, "params": params}
            for (party, name), params in self._by_prefix.get(prefix, {}).items()
        ]

    def _drawn(self, party: str, name: str, prefix: str) -> float:
        digest = hashlib.sha256(f"{self.seed}|{party}.{name}|{prefix}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64
