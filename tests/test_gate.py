"""``infra gate``: the exit code says fine, worse or cannot tell."""

import json
from pathlib import Path

import pytest

from infra.errors import Refused
from infra.verbs import gate
from repeats import repeats

SPEED = ["--metric", "decode_tps", "--tolerance", "5%"]
SCORE = ["--metric", "tool_call_exact", "--tolerance", "2pt"]
ONE, TWO = "experts.active=1", "experts.active=2"


@pytest.mark.parametrize(
    ("slower", "noise", "word", "code"),
    [
        (1.0, 0.01, "fine", 0),
        (1.2, 0.01, "worse", 1),
        (0.8, 0.01, "fine", 0),
        (1.05, 0.01, "cannot tell", 3),
        (1.0, 0.2, "cannot tell", 3),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_speed_is_held_to_its_tolerance(
    capsys: pytest.CaptureFixture[str], slower: float, noise: float, word: str, code: int
) -> None:
    repeats(experts_active=1)
    repeats(experts_active=2, slower=slower, noise=noise, seed=1)
    assert gate.main([ONE, TWO, *SPEED]) == code
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"decode_tps: {word}, ")


def test_shares_are_held_to_points(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repeats(experts_active=1)
    repeats(experts_active=2)
    repeats(experts_active=3, wrong=range(10))
    repeats(experts_active=4, wrong=range(1))
    assert gate.main([ONE, TWO, *SCORE]) == 0
    assert gate.main([ONE, "experts.active=3", *SCORE]) == 1
    assert gate.main([ONE, "experts.active=4", *SCORE]) == 3
    assert "-50.0 points [" in capsys.readouterr().out


def test_the_worst_metric_decides(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repeats(2, experts_active=1)
    repeats(2, experts_active=2, wrong=range(10))
    assert gate.main([ONE, TWO, *SPEED, *SCORE]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "decode_tps: cannot tell, 2 runs against 2, and 5 a side are needed"
    assert lines[1].startswith("tool_call_exact: worse, ")


def test_a_saved_baseline_is_all_it_takes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repeats(wrong=range(10))
    assert gate.main(["--save", "base.jsonl", "backend=echo"]) == 0
    monkeypatch.setenv("INFRA_RUNS", str(home / "elsewhere"))
    repeats(slower=1.2, seed=1)
    assert gate.main(["base.jsonl", *SPEED]) == 1
    assert gate.main(["base.jsonl", "vs", "backend=echo", *SCORE]) == 0
    assert "text" not in json.loads((home / "base.jsonl").read_text().splitlines()[0])["answers"][0]


def test_records_alone_gate_speeds_but_not_shares(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = repeats(experts_active=1)
    repeats(experts_active=2, slower=1.2, seed=1)
    lines = [json.dumps(json.loads((each / "record.json").read_text())) for each in folders]
    Path("base.jsonl").write_text("\n".join(lines) + "\n")
    Path("base.json").write_text(f"[{','.join(lines)}]")
    for file in ("base.jsonl", "base.json"):
        assert gate.main([file, TWO, *SPEED]) == 1
        assert gate.main([file, TWO, *SCORE]) == 3
    assert "infra gate --save keeps them" in " ".join(capsys.readouterr().err.split())


def test_the_candidate_is_the_newest_sweep_set_up_alike(home: Path) -> None:
    old = repeats(sweep="old", experts_active=2)
    repeats(sweep="new", experts_active=2, slower=1.2, seed=1)
    repeats(sweep="new", experts_active=1, seed=2)
    gate.main(["--save", "base.jsonl", TWO, *(folder.name for folder in old)])
    assert gate.main(["base.jsonl", *SPEED]) == 1
    assert gate.main([TWO, *SPEED]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "gate takes a baseline"),
        ([ONE, TWO], "pairs of metric and tolerance"),
        ([ONE, TWO, "--metric", "decode_tps"], "pairs of metric and tolerance"),
        ([ONE, TWO, "--metric", "decode_tp", "--tolerance", "5%"], "Did you mean 'decode_tps'"),
        ([ONE, TWO, "--metric", "decode_tps", "--tolerance", "5"], "written like 5%, not '5'"),
        ([ONE, TWO, "--metric", "tool_call_exact", "--tolerance", "5%"], "written like 2pt"),
        ([ONE, TWO, "--metric", "generated_tokens", "--tolerance", "5%"], "Neither more nor less"),
        ([ONE, TWO, "last", *SPEED], "several words with vs"),
        ([ONE, *SPEED, "--tolerence", "5%"], "Did you mean '--tolerance'"),
        (["none.jsonl", TWO, *SPEED], "cannot be read"),
        (["bad.jsonl", TWO, *SPEED], "bad.jsonl, entry 1: no run"),
        (["empty.jsonl", TWO, *SPEED], "empty.jsonl holds no runs"),
        (["empty.jsonl", *SPEED], "empty.jsonl holds no runs"),
        (["text.jsonl", TWO, *SPEED], "text.jsonl is not JSON"),
        (["base.csv", TWO, *SPEED], "base.csv is no file that can be compared: infra gate --save"),
        (["--save", "base.jsonl"], "takes the runs to save"),
        (["--save", "base.txt", ONE], "base.txt.jsonl"),
        (["backend=echo", "vs", "last", *SPEED], "several configurations"),
        ([TWO, TWO, *SPEED], "share 1 run, such as"),
    ],
)
def test_misuse_is_one_sentence(home: Path, arguments: list[str], said: str) -> None:
    repeats(1, experts_active=1)
    repeats(1, experts_active=2)
    Path("bad.jsonl").write_text('{"a": 1}\n')
    Path("empty.jsonl").touch()
    Path("base.csv").touch()
    Path("text.jsonl").write_text("decode_tps 5\n")
    with pytest.raises(Refused, match=said):
        gate.main(arguments)


def test_nothing_newer_is_refused(home: Path) -> None:
    repeats(1)
    with pytest.raises(Refused, match="newer than the baseline"):
        gate.main(["last", *SPEED])
