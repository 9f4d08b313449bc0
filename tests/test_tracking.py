"""Publishing to MLflow: a real MLflow, real SQLite files, one real server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra import record as records
from infra import tracking
from infra.configuration.schema import Tracking as Keys
from infra.errors import Refused
from infra.plan import Plan, PromptSet, Tracking, Weights, to_json
from infra.plugins import bundled
from infra.tracking import mlflow_store
from infra.types import Call, Expected, Facts, Generation, Prompt, Record, Reply, Result, Stage

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

LOCAL = Tracking("local")
STARTED = 1_790_000_000.25
CALL = Call("weather", {"city": "Rome"})
WANTED = Expected("weather", {"city": "Rome"})
FACTS = Facts(
    "transformers 5.23", "cpu", "float32", 10**6, 4 * 10**6, 2048, 2, experts=8, effective_k=2
)


def generation(index: int) -> Generation:
    """One request of 0.15 s that called the right tool."""
    start = 2.0 + 0.2 * index
    return Generation(
        index=index,
        prompt=Prompt(f"p-{index}", ({"role": "user", "content": "Weather?"},), expected=(WANTED,)),
        start=start,
        prompt_ids=30,
        prompt_sha256="ab" * 32,
        evaluated=30,
        prefill_start=start + 0.01,
        ids=(5, 6, 7),
        times=(start + 0.05, start + 0.06, start + 0.1),
        text="<tool_call>",
        first_text=start + 0.05,
        end=start + 0.15,
        finish="eos",
        reply=Reply("", calls=(CALL,)),
        exact=True,
    )


def finished(prompts: int = 3, **fields: Any) -> Record:
    """A finished run of 2 s and 0.2 s for each prompt."""
    plan = Plan(
        Weights("tiny", "/somewhere/tiny", "safetensors"),
        "transformers",
        "stored",
        PromptSet("plugins/tiny_moe/prompts.jsonl", "cd" * 32, prompts),
        versions={"infra": "0.1.0", "torch": "2.13.0"},
    )
    end = 2.0 + 0.2 * prompts
    made = Record(
        to_json(plan), "FINISHED", None, STARTED,
        stages=(Stage("load", 0.5, 1.5), Stage("warmup", 1.5, 2.0), Stage("generate", 2.0, end)),
        generations=tuple(generation(i) for i in range(prompts)), facts=FACTS,
        warmup=(replace(generation(0), start=1.6, end=1.9, times=(1.7,), ids=(5,)),),
        samples=[
            {"t": 0.5 * i, "tokens": 20.0 * i, "cpu": 0.75 * i, "rss": 1e9 + i} for i in range(5)
        ],
        machine={"id": "0123456789ab", "commit": "f00d-dirty"},
        metrics={
            "ttft": {"value": 0.05, "n": prompts, "unit": "s", "better": "lower"},
            "odd[name]": {"value": 1.0, "n": 1, "unit": "", "better": "neither"},
        },
    )  # fmt: skip
    return replace(made, **fields)


def folder_of(record: Record, root: Path, name: str) -> Path:
    """What a run leaves on disk."""
    folder = root / name
    folder.mkdir(parents=True)
    records.write(record, folder)
    (folder / "plan.yaml").write_text(yaml.safe_dump(dict(record.plan)))
    (folder / "prompts.jsonl").write_text('{"prompt": "Weather?"}\n')
    return folder


def client_of(root: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def runs_of(client: "MlflowClient", name: str, experiment: str = "infra") -> "list[Run]":
    found = client.get_experiment_by_name(experiment)
    assert found
    return list(client.search_runs([found.experiment_id], f"tags.folder = '{name}'"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs/ folder with a database; its name needs care in addresses."""
    root = tmp_path_factory.mktemp("runs") / "of Jürgen #1"
    assert tracking.prepare(LOCAL, root) is None
    return root


