"""The report: what it says of a sweep whose effects are known, and how a browser sees it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chromium
from conftest import Done
from infra.answers import report
from infra.answers.report import effects, page, pictures, study, summary
from infra.answers.report.effects import Effect
from infra.answers.report.study import Study
from infra.errors import Refused
from swept import copied, sweep

pytest.importorskip("matplotlib")

AXES = {"quantization": ["none", "q4", "q2"], "experts.active": ["2", "1"]}


@pytest.fixture
def source(home: Path) -> Path:
    """A real run."""
    return copied(home / "runs")


def interval(effect: Effect) -> tuple[float, float]:
    assert effect.finding.interval
    return effect.finding.interval


def found(folder: Path) -> Study:
    return study.of_folder(folder)


def test_main_effects_are_found_and_their_intervals_hold_the_truth(source: Path) -> None:
    made = found(sweep(source, AXES, repeats=6))
    q4, q2 = effects.main(made, "quantization", "decode_tps")
    assert (q4.level, q4.reference, q4.word) == ("q4", "none", "better")
    low, high = interval(q4)
    assert low < 1.9 < high < low + 0.1
    assert q2.finding.relation == pytest.approx(2.4, rel=0.02)
    [memory, _] = effects.main(made, "quantization", "peak_memory")
    assert memory.finding.relation == pytest.approx(0.31)


def test_prompts_not_repeats_are_the_samples_of_tool_calls(source: Path) -> None:
    made = found(sweep(source, {"quantization": ["none", "q2"]}, repeats=4, prompts=50))
    [q2] = effects.main(made, "quantization", "tool_call_exact")
    assert q2.finding.samples == (50, 50)
    low, high = interval(q2)
    assert -0.6 < low < q2.finding.relation < high < 0


def test_an_interaction_is_none_where_effects_multiply(source: Path) -> None:
    made = found(sweep(source, AXES, repeats=6))
    for each in effects.interactions(made, ("quantization", "experts.active"), "decode_tps"):
        assert each.word == "no difference shown"
        assert each.finding.relation == pytest.approx(1, rel=0.05)


def test_what_was_asked_other_prompts_is_not_ranked_with_the_rest(source: Path) -> None:
    made = found(sweep(source, {"quantization": ["none", "q4", "q2"]}, repeats=5))
    metrics = ("decode_tps", "peak_memory")
    for row in made.combinations["q2",].values():
        row.data["plan"]["prompts"]["digest"] = "other"
    best = [(metric, label) for metric, label, _ in summary.bests(made, metrics)]
    assert best == [(m, f"quantization={q}") for m in metrics for q in ("q4", "q2")]
    for row in made.combinations["none",].values():
        row.data["plan"]["prompts"]["digest"] = "other"
    told = summary.headline(replace(made), metrics)  # what was cached is not copied
    assert "quantization=q2 is" in told
    assert "faster than quantization=none" in told


def test_metrics_that_no_finished_run_has_both_of_are_not_drawn(source: Path) -> None:
    made = found(sweep(source, {"quantization": ["none", "q4"]}))
    none, q4 = made.rows
    del none.data["metrics"]["tool_call_exact"]
    q4.data["status"] = "KILLED"
    assert "tool_call_exact" in page.contents(replace(made))["metrics"]
    html = page.rendered(replace(made))
    assert "decode_tps over peak_memory" in html
    assert "tool_call_exact over" not in html


def test_levels_that_were_drawn_are_shown_in_few_digits(source: Path) -> None:
    axes = {"sampling.temperature": ["0.1", "0.30000000000000004"]}
    assert found(sweep(source, axes)).values("sampling.temperature") == ["0.1", "0.3"]


def test_looks_tell_three_axes(source: Path) -> None:
    axes = {
        "quantization": ["none", "q4", "q2"], "experts.active": ["2", "1"],
        "sampling.top_k": ["0", "5"],
    }  # fmt: skip
    study = found(sweep(source, axes))
    assert pictures._looks(study, ("q2", "1", "0")) == (2, 1, False)
    assert pictures._looks(study, ("q2", "1", "5")) == (2, 1, True)
    shown = [(axis, [each["shape"] for each in levels]) for axis, levels in page._legend(study)]
    assert shown == [
        ("quantization", ["●", "●", "●"]), ("experts.active", ["●", "■"]),
        ("sampling.top_k", ["●", "○"]),
    ]  # fmt: skip
    lonely: Any = SimpleNamespace(axes=study.axes, values=lambda _: ["0", "5", "9"])
    assert pictures._looks(lonely, ("9", "5", "5")) == (2, 1, False), "two looks, three levels"
    assert len(page._legend(lonely)) == 2


def test_one_repeat_has_no_interval(source: Path) -> None:
    made = found(sweep(source, AXES))
    [q4, _] = effects.main(made, "quantization", "decode_tps")
    assert (q4.finding.interval, q4.word) == (None, "too few samples")


def test_the_headline_says_how_much_is_won_and_lost(source: Path) -> None:
    made = found(sweep(source, {"quantization": ["none", "q4"]}, repeats=5, noise=0.001))
    told = summary.headline(made, ("decode_tps", "tool_call_exact", "peak_memory"))
    pattern = (
        r"quantization=q4 is 1\.(89|90)\d*. \[1\.\d+, 1\.\d+\] faster than quantization=none, "
        r"uses 0\.31. \[0\.31, 0\.31\] the memory, and .* tool calls.*\."
    )
    assert re.fullmatch(pattern, told), told


def test_levels_that_lack_a_run_are_compared_where_both_have_one(source: Path) -> None:
    folder = sweep(source, AXES, repeats=3)
    for record in source.parent.glob("20300101-*/record.json"):
        data = json.loads(record.read_text())
        if (data["plan"]["quantization"], data["plan"]["experts_active"]) == ("q4", 1):
            record.write_text(json.dumps(data | {"status": "FAILED", "cause": "<b>no memory</b>"}))
    made = found(folder)
    [q4, _] = effects.main(made, "quantization", "decode_tps")
    assert q4.finding.relation == pytest.approx(1.9, rel=0.05)
    html = page.rendered(made)
    assert html.count("&lt;b&gt;no memory&lt;/b&gt;") == 3
    assert "<b>no memory" not in html


@pytest.mark.parametrize(
    "ended",
    [
        {"status": "FAILED", "cause": "refused: no", "metrics": {}, "facts": None},
        {"status": "KILLED", "cause": "interrupted in stage import"},  # with a peak of memory
    ],
)
def test_nothing_finished_is_a_report_too(source: Path, ended: dict[str, Any]) -> None:
    folder = sweep(source, AXES)
    for record in source.parent.glob("20300101-*/record.json"):
        data = json.loads(record.read_text())
        data |= ended
        record.write_text(json.dumps(data))
    assert "No run was finished" in report.write(folder).read_text()


def test_a_name_is_text(source: Path) -> None:
    html = report.write(sweep(source, AXES, name="<script>alert(1)</script> $x$")).read_text()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_verb_takes_the_newest_sweep_or_any_runs(
    infra: Callable[..., Done], home: Path
) -> None:
    assert infra("report").code == 2
    source = copied(home / "runs")
    alone = infra("report", "last")
    assert (alone.code, Path(alone.out.strip()).parent) == (0, source.parent), alone.err
    folder = sweep(source, AXES)
    done = infra("report")
    assert (done.code, done.out) == (0, f"{folder / 'report.html'}\n"), done.err
    assert infra("report", "--wide").code == 2
    assert infra("report", "quantization=q4").code == 0


def test_a_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_spec", lambda _: None)
    assert not report.available()
    with pytest.raises(Refused, match=r"pip install 'infra\[report\]'"):
        report.write(tmp_path)


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Page]:
    program = chromium.browser()
    if program is None:
        pytest.skip("there is no Chromium on the PATH")
    with chromium.opened(program) as page:
        yield page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_browser_shows_it(source: Path, tab: chromium.Page, width: int, scheme: str) -> None:
    path = report.write(sweep(source, AXES, repeats=2, name="<img src=x onerror=alert(1)>"))
    tab.events.clear()
    tab.show(width, 800, scheme)
    tab.open(path)
    assert tab.errors() == []
    assert set(tab.requests()) <= {path.as_uri(), "data:,"}
    assert tab.evaluate("document.querySelectorAll('.runs tbody tr').length") == 12
    widths = "[...document.querySelectorAll('.plots svg')].map(e => e.getBBox().width)"
    assert len(tab.evaluate(widths)) == 3 + 6 + 3
    assert min(tab.evaluate(widths)) > 100
    assert tab.evaluate("document.querySelectorAll('.plots a').length") == 3 * 6
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    cells = "[...document.querySelectorAll('.bests td, .effects td')]"
    assert max(tab.evaluate(f"{cells}.map(e => e.getBoundingClientRect().right)")) <= width
    colour = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(colour) == {"light": "rgb(255, 255, 255)"}.get(scheme, "rgb(20, 24, 29)")


def test_a_click_sorts_the_runs_by_number(source: Path, tab: chromium.Page) -> None:
    tab.open(report.write(sweep(source, AXES, repeats=2)))
    heads = "[...document.querySelectorAll('.runs th')]"
    tab.evaluate(f"{heads}.find(e => e.textContent == 'decode_tps').click()")
    column = tab.evaluate(f"{heads}.findIndex(e => e.textContent == 'decode_tps')")
    cells = (
        f"[...document.querySelectorAll('.runs tbody tr')].map(r => r.cells[{column}].dataset.key)"
    )
    speeds = [float(key) for key in tab.evaluate(cells)]
    assert len(speeds) == 12
    assert speeds == sorted(speeds)
