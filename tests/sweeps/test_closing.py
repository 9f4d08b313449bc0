"""What a sweep's parent run says is the best."""

from pathlib import Path

from infra.answers.selection import select
from infra.sweeps import closing
from swept import copied, sweep

AXES = {"quantization": ["none", "q4", "q2"]}


def test_the_best_is_a_mean_over_repeats_among_finished_runs(home: Path) -> None:
    rows = select([sweep(copied(home / "runs"), AXES, 2).name])
    runs = {q: [row for row in rows if row.axes["quantization"] == q] for q in ("q4", "q2")}
    for row, speed in zip(runs["q4"], (900.0, 1.0), strict=True):
        row.data["metrics"]["decode_tps"]["value"] = speed
    for row, speed in zip(runs["q2"], (500.0, 600.0), strict=True):
        row.data["metrics"]["decode_tps"]["value"] = speed
    first, second = runs["q2"]
    assert closing.best(rows)["decode_tps"] == (550.0, f"{first.name}, {second.name}")
    assert "generated_tokens" not in closing.best(rows)
    first.data["status"] = second.data["status"] = "FAILED"
    assert closing.best(rows)["decode_tps"][0] == 450.5


def test_only_runs_with_the_same_prompts_on_the_same_machine_are_ranked(home: Path) -> None:
    rows = select([sweep(copied(home / "runs"), AXES).name])
    none, q4, q2 = rows
    place = none.data["plan"]["machine"]
    q2.data["plan"]["prompts"] |= {"digest": "5eed" * 16, "source": "mine/hard.jsonl", "count": 9}
    found = closing.best(rows)
    assert found["decode_tps/prompts-1"][1] == q4.name
    assert found["decode_tps/hard-9"][1] == q2.name
    assert "decode_tps" not in found
    q2.data["plan"]["prompts"] |= {"source": none.data["plan"]["prompts"]["source"], "count": 1}
    assert closing.best(rows)["decode_tps/5eed5eed"][1] == q2.name
    q2.data["plan"]["prompts"] = none.data["plan"]["prompts"]
    none.data["plan"]["machine"] = "elsewhere"
    found = closing.best(rows)
    assert found["decode_tps/elsewhere"][1] == none.name
    assert found[f"decode_tps/{place}"][1] == q2.name
