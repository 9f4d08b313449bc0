"""``infra compare``: values, ratios, intervals and words, and what it will not compare."""

import json
from pathlib import Path

import pytest

from infra.answers import concerns, wording
from infra.answers.compare import common, findings
from infra.answers.finding import Finding
from infra.answers.sides import Run, Side, chosen, side
from infra.errors import Refused
from infra.record import GENERATIONS, RECORD
from infra.verbs import compare
from repeats import repeats


def sides(*filters: str) -> tuple[Side, Side]:
    first, second = filters
    return side("A", chosen([first])), side("B", chosen([second]))


def compared(*filters: str) -> dict[str, Finding]:
    return {found.metric: found for found in findings(*sides(*filters))}


def warned(*filters: str) -> str:
    a, b = sides(*filters)
    return "\n".join(concerns.concerns(a, b, common(a, b)))


@pytest.fixture
def swept(home: Path) -> None:
    """q4 is twice as fast, takes a third of the memory, and gets 8 of 20 prompts wrong."""
    repeats(quantization="q4", slower=0.5, memory=0.3, wrong=range(8))
    repeats(quantization="none", seed=1)


@pytest.mark.usefixtures("swept")
def test_the_answer_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["quantization=q4", "quantization=none"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "q4 is 2.0" in text
    assert "faster than none, uses 0.30" in text
    assert "the memory, and loses 40.0 points [" in text
    assert "decode_tps varies by" in text
    assert "6 and 6 runs show a difference of" in text


@pytest.mark.usefixtures("swept")
def test_words_follow_the_direction_of_the_metric() -> None:
    found = compared("quantization=q4", "quantization=none")
    words = {name: each.word for name, each in found.items()}
    assert words["decode_tps"] == words["ttft_p50"] == words["peak_memory"] == "better"
    assert words["tool_call_exact"] == words["outcome_no_call"] == "worse"
    assert words["weight_bytes"] == "no difference shown"
    turned = compared("quantization=none", "quantization=q4")
    assert turned["decode_tps"].word == "worse"
    low, high = found["decode_tps"].interval or (0, 0)
    assert low < 2 < high
    assert high - low < 0.2
    assert found["tool_call_exact"].relation == pytest.approx(-0.4)


def test_alike_is_no_difference_shown(home: Path) -> None:
    repeats(quantization="q4")
    repeats(quantization="none", seed=1)
    found = compared("quantization=q4", "quantization=none")
    assert found["decode_tps"].word == "no difference shown"
    assert found["tool_call_exact"].word == "no difference shown"
    assert found["tool_call_exact"].same


def test_four_repeats_are_too_few_and_values_are_shown(home: Path) -> None:
    repeats(4, quantization="q4", slower=0.5)
    repeats(quantization="none")
    found = compared("quantization=q4", "quantization=none")
    assert found["decode_tps"].word == "too few samples"
    assert found["decode_tps"].relation == pytest.approx(2, rel=0.05)
    assert found["bits_per_weight"].word == "no difference shown"
    assert "A has 4 finished runs" in warned("quantization=q4", "quantization=none")


def test_shares_need_no_repeats_but_prompts(home: Path) -> None:
    repeats(1, quantization="q4", prompts=range(9), wrong=range(9))
    repeats(1, quantization="none", prompts=range(9))
    repeats(1, quantization="q2", wrong=range(10))
    repeats(1, quantization="q3")
    few = compared("quantization=q4", "quantization=none")["tool_call_exact"]
    assert (few.word, few.relation) == ("too few samples", -1)
    assert compared("quantization=q2", "quantization=q3")["tool_call_exact"].word == "worse"


def test_only_common_prompts_are_compared(home: Path) -> None:
    repeats(quantization="q4", prompts=range(15), wrong=range(5))
    repeats(quantization="none", prompts=range(3, 20), wrong=range(15, 20))
    found = compared("quantization=q4", "quantization=none")
    assert found["tool_call_exact"].samples == (12, 12)
    assert found["tool_call_exact"].relation == pytest.approx(-2 / 12)
    assert found["decode_tps"].relation == pytest.approx(1, abs=0.02)
    assert "generate_s" not in found
    assert "only 12 of 20 prompts" in warned("quantization=q4", "quantization=none")


def test_prompts_with_nothing_in_common_are_not_scored(home: Path) -> None:
    repeats(quantization="q4", prompts=range(10))
    repeats(quantization="none", prompts=range(10, 20))
    found = compared("quantization=q4", "quantization=none")
    assert "tool_call_exact" not in found
    assert "decode_tps" in found
    assert "nothing in common" in warned("quantization=q4", "quantization=none")


def test_what_differs_besides_is_said(home: Path) -> None:
    repeats(quantization="q4")
    repeats(
        quantization="none", machine="there", versions={"infra": "2"}, plugins={"echo": "x"},
        told={"flags": ("it swapped",)},
    )  # fmt: skip
    told = warned("quantization=q4", "quantization=none")
    assert "the machines differ: a CPU here / a CPU there" in told
    assert "the runs differ in infra: 1, 2" in told
    assert "B was disturbed in 6 of 6 runs, such as: it swapped" in told


def test_other_tokens_for_the_same_prompts_are_said(home: Path) -> None:
    for folder in repeats(quantization="q4"):
        file = folder / GENERATIONS
        file.write_text(file.read_text().replace('"hash-3"', '"other"'))
    repeats(quantization="none")
    assert "1 of 20 prompts reached the models as different" in warned(
        "quantization=q4", "quantization=none"
    )


def test_failed_runs_are_left_out_and_counted(home: Path) -> None:
    repeats(5, quantization="q4")
    repeats(1, quantization="q4", told={"status": "FAILED"})
    repeats(5, quantization="none")
    a, _ = sides("quantization=q4", "quantization=none")
    assert (len(a.runs), a.failed) == (5, 1)
    assert "left out of A, as not finished: 1 run" in warned("quantization=q4", "quantization=none")


def test_runs_one_side_after_the_other_are_said(home: Path) -> None:
    repeats(quantization="q4")
    repeats(quantization="none")
    assert "came before" in "".join(
        concerns.one_after_other(*sides("quantization=q4", "quantization=none"))
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backend=echo", "quantization=none"], "A holds several .*: quantization=q4,none"),
        (["quantization=q4"], "two selections"),
        (["quantization=q4", "quantization=none", "last"], "two selections"),
        (["vs", "last"], "two selections"),
        (["last", "vs", "last", "vs", "last"], "two selections"),
        (["quantization=q4", "quantization=q4"], "share 6 runs"),
        (["quantisation=q4", "quantization=none"], "Did you mean 'quantization'"),
        (["seed=5", "quantization=none"], "No run fits 'seed=5'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("swept")
def test_what_cannot_be_compared_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        compare.main(words)


@pytest.mark.usefixtures("swept")
def test_several_words_a_side(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["quantization=q4", "backend=echo", "vs", "quantization=none", "seed=0"]
    assert compare.main(words) == 0
    assert "A: quantization=q4 backend=echo (6 runs)" in capsys.readouterr().out


def test_other_weights_of_one_name_are_not_repeats(home: Path) -> None:
    repeats(1)
    [folder] = repeats(1)
    data = json.loads((folder / RECORD).read_text())
    data["plan"]["model"]["digest"] = "other"
    (folder / RECORD).write_text(json.dumps(data))
    with pytest.raises(Refused, match="different weights"):
        side("A", chosen(["backend=echo"]))


def test_labels_are_what_differs(home: Path) -> None:
    repeats(1, experts_active=1)
    repeats(1, experts_active=2)
    a, b = sides("experts.active=1", "experts.active=2")
    assert wording.labels(a, b) == ("experts.active=1", "experts.active=2")
    assert wording.labels(a, a) == ("A", "A")


@pytest.mark.parametrize(
    ("ratio", "interval", "text"),
    [
        (1.904, (1.81, 1.99), "1.90x [1.81, 1.99]"),
        (0.9981, (0.9951, 1.0012), "0.9981x [0.9951, 1.0012]"),
        (34.6, (21.0, 56.2), "35x [21, 56]"),
        (0.5, None, "0.50x"),
        (2.0, (2.0, 2.0), "2.00x [2.00, 2.00]"),
        (1.0, (1.0, 1.0), "1.00x [1.00, 1.00]"),
        (1.0047, (1.0047, 1.0047), "1.0047x [1.0047, 1.0047]"),
        (0.0253, None, "0.025x"),
    ],
)
def test_ratios_have_the_decimals_that_their_interval_allows(
    ratio: float, interval: tuple[float, float] | None, text: str
) -> None:
    assert wording.times(ratio, interval).replace(wording.TIMES, "x") == text


def test_a_run_that_never_read_the_disk_has_no_ratio(home: Path) -> None:
    a, b = (Side(name, tuple(_with_reads(name)), 0) for name in "AB")
    found = {each.metric: each for each in findings(a, b)}["disk_read"]
    assert found.scale == "difference"
    assert "MB" in wording.relation(found)


def _with_reads(name: str) -> list[Run]:
    repeats(5, quantization=name)
    found = chosen([f"quantization={name}"])
    measure = {"value": 0.0, "n": 1, "unit": "bytes", "better": "lower"}
    for run in found:
        run.data["metrics"]["disk_read"] = measure
    return found
