"""experts.residency=stream where memory has no room for all experts: who stays, who is foretold."""

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import random_gguf
from conftest import GGUF
from infra.plugins import registry
from infra.protocols import Backend
from infra.testing import loaded
from infra.types import Sampling
from random_gguf import EXPERT, EXPERTS, LAYERS
from streamed import IDS, computed, is_cached, part, plan_of

pytest.importorskip("llama_cpp")

SIZE = 100


@pytest.fixture(scope="module")
def backend() -> Backend:
    found: Backend = registry().get("infra_backends", "llama_cpp")
    return found


@pytest.fixture(autouse=True)
def no_more_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part("cache"), "PART", 0)


def cache_of(layers: int, experts: int, room: int) -> Any:
    """Of experts of ``SIZE`` bytes."""
    stack = part("stacks").Stack("a", 0, 0, SIZE, experts)
    cache = part("cache").Cache({layer: [stack] for layer in range(layers)})
    cache.room = room * SIZE
    return cache


# Who stays


def test_the_least_used_leave_first() -> None:
    cache = cache_of(1, 8, 4)
    for experts in ([0, 1], [0, 1], [2], [3]):
        cache.begin()
        assert cache.use(0, experts) == []
    assert cache.use(0, [4]) == [(0, 2)], "used once, longer ago than 3"
    assert cache.use(0, [2]) == [(0, 3)], "a use counts also for who was away"
    assert cache.absent(0, range(8)) == [3, 5, 6, 7]


def test_an_old_use_counts_less_than_half_of_a_new_one() -> None:
    cache = cache_of(1, 8, 2)
    cache.use(0, [0])
    cache.use(0, [0])
    for _ in range(part("cache").HALF_LIFE + 1):
        cache.begin()
    cache.use(0, [1])
    assert cache.use(0, [2]) == [(0, 0)]


def test_what_is_computed_with_does_not_leave_for_what_is_foretold() -> None:
    cache = cache_of(2, 4, 3)
    cache.use(0, [0, 1])
    assert cache.add(1, [0]) == []
    assert cache.add(1, [1]) == [(1, 0)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the same for each
@given(st.lists(st.tuples(st.integers(0, 2), st.sets(st.integers(0, 9), min_size=1, max_size=4))))
def test_it_holds_no_more_than_its_room_and_always_what_is_used(
    uses: list[tuple[int, set[int]]],
) -> None:
    cache, kept = cache_of(3, 10, 6), set[tuple[int, int]]()
    for layer, experts in uses:
        cache.begin()
        used = {(layer, expert) for expert in experts}
        left = set(cache.use(layer, experts))
        assert left <= kept
        assert not left & used
        kept = (kept | used) - left
        assert len(kept) <= 6
        for each in range(3):
            assert cache.absent(each, range(10)) == [n for n in range(10) if (each, n) not in kept]


# On the engine


@pytest.fixture(scope="module")
def bigger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = random_gguf.qwen(tmp_path_factory.mktemp("model") / "random.gguf")
    with path.open("r+b") as file:
        os.fsync(file)  # a page that is not yet on the disk cannot be dropped
    return path


def test_numbers_are_the_same_with_little_memory(
    backend: Backend, bigger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(backend, plan_of(bigger, "resident")) as engine:
        expected = computed(engine)
    monkeypatch.setattr(part("streaming").limits, "available", lambda: 0)
    with loaded(backend, plan_of(bigger, "stream")) as engine:
        tokens, scores = computed(engine)
    assert tokens == expected[0]
    assert np.array_equal(scores, expected[1])


def test_who_left_is_no_longer_in_the_page_cache(
    backend: Backend, bigger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaming, room = part("streaming"), LAYERS * EXPERTS // 3
    if not streaming.DROPS:
        pytest.skip("this system has no call for it")
    monkeypatch.setattr(streaming, "SPARE", 0)
    with loaded(backend, plan_of(bigger, "stream")) as engine:
        streamer: Any = engine._routes._streamer  # type: ignore[attr-defined]  # a look inside
        available = streamer._shared + room * EXPERT
        monkeypatch.setattr(streaming.limits, "available", lambda: available)
        computed(engine)
        places = [(layer, expert) for layer in range(LAYERS) for expert in range(EXPERTS)]
        there = {
            (layer, expert)
            for layer, expert in places
            if any(is_cached(bigger, stack.range(expert)) for stack in streamer._stacks[layer])
        }
        kept = {place for place in places if not streamer._cache.absent(place[0], [place[1]])}
    if len(there) == len(places):
        pytest.skip("this file system does not drop pages")
    assert there == kept
    assert len(kept) <= room


@pytest.mark.parametrize("family", ["tiny", "qwen", "deepseek"])
def test_the_router_and_what_it_is_given_are_seen(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """Applied to each other they name exactly the experts that llama.cpp chose."""
    path = GGUF if family == "tiny" else getattr(random_gguf, family)(tmp_path / "m.gguf")
    compared = []
    with loaded(backend, plan_of(path, "stream")) as engine:
        streamer: Any = engine._routes._streamer  # type: ignore[attr-defined]  # a look inside
        routers = {after: router for after, router, _ in streamer.forecast._after.values()}
        serve, rows_seen = streamer.serve, {}

        def served(layer: int, rows: list[list[int]]) -> None:
            rows_seen[layer] = rows
            serve(layer, rows)

        def foretell(layer: int, count: int, given: Any) -> None:
            if layer in routers:
                router = routers[layer]
                logits = router.weights @ given() + router.bias
                named = set(np.argsort(-logits)[:count].tolist())
                compared.append(named == set(rows_seen[layer][0]))

        monkeypatch.setattr(streamer, "serve", served)
        monkeypatch.setattr(streamer, "foretell", foretell)
        list(islice(engine.generate(IDS, Sampling()), 6))
    assert len(compared) >= 5
    assert all(compared)


def test_what_is_foretold_is_announced_if_it_is_not_there(
    backend: Backend, bigger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part("streaming").limits, "available", lambda: 0)
    with loaded(backend, plan_of(bigger, "stream", 2)) as engine:
        streamer: Any = engine._routes._streamer  # type: ignore[attr-defined]  # a look inside
        announced: list[Any] = []
        monkeypatch.setattr(streamer._reader, "announce", announced.extend)
        monkeypatch.setattr(streamer.forecast, "after", lambda *_: (1, [3, 4]))
        streamer._cache.room = EXPERT
        streamer.serve(1, [[3, 5]])
        streamer.foretell(0, 2, lambda: np.zeros(1))
    assert announced == [stack.range(4) for stack in streamer._stacks[1]]
