"""benchmarks/streaming.py with --folder goes on where it was interrupted."""

import importlib.util
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from infra.plugins import bundled

FILE = bundled("conf").parent / "benchmarks" / "streaming.py"
ARGUMENTS = Namespace(
    limits=[0.0, 0.5], starts=["cold"], k=[8, 2], residency=["mmap", "stream"], tokens=32, threads=1
)
ROWS = 2 * 2 * 2
BANDWIDTH = 1e9

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="benchmarks/ is not in the wheel")


class Bench:
    """The benchmark with numbers instead of runs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = importlib.util.spec_from_file_location("streaming_benchmark", FILE)
        assert spec
        assert spec.loader
        self.module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.model, self.kept = folder / "m.gguf", folder / "measured.jsonl"
        self.model.write_bytes(b"x" * 1000)
        self.ran: list[Any] = []
        self.last = ROWS  #: the run that is interrupted
        monkeypatch.setattr(self.module, "disk", lambda _: BANDWIDTH)
        monkeypatch.setattr(self.module, "_run", self._run)

    def table(self, **changed: Any) -> list[Any]:
        """The cells that were run for a table."""
        self.ran.clear()
        arguments = Namespace(**{**vars(ARGUMENTS), **changed})
        self.module.table(self.model, self.kept, arguments)
        return self.ran

    def _run(self, _: Path, cell: Any, __: Namespace) -> Any:
        if len(self.ran) == self.last:
            raise KeyboardInterrupt
        self.ran.append(cell)
        if cell.limit and cell.residency == "mmap":
            return "killed"
        waited = 0.25 if cell.residency == "stream" else None
        return self.module.Found(10.0 * cell.k, 5e6, 1.5, waited)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("| 8", "| 2"))]


def test_what_was_measured_is_not_measured_again(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.last = 3
    with pytest.raises(KeyboardInterrupt):
        bench.table()
    before = list(bench.ran)
    assert len(rows(capsys.readouterr().out)) == len(bench.kept.read_text().splitlines()) == 3
    bench.last = ROWS
    after = list(bench.table())
    assert len({*before, *after}) == len(before) + len(after) == ROWS
    shown = rows(capsys.readouterr().out)
    assert bench.table() == []
    assert rows(capsys.readouterr().out) == shown
    assert len(shown) == ROWS
    assert sum(" killed " in row for row in shown) == 2, "which is a result too"
    assert "| 80.00 | 5.0 | 0.40 | 0.25 | 1.60 | 1.50 |" in shown[1]


def test_a_deleted_line_is_measured_anew(bench: Bench) -> None:
    first, *_ = bench.table()
    _, *others = bench.kept.read_text().splitlines(keepends=True)
    bench.kept.write_text("".join(others))
    assert bench.table() == [first]


def test_a_line_that_was_cut_off_is_measured_anew(bench: Bench) -> None:
    *_, last = bench.table()
    bench.kept.write_text(bench.kept.read_text()[:-9])
    assert bench.table() == [last]
    assert bench.table() == []


def test_a_row_keeps_the_bandwidth_of_its_own_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.table(k=[8])
    monkeypatch.setattr(bench.module, "disk", lambda _: 2 * BANDWIDTH)
    bench.table()
    found = [json.loads(line)[-1] for line in bench.kept.read_text().splitlines()]
    assert found == [BANDWIDTH] * (ROWS // 2) + [2 * BANDWIDTH] * (ROWS // 2)


@pytest.mark.parametrize("changed", [{"threads": 2}, {"tokens": 64}])
def test_what_was_measured_otherwise_does_not_count(bench: Bench, changed: dict[str, int]) -> None:
    bench.table()
    assert len(bench.table(**changed)) >= ROWS - 2  # what is paged in has few tokens in any case


def test_another_model_does_not_count(bench: Bench) -> None:
    bench.table()
    bench.model.write_bytes(b"x" * 2000)
    assert len(bench.table()) == ROWS
