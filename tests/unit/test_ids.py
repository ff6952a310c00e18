from __future__ import annotations

import random
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit import ids
from mingzhang.kit.errors import Kind, Problem

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ALPHABET = string.digits + string.ascii_uppercase
order_ids = st.builds(
    lambda bucket, seed: ids.new_order_id(bucket, NOW, random.Random(seed)),
    st.integers(0, ids.BUCKET_MAX),
    st.integers(),
)


@given(
    st.integers(0, ids.BUCKET_MAX), st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)), st.integers()
)
def test_an_order_number_says_its_bucket(bucket: int, when: datetime, seed: int) -> None:
    order_id = ids.new_order_id(bucket, when.replace(tzinfo=UTC), random.Random(seed))
    assert len(order_id) == 19
    assert set(order_id) <= set(ALPHABET)
    assert ids.is_order_id(order_id)
    assert not ids.is_suspense_id(order_id)
    assert ids.bucket_of(order_id) == bucket


@given(order_ids, st.integers(0, 18), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_caught(order_id: str, position: int, other: str) -> None:
    wrong = order_id[:position] + other + order_id[position + 1 :]
    assert ids.is_order_id(wrong) == (wrong == order_id)


def test_nearly_every_swap_of_neighbours_is_caught() -> None:
    rng = random.Random(7)
    swapped = missed = 0
    for _ in range(2000):
        order_id = ids.new_order_id(rng.randrange(1000), NOW, rng)
        for i in range(1, 18):
            wrong = order_id[:i] + order_id[i + 1] + order_id[i] + order_id[i + 2 :]
            if wrong != order_id:
                swapped += 1
                missed += ids.is_order_id(wrong)
    assert missed / swapped < 0.005


def test_the_check_character_is_iso_7064_mod_37_36() -> None:
    # The worked example of the standard's hybrid system, as used by GRid: A1-2425G-ABC1234002-M.
    assert ids._check_character("A12425GABC1234002") == "M"


@pytest.mark.parametrize(
    "text", ["", "M", "m" + "0" * 18, "M" + "0" * 17, "X" * 19, "M" + "０" * 18, "M" + "0" * 18 + "\n"]
)
def test_malformed_numbers_are_unknown_orders(text: str) -> None:
    assert not ids.is_order_id(text)
    for read in (ids.bucket_of, ids.order_of_number):
        with pytest.raises(Problem) as caught:
            read(text)
        assert (caught.value.code, caught.value.kind) == ("unknown_order", Kind.NOT_FOUND)


def test_outside_numbers_lead_back_to_the_order() -> None:
    order_id = ids.new_order_id(35, NOW, random.Random(1))
    for make, letter in ((ids.payment_number, "P"), (ids.attempt_number, "T"), (ids.refund_number, "R")):
        number = make(order_id, 12)
        assert number == f"{order_id}{letter}12"
        assert ids.order_of_number(number) == order_id
        assert len(make(order_id, 10**11)) <= ids.NUMBER_LENGTH_MAX
        for bad in (0, -1, 10**12):
            with pytest.raises(ValueError, match=r"attempts count|longer than"):
                make(order_id, bad)
    assert ids.order_of_number(order_id) == order_id
    for bad_suffix in ("P", "P0", "P01", "X1", "P1x", "P1\n", "P-1", "P1P1"):
        with pytest.raises(Problem, match="unknown_order"):
            ids.order_of_number(order_id + bad_suffix)


def test_suspense_numbers_have_their_own_letter() -> None:
    item = ids.new_suspense_id(3, NOW, random.Random(1))
    assert item[0] == "S"
    assert ids.is_suspense_id(item)
    assert not ids.is_order_id(item)
    assert ids.bucket_of(item) == 3
    assert ids.order_of_number(ids.refund_number(item, 1)) == item


def test_buckets_and_times_are_bounded() -> None:
    rng = random.Random(1)
    for bucket in (-1, ids.BUCKET_MAX + 1):
        with pytest.raises(ValueError, match="bucket"):
            ids.new_order_id(bucket, NOW, rng)
    for when in (datetime(2019, 12, 31, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)):
        with pytest.raises(ValueError, match="time outside"):
            ids.new_id(when, rng)


@given(st.lists(st.integers(0, 10**10), min_size=2, max_size=20, unique=True), st.integers())
def test_ids_sort_by_time(offsets: list[int], seed: int) -> None:
    rng = random.Random(seed)
    made = [ids.new_id(NOW + timedelta(milliseconds=offset), rng) for offset in sorted(offsets)]
    assert made == sorted(made)
    assert all(len(one) == 20 and ids.is_id(one) for one in made)


def test_ids_do_not_repeat_and_follow_the_seed() -> None:
    made = {ids.new_id(NOW, random.Random(seed)) for seed in range(5000)}
    assert len(made) == 5000
    assert ids.new_id(NOW, random.Random(3)) == ids.new_id(NOW, random.Random(3))
    assert not ids.is_id("I" * 20)
