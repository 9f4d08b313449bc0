"""Counting where tokens are routed to."""

import contextlib
from itertools import count

import pytest

from infra.experts.routing import Counts


def test_each_token_counts_at_each_of_its_experts() -> None:
    counts = Counts(4)
    with counts.phase("prefill"):
        counts.add(0, [[0, 1], [1, 2]])
        counts.add(1, [[3, 2], [3, 2]])
    (prefill,) = counts.take()
    assert (prefill.phase, prefill.tokens) == ("prefill", 2)
    assert prefill.used == ((1, 2, 1, 0), (0, 0, 2, 2))


def test_phases_are_apart_and_taken_once() -> None:
    counts = Counts(2)
    with counts.phase("prefill"):
        counts.add(0, [[0]])
    for _ in range(3):
        with counts.phase("decode"):
            counts.add(0, [[1]])
    prefill, decode = counts.take()
    assert (prefill.used, decode.used) == (((1, 0),), ((0, 3),))
    assert decode.tokens == 3
    assert prefill.seconds > 0
    assert counts.take() == ()


def test_what_is_outside_of_a_phase_is_not_counted() -> None:
    counts = Counts(2)
    with counts.phase("decode"):
        pass
    counts.add(0, [[0]])
    counts.wait(1.0)
    assert counts.take() == ()


def test_overlap_goes_on_from_prefill_to_decode_and_ends_with_the_request() -> None:
    counts = Counts(8)
    for _ in range(2):
        counts.begin()
        with counts.phase("prefill"):
            counts.add(0, [[0, 1], [1, 2], [3, 4]])  # half, nothing
        with counts.phase("decode"):
            counts.add(0, [[4, 3]])  # all
    prefill, decode = counts.take()
    assert (prefill.overlap, decode.overlap) == (0.25, 1.0)


def test_a_first_token_overlaps_with_nothing() -> None:
    counts = Counts(2)
    with counts.phase("decode"):
        counts.add(0, [[0]])
    assert counts.take()[0].overlap is None


def test_a_layer_without_experts_has_no_counts() -> None:
    counts = Counts(2)
    with counts.phase("decode"):
        counts.add(1, [[0]])
    assert counts.take()[0].used == ((), (1, 0))


def test_tokens_are_those_of_the_layer_that_saw_most() -> None:
    counts = Counts(2)
    with counts.phase("prefill"):
        counts.add(0, [[0], [1], [1]])
        counts.add(1, [[0]])
    assert counts.take()[0].tokens == 3


def test_an_expert_is_wanted_once_a_pass() -> None:
    counts = Counts(4)
    for _ in range(2):
        with counts.phase("decode"):
            counts.add(0, [[0, 1], [1, 2]], expert_bytes=10)
    assert counts.take()[0].wanted == 60


def test_storage_is_asked_at_both_ends_of_a_phase() -> None:
    read = count(step=100)
    counts = Counts(2, lambda: next(read))
    for _ in range(2):
        with counts.phase("decode"):
            counts.add(0, [[0]])
            counts.wait(0.25)
    (decode,) = counts.take()
    assert decode.read == 200
    assert decode.waited == pytest.approx(0.5)


def test_what_is_unknown_is_none() -> None:
    counts = Counts(2)
    with counts.phase("decode"):
        counts.add(0, [[0]])
    (decode,) = counts.take()
    assert (decode.wanted, decode.read, decode.waited) == (None, None, None)


def test_a_phase_that_fails_still_ends() -> None:
    counts = Counts(2)
    with contextlib.suppress(OSError), counts.phase("decode"):
        counts.add(0, [[0]])
        raise OSError
    counts.add(0, [[1]])
    assert counts.take()[0].used == ((1, 0),)
