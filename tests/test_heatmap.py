"""Pictures of the routing: what is dark was used, and all of it fits."""

from xml.etree import ElementTree

import pytest

from infra.experts import heatmap
from infra.types import Routing


def routing(*used: tuple[int, ...]) -> Routing:
    return Routing("decode", 10, used)


def test_more_tokens_are_darker_and_none_is_empty() -> None:
    assert heatmap.blocks(routing((0, 1, 50, 100)), 80) == [" ░▓█"]


def test_one_token_of_many_is_not_nothing() -> None:
    assert heatmap.blocks(routing((0, 1, 10_000)), 80) == [" ░█"]


@pytest.mark.parametrize(("experts", "width"), [(512, 100), (64, 7), (8, 80)])
def test_it_fits_the_width(experts: int, width: int) -> None:
    lines = heatmap.blocks(routing(*[tuple(range(experts))] * 94), width)
    assert {len(line) for line in lines} == {min(experts, width)}
    assert len(lines) == heatmap.ROWS


def test_neighbours_share_a_block_by_their_mean() -> None:
    assert heatmap.blocks(routing((0, 0, 9, 9)), 2) == [" █"]


def test_layers_without_experts_are_left_out() -> None:
    assert len(heatmap.blocks(routing((), (1, 2), (3, 4)), 80)) == 2
    assert heatmap.blocks(routing((), ()), 80) == []
    assert heatmap.blocks(routing((0, 0)), 80) == ["  "]


def test_the_picture_has_a_cell_for_each_expert() -> None:
    picture = heatmap.svg([routing((0, 3), (4, 5)), routing((1, 2))])
    found = ElementTree.fromstring(picture)  # noqa: S314  # our own
    space = "{http://www.w3.org/2000/svg}"
    cells = found.findall(f"{space}rect")
    assert [cell.findtext(f"{space}title") for cell in cells] == ["0", "3", "4", "5", "1", "2"]
    assert cells[0].get("fill") == "#ffffff"
    bottom = max(int(cell.get("y", 0)) for cell in cells) + heatmap.CELL
    assert bottom <= int(found.get("height", 0))