@pytest.fixture(scope="module")
def published(root: Path) -> "tuple[Record, Path, MlflowClient, Run]":
    """A record of 25 prompts, its folder, and the run that MLflow has of it."""
    record = finished(prompts=25)
    folder = folder_of(record, root, "a")
    assert tracking.publish([folder], LOCAL) is None
    client = client_of(root)
    (run,) = runs_of(client, "a")
    return record, folder, client, run


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (Tracking("server"), "tracking.uri=http"),
        (Tracking("server", "localhost:5000"), "localhost:5000"),
        (Tracking("server", "http://me:secret@host"), "MLFLOW_TRACKING_PASSWORD"),
        (Tracking("local", "http://host"), "tracking=server"),
        (Tracking("locl"), "Did you mean 'local'"),
    ],
)
def test_bad_addresses_are_refused(wrong: Tracking, word: str) -> None:
    with pytest.raises(Refused, match=word):
        tracking.check(wrong)


@pytest.mark.parametrize("kind", tracking.KINDS)
def test_every_kind_is_a_commented_choice(kind: str) -> None:
    text = (bundled("conf") / "tracking" / f"{kind}.yaml").read_text()
    chosen = yaml.safe_load(text)
    assert text.startswith("# ")
    assert chosen["kind"] == kind
    assert set(chosen) <= set(vars(Keys()))


def test_none_publishes_nothing(tmp_path: Path) -> None:
    folder = folder_of(finished(), tmp_path, "a")
    before = set(tmp_path.rglob("*"))
    assert tracking.prepare(Tracking(), tmp_path) is None
    assert tracking.publish([folder], Tracking()) is None
    assert set(tmp_path.rglob("*")) == before


def test_none_has_nothing_to_sync(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="tracking=none"):
        list(tracking.sync(tmp_path, Tracking()))


def test_values_units_and_times_come_back(published: Any) -> None:
    _, _, client, run = published
    assert run.info.status == "FINISHED"
    assert run.info.start_time == round(STARTED * 1000)
    assert run.info.end_time == run.info.start_time + 7000
    assert run.data.metrics["ttft"] == 0.05
    assert run.data.metrics["odd_name_"] == 1.0
    assert json.loads(run.data.tags["units"])["ttft"] == "s"
    assert "| ttft | 0.05 |  | s | 25 | lower |" in run.data.tags["mlflow.note.content"]
    (point,) = client.get_metric_history(run.info.run_id, "ttft")
    assert (point.timestamp, point.step) == (run.info.end_time, 0)


def test_series_come_back_with_times_and_steps(published: Any) -> None:
    _, _, client, run = published

    def series(name: str) -> list[tuple[int, int, float]]:
        points = client.get_metric_history(run.info.run_id, name)
        return [(p.timestamp - run.info.start_time, p.step, p.value) for p in points]

    steps = [500, 1000, 1500, 2000]
    assert series("series/tokens_per_s") == [(t, t, 40.0) for t in steps]
    assert series("system/cpu_percent") == [(t, t, 150.0) for t in steps]
    assert [value for _, _, value in series("system/rss_mb")] == pytest.approx([1000.0] * 5)


def test_a_long_series_is_thinned_to_fit_one_batch() -> None:
    from infra.tracking import mlflow_run

    keys = ("tokens", "cpu", "rss", "anonymous", "mapped", "read")
    samples = [{"t": 0.25 * i, **{key: float(i) for key in keys}} for i in range(240)]
    metrics = mlflow_run.metrics(finished(samples=samples), taken=12)
    assert len(metrics) + 12 <= mlflow_run.BATCH
    assert len([m for m in metrics if m.key == "system/rss_mb"]) == 120


def test_params_are_few_and_short(published: Any) -> None:
    run = published[-1]
    assert run.data.params["backend"] == "transformers"
    assert run.data.params["experts"] == "2"
    assert len(run.data.params) <= 12
    assert all(len(key) <= 10 and len(value) <= 40 for key, value in run.data.params.items())
    assert run.info.run_name == "K2 transformers tiny"


