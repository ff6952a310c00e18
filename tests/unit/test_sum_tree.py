"""The sum tree of what is owed: its total is its leaves', every proof holds, and no change of a byte or fen passes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingzhang.transparency.entry import canonical
from mingzhang.transparency.liabilities import grow
from mingzhang.transparency.owed import Facts, owed_fen
from mingzhang.transparency.sum_tree import BELOW, Node, climb, join, leaf, path_places, root_of, salt_of
from mingzhang.transparency.verify_offline import Refused, check_liability
from owed_proofs import SEED, owed_by, proof_of

AMOUNTS = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=70)


@settings(max_examples=60, deadline=None)
@given(AMOUNTS, st.data())
def test_the_total_is_the_sum_of_the_leaves_and_every_leaf_proves_it(
    amounts: list[int], data: st.DataObject
) -> None:
    tree = grow(owed_by(amounts), SEED)
    root = root_of(tree.rows)
    assert root.fen == sum(amounts)
    assert sorted(one.fen for one in tree.leaves) == sorted(amounts)
    for n, one in enumerate(tree.leaves):
        path = [tree.rows[level][place] for level, place in path_places(n, len(amounts))]
        start = leaf(one.subject, salt_of(SEED, one.subject), one.fen)
        assert climb(start, n, len(amounts), path) == root
    which = data.draw(st.integers(0, len(amounts) - 1))
    body, _ = check_liability(canonical(proof_of(amounts, which)))
    assert body["amount_fen"] == tree.leaves[which].fen
    other = list(amounts)
    other[data.draw(st.integers(0, len(amounts) - 1))] += 1
    assert root_of(grow(owed_by(other), SEED).rows) != root


def test_both_sums_are_hashed_each_by_itself_and_none_is_negative() -> None:
    left, right = leaf("A", b"x" * 16, 30), leaf("B", b"y" * 16, 70)
    above = join(left, right)
    assert above.fen == 100
    for sums in ((70, 30), (29, 71), (0, 100)):
        moved = join(Node(left.hash, sums[0]), Node(right.hash, sums[1]))
        assert moved.fen == 100
        assert moved.hash != above.hash, "the same total with other sums is another node"
    for bad in (-1, BELOW):
        with pytest.raises(ValueError, match="owed"):
            leaf("A", b"x" * 16, bad)
        with pytest.raises(ValueError, match="owed"):
            join(left, Node(right.hash, bad))
    assert root_of(grow([], SEED).rows).fen == 0


def test_a_proof_with_anything_changed_is_refused_with_the_reason() -> None:
    genuine = proof_of([500, 12_000, 7, 99, 1], 2)
    check_liability(canonical(genuine))

    def refused(change: dict[str, Any]) -> str:
        with pytest.raises(Refused) as caught:
            check_liability(canonical({**genuine, **change}))
        return str(caught.value)

    (first, *others) = genuine["path"]
    more = {**genuine["statement"], "total_fen": genuine["statement"]["total_fen"] + 1}
    for change in (
        {"amount_fen": genuine["amount_fen"] + 1},
        {"amount_fen": -1},
        {"subject": "M99999"},
        {"salt": "00" * 16},
        {"salt": "zz"},
        {"index": genuine["index"] ^ 1},
        {"index": 5},
        {"path": [[first[0], first[1] + 1], *others]},
        {"path": [[first[0], -first[1]], *others]},
        {"path": [[first[0], 2**53], *others]},
        {"path": others},
        {"path": [*genuine["path"], first]},
        {"path": [first[0], *others]},
        {"statement": more},
        {"statement": []},
        {"receipt": {**genuine["receipt"], "log_key": "x"}},
        {"format": "mingzhang-receipt/v1"},
        {"more": 1},
    ):
        assert refused(change), change
    raw = canonical(genuine)
    for at in range(0, len(raw), 7):
        other = bytes([raw[at] ^ 1])
        with pytest.raises(Refused):
            check_liability(raw[:at] + other + raw[at + 1 :])

    assert json.loads(raw) == genuine


@pytest.mark.parametrize(
    ("facts", "fen"),
    [
        (Facts(10_000, 0, 0, 0, "", 0, 0), 0),
        (Facts(10_000, 10_000, 0, 0, "", 0, 0), 10_000),
        (Facts(10_000, 10_000, 0, 0, "delivered", 0, 0), 0),
        (Facts(10_000, 10_000, 10_000, 0, "", 0, 0), 10_000),
        (Facts(10_000, 10_000, 0, 10_000, "", 0, 0), 0),
        (Facts(10_000, 10_000, 0, 10_000, "late_success", 0, 0), 0),
        (Facts(10_000, 10_000, 4_000, 0, "partly_delivered", 4_000, 4_000), 4_000),
        (Facts(10_000, 10_000, 0, 0, "partly_delivered", 4_000, 0), 4_000),
        (Facts(10_000, 10_000, 0, 4_000, "partly_delivered", 4_000, 4_000), 0),
        (Facts(10_000, 10_000, 0, 0, "supplier_reversed", 0, 0), 10_000),
        (Facts(10_000, 10_500, 0, 0, "delivered", 0, 0), 500),
        (Facts(0, 700, 0, 0, "", 0, 0), 700),
        (Facts(10_000, 10_000, 0, 10_000, "delivered", 20_000, 10_000), 0),
    ],
)
def test_what_is_owed_follows_from_money_and_goods(facts: Facts, fen: int) -> None:
    assert owed_fen(facts) == fen
