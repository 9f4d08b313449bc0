"""The Pareto front, against its definition."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.answers import choosing, pareto
from infra.answers.measured import kinds
from infra.answers.pareto import front
from infra.answers.selection import select
from infra.errors import Refused
from swept import copied, sweep

AXES = {"quantization": ["none", "q4", "q2"], "experts.active": ["2"]}
POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12)


@given(POINTS)
def test_a_point_is_on_the_front_if_nothing_beats_it(points: list[tuple[float, ...]]) -> None:
    for point, kept in zip(points, front(points), strict=True):
        beaten = [
            other
            for other in points
            if all(o >= p for o, p in zip(other, point, strict=True)) and other != point
        ]
        assert kept == (not beaten)


def test_runs_compete_by_their_means_with_those_of_the_same_prompts(
    home: Path,
) -> None:
    folder = sweep(
        copied(home / "runs"), {"quantization": ["none", "q4", "q2"], "experts.active": ["2"]}, 3
    )
    rows = select([folder.name])
    names = pareto.usual(kinds(rows))
    assert names == ("decode_tps", "tool_call_exact", "peak_memory")
    assert pareto.marked(rows, names) == {row.folder for row in rows}
    marked = pareto.marked(rows, ("decode_tps", "peak_memory"))
    assert marked == {row.folder for row in rows if row.axes["quantization"] == "q2"}
    for row, digest in product(rows, ["other"]):
        if row.axes["quantization"] == "q2":
            row.data["plan"]["prompts"]["digest"] = digest
    marked = pareto.marked(rows, ("decode_tps", "peak_memory"))
    assert marked == {row.folder for row in rows if row.axes["quantization"] == "q4"}
    with pytest.raises(Refused, match="Neither more nor less generated_tokens"):
        pareto.marked(rows, ("generated_tokens",))
    best = choosing.best(rows, "decode_tps", by="experts.active")
    assert {row.axes["quantization"] for row in best} == {"q4", "q2"}
    slowest = choosing.ordered(rows, "decode_tps")[-1]
    assert slowest.axes["quantization"] == "none"