def test_tags_say_what_ran_where(published: Any) -> None:
    tags = published[-1].data.tags
    assert tags["status"] == "FINISHED"
    assert tags["mlflow.source.git.commit"] == "f00d-dirty"
    assert tags["machine"] == "0123456789ab"
    assert tags["versions"] == "infra 0.1.0, torch 2.13.0"


def test_the_files_are_artifacts(published: Any, tmp_path: Path) -> None:
    _, folder, client, run = published
    copy = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    kept = [name for name in tracking.FILES if (folder / name).exists()]
    assert len(kept) == 4  # all but routing.json, which only large models have
    for name in kept:
        assert (copy / name).read_bytes() == (folder / name).read_bytes()
    assert "torch==2.13.0" in (copy / "environment.txt").read_text()


def test_traces_go_from_the_run_down_to_the_tool_calls(published: Any) -> None:
    _, _, client, run = published
    found = client.search_traces(
        locations=[run.info.experiment_id], run_id=run.info.run_id, max_results=100
    )
    assert len(found) == 20
    timeline = next(t for t in found if t.info.tags["mlflow.traceName"] == run.info.run_name)
    spans = {span.span_id: span for span in timeline.data.spans}
    calls = [span for span in spans.values() if span.span_type == "TOOL"]
    assert len(calls) == 26
    prompt = spans[next(s for s in calls if spans[s.parent_id].name == "p-24").parent_id]
    stage = spans[prompt.parent_id]
    assert (stage.name, spans[stage.parent_id].name) == ("generate", run.info.run_name)
    assert prompt.start_time_ns == pytest.approx((STARTED + 6.8) * 1e9, abs=1e4)
    assert prompt.end_time_ns - prompt.start_time_ns == pytest.approx(0.15e9, abs=1e4)


def test_a_prompts_trace_shows_what_was_said(published: Any) -> None:
    _, _, client, run = published
    found = client.search_traces(
        locations=[run.info.experiment_id], run_id=run.info.run_id, max_results=100
    )
    (trace,) = [t for t in found if t.info.tags["mlflow.traceName"] == "p-0"]
    asked, call = trace.data.spans
    assert trace.info.tags["exact"] == "true"
    assert asked.inputs["messages"] == [{"role": "user", "content": "Weather?"}]
    said = asked.outputs["choices"][0]["message"]["tool_calls"][0]["function"]
    assert said == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert (call.name, call.inputs) == ("weather", {"city": "Rome"})
    assert [event.name for event in asked.events] == ["first text"]


def test_a_run_of_a_sweep_sends_what_was_said_to_few_of_its_prompts() -> None:
    from infra.tracking import mlflow_spans

    record = finished(generations=tuple(map(generation, range(20))), warmup=(), metrics={})
    record = replace(record, plan={**record.plan, "sweep": "20300101-000000.000-ab"})
    timeline, *prompts = mlflow_spans.traces(record, "a")
    assert [trace.spans[0].name for trace in prompts] == ["p-0", "p-1", "p-2", "p-3"]
    assert [each.span_type for each in timeline.spans].count("CHAT_MODEL") == 20


def test_rounds_of_a_prompt_are_an_agent_with_its_tools() -> None:
    from infra.tracking import mlflow_spans

    wrong = Result(CALL, 2.2, simulated=False, end=2.3, value={"error": "x"}, error="x")
    first = replace(generation(0), exact=None, results=(Result(CALL, 2.16, True, 2.2, 3), wrong))
    cut = (Result(CALL, 2.5, simulated=False),)
    second = replace(generation(0), round=1, start=2.4, end=2.5, results=cut)
    record = finished(generations=(first, second, generation(1)), metrics={})
    timeline, trace, plain = mlflow_spans.traces(record, "a")
    agent, *inside = trace.spans
    assert (agent.name, agent.span_type) == ("p-0", "AGENT")
    assert agent.end_time_ns == inside[-1].end_time_ns
    assert [each.span_type for each in inside] == [
        "CHAT_MODEL", "TOOL", "TOOL", "CHAT_MODEL", "TOOL",
    ]  # fmt: skip
    assert {each.parent_id for each in inside} == {agent.span_id}
    assert [each.status.description for each in inside[1:]] == ["", "x", "", "unfinished"]
    assert (inside[1].inputs, inside[1].outputs) == (CALL.arguments, 3)
    assert inside[1].end_time_ns == pytest.approx((STARTED + 2.2) * 1e9, abs=1e4)
    assert agent.get_attribute("exact") is True
    assert [each.span_type for each in plain.spans] == ["CHAT_MODEL", "TOOL"]
    assert len([each for each in timeline.spans if each.span_type == "AGENT"]) == 1


def test_publishing_twice_makes_one_run(published: Any) -> None:
    _, folder, client, run = published
    mark = (folder / tracking.MARK).read_text()
    assert json.loads(mark)["run_id"] == run.info.run_id
    assert tracking.publish([folder], LOCAL) is None
    assert (folder / tracking.MARK).read_text() == mark
    (folder / tracking.MARK).unlink()
    assert tracking.publish([folder], LOCAL) is None
    assert [r.info.run_id for r in runs_of(client, "a")] == [run.info.run_id]


def test_a_half_published_run_is_replaced(root: Path) -> None:
    record = finished()
    folder = folder_of(record, root, "half")
    client = client_of(root)
    experiment = client.get_experiment_by_name("infra")
    assert experiment
    half = client.create_run(
        experiment.experiment_id, round(record.started * 1000), {"folder": "half"}
    )
    assert tracking.publish([folder], LOCAL) is None
    (run,) = runs_of(client, "half")
    assert run.info.run_id != half.info.run_id
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_run_that_ended_badly_keeps_its_cause(root: Path, status: Any) -> None:
    cut = replace(generation(1), end=None, finish="unfinished", reply=None, exact=None)
    record = finished(
        status=status, cause="SIGKILL in stage generate", facts=None, stages=(), metrics={},
        generations=(generation(0), cut), samples=(),
    )  # fmt: skip
    assert tracking.publish([folder_of(record, root, status)], LOCAL) is None
    (run,) = runs_of(client_of(root), status)
    assert run.info.status == status
    assert run.data.tags["cause"] == "SIGKILL in stage generate"
    assert run.info.end_time == run.info.start_time + 2300


def test_a_moved_database_is_a_warning(root: Path, tmp_path: Path) -> None:
    shutil.copyfile(root / "mlflow.db", tmp_path / "mlflow.db")
    folder = folder_of(finished(), tmp_path, "a")
    warning = tracking.publish([folder], LOCAL)
    assert warning
    assert "it was moved" in warning


def test_sync_goes_on_after_a_record_that_cannot_be_read(root: Path) -> None:
    folder_of(finished(), root, "sound")
    shutil.copytree(root / "sound", root / "broken")
    (root / "broken" / "record.json").write_text("{")
    lines = list(tracking.sync(root, LOCAL))
    (problem,) = [line for line in lines if isinstance(line, tracking.Problem)]
    assert problem.startswith("broken: its record cannot be read")
    assert "sound: published." in lines
    shutil.rmtree(root / "broken")
    assert len(list(tracking.sync(root, LOCAL))) == 1


def test_a_corrupt_database_loses_nothing(tmp_path: Path) -> None:
    assert tracking.prepare(LOCAL, tmp_path) is None
    before, after = (folder_of(finished(), tmp_path, name) for name in ("before", "after"))
    assert tracking.publish([before], LOCAL) is None
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 1000)
    warning = tracking.publish([after], LOCAL)
    assert warning
    assert "file is not a database" in warning
    assert "move it away" in warning
    assert "infra sync" in warning
    assert not (after / tracking.MARK).exists()
    (tmp_path / "mlflow.db").unlink()
    lines = list(tracking.sync(tmp_path, LOCAL))
    assert lines[:2] == ["after: published.", "before: published."]
    assert len(runs_of(client_of(tmp_path), "before")) == 1


def test_a_store_in_use_is_a_warning(
    published: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, _, _ = published
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.1)
    with mlflow_store.lock(root):
        warnings = [tracking.prepare(LOCAL, root), tracking.publish([folder], LOCAL)]
    assert all(warning and "could not be acquired" in warning for warning in warnings)


FIRST_USE = """
import os, sys
from pathlib import Path
from infra import tracking
from infra.plan import Tracking

def alarm(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        os._exit(3)  # an exception would be swallowed where nobody may notice

sys.addaudithook(alarm)
folder, local = Path(sys.argv[1]), Tracking("local")
assert tracking.prepare(local, folder.parent) is None
sys.exit(tracking.publish([folder], local))
"""


def test_two_first_users_of_a_store_lose_nothing_and_ask_no_network(tmp_path: Path) -> None:
    misled = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_RUN_ID": "0" * 32,
        "MLFLOW_EXPERIMENT_NAME": "other",
    }  # fmt: skip
    folders = [folder_of(finished(), tmp_path, name) for name in ("one", "two")]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_USE, str(folder)], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **misled},
        )
        for folder in folders
    ]  # fmt: skip
    said = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    assert said == ["", ""]
    assert [len(runs_of(client_of(tmp_path), name)) for name in ("one", "two")] == [1, 1]


@pytest.fixture
def page(root: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address where ``infra ui`` will serve, and its process, just started."""
    command = tracking.ui_command(root, LOCAL)
    port = command[command.index("--port") + 1]
    child = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield f"http://127.0.0.1:{port}", child
    os.killpg(child.pid, signal.SIGTERM)
    child.wait()


def wait_for(url: str, child: "subprocess.Popen[bytes]") -> None:
    while child.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server ended")


def test_a_server_that_is_down_gets_the_run_later(page: Any, tmp_path: Path) -> None:
    url, child = page
    server = Tracking("server", url, "remote")
    record = finished()
    folder = folder_of(record, tmp_path, "late")
    warning = tracking.publish([folder], server)
    assert warning
    assert url in warning
    assert "refused" in warning
    wait_for(url, child)
    assert next(iter(tracking.sync(tmp_path, server))) == "late: published."
    from mlflow import MlflowClient

    client = MlflowClient(url)
    (run,) = runs_of(client, "late", "remote")
    assert run.info.end_time == run.info.start_time + 2600
    kept = client.download_artifacts(run.info.run_id, "record.json", str(tmp_path))
    assert Path(kept).read_bytes() == (folder / "record.json").read_bytes()
    found = client.search_traces(locations=[run.info.experiment_id], run_id=run.info.run_id)
    assert len(found) == 4


def test_the_page_takes_the_place_of_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.verbs import ui

    ran: list[tuple[str, list[str]]] = []
    monkeypatch.setenv("INFRA_RUNS", str(root))
    monkeypatch.setattr(os, "execv", lambda path, argv: ran.append((path, argv)))
    ui.main(["--port", "5001"])
    ((path, argv),) = ran
    assert path == argv[0] == sys.executable
    assert argv[-2:] == ["--port", "5001"]


def test_only_the_local_store_is_served(root: Path) -> None:
    with pytest.raises(Refused, match="http://host in a browser"):
        tracking.ui_command(root, Tracking("server", "http://host"))


def test_a_broken_store_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all " * 99)
    with pytest.raises(Refused, match=r"page cannot be served: .*mlflow\.db cannot be used"):
        tracking.ui_command(tmp_path, LOCAL)
