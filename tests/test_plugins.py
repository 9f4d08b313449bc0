"""Strangers' plugins: found, listed when broken, and never able to stop what does not need them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Done

Infra = Callable[..., Done]
RUN = ("backend=echo", "tracking=none", "prompt=a b")
METRIC = """
from infra import hookimpl
from infra.types import Measure, metric

@metric(unit="", better="neither")
def {name}(record):
    {body}

@hookimpl
def infra_metrics():
    return {{"{name}": {name}}}
"""


@pytest.fixture
def plugin(home: Path) -> Callable[..., dict[str, str]]:
    """Write a plugin file; gives the environment in which it is found."""

    def write(text: str, name: str = "mine.py") -> dict[str, str]:
        file = home / "plugins" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return {"INFRA_PLUGINS": str(home / "plugins")}

    return write


def test_a_broken_plugin_that_nobody_needs_is_a_warning_and_listed(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    found = plugin("import nothing_of_that_name")
    done = infra(*RUN, **found)
    problem = "mine.py could not be imported: ModuleNotFoundError: No module named 'nothing_of"
    assert done.code == 0
    assert problem in done.err.partition("import  ")[0]
    assert "warning: plugin " in done.err
    assert problem in done.record["notes"][0]
    listed = infra("plugins", **found)
    assert "mine.py: ModuleNotFoundError: No module named 'nothing_of_that_name'" in listed.out


def test_a_broken_plugin_that_is_needed_is_named(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    found = plugin("import nothing_of_that_name")
    done = infra("tracking=none", "prompt=a", "tools.parser=theirs", "backend=echo", **found)
    assert done.code == 2
    assert "No parser is called 'theirs'" in done.err
    assert "mine.py (ModuleNotFoundError" in done.err


def test_a_broken_backend_that_is_needed_is_named(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    done = infra("backend=theirs", **plugin("import nothing_of_that_name"))
    assert done.code == 2
    assert "No backend is called 'theirs'" in done.err
    assert "mine.py (ModuleNotFoundError" in done.err


def test_two_plugins_that_claim_one_name_are_both_named(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    text = METRIC.format(name="mine", body="return None")
    plugin(text, "one.py")
    done = infra(*RUN, **plugin(text, "two.py"))
    assert done.code == 2
    assert "Two plugins claim the metric 'mine'" in done.err
    assert "one.py" in done.err
    assert "two.py" in done.err


def test_a_plugin_may_have_the_name_of_a_bundled_one(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    found = plugin(METRIC.format(name="mine", body="return Measure(7.0)"), "speed.py")
    metrics = infra(*RUN, **found).record["metrics"]
    assert metrics["mine"]["value"] == 7
    assert "decode_tps" in metrics


def test_a_metric_that_raises_is_a_note(
    infra: Infra, plugin: Callable[..., dict[str, str]]
) -> None:
    done = infra(*RUN, **plugin(METRIC.format(name="bad", body="raise KeyError('x')")))
    assert done.code == 0
    assert "bad" not in done.record["metrics"]
    assert any("metric bad of" in note for note in done.record["notes"])
    assert "metric bad of" in done.err


@pytest.mark.parametrize(
    "body", ["return 5", "return Measure(object())", "return Measure('x')", "raise SystemExit(3)"]
)
def test_a_metric_that_gives_junk_is_a_note(
    infra: Infra, plugin: Callable[..., dict[str, str]], body: str
) -> None:
    done = infra(*RUN, **plugin(METRIC.format(name="bad", body=body)))
    assert (done.code, "bad" in done.record["metrics"]) == (0, False)
    assert any("metric bad of" in note for note in done.record["notes"])


@pytest.mark.parametrize("text", ["import sys; sys.exit(0)", "raise SystemExit('bye')"])
def test_a_plugin_that_wants_to_exit_is_broken(
    infra: Infra, plugin: Callable[..., dict[str, str]], text: str
) -> None:
    found = plugin(text)
    assert infra(*RUN, **found).record["status"] == "FINISHED"
    assert "mine.py: SystemExit" in infra("plugins", **found).out


@pytest.mark.parametrize("noun", ["infra_backends", "infra_parsers", "infra_metrics"])
def test_a_plugin_that_offers_junk_is_broken(
    infra: Infra, plugin: Callable[..., dict[str, str]], noun: str
) -> None:
    text = f"from infra import hookimpl\n@hookimpl\ndef {noun}():\n    return {{'junk': 3}}\n"
    found = plugin(text)
    assert infra(*RUN, **found).record["status"] == "FINISHED"
    assert "'junk' lacks" in infra("doctor", **found).out


def test_a_hook_may_leave_arguments_out(
    infra: Infra, plugin: Callable[..., dict[str, str]], home: Path
) -> None:
    text = f"""
from pathlib import Path
from infra import hookimpl

@hookimpl
def infra_recorded(path):
    Path({str(home / "seen")!r}).write_text(path)
"""
    done = infra(*RUN, **plugin(text))
    assert (home / "seen").read_text() == str(done.folder / "record.json")


def test_a_stage_hook_wraps_each_stage_and_recorded_comes_last(
    infra: Infra, plugin: Callable[..., dict[str, str]], home: Path
) -> None:
    text = f"""
from pathlib import Path
from infra import hookimpl
LOG = Path({str(home / "log")!r})

def tell(line):
    with LOG.open("a") as file:
        file.write(line + "\\n")

@hookimpl
def infra_stage(stage, plan):
    tell(f"before {{stage}} {{plan.backend}}")
    yield
    tell(f"after {{stage}}")

@hookimpl
def infra_recorded(record, path):
    tell(f"{{record.status}} {{Path(path).exists()}}")
"""
    assert infra(*RUN, **plugin(text)).code == 0
    lines = (home / "log").read_text().splitlines()
    assert lines[:2] == ["before import echo", "after import"]
    assert lines[-1] == "FINISHED True"
    assert len(lines) == 2 * 6 + 1


def test_a_folder_of_plugins_that_is_not_there_is_refused(infra: Infra) -> None:
    done = infra(*RUN, INFRA_PLUGINS="/nowhere")
    assert (done.code, "INFRA_PLUGINS names /nowhere" in done.err) == (2, True)


def test_a_plugin_brings_choices_of_its_own(
    infra: Infra, plugin: Callable[..., dict[str, str]], home: Path
) -> None:
    found = plugin("")
    (home / "plugins" / "conf" / "sampling").mkdir(parents=True)
    (home / "plugins" / "conf" / "sampling" / "wild.yaml").write_text("temperature: 2.0\n")
    done = infra(*RUN, "sampling=wild", **found)
    assert done.record["plan"]["sampling"]["temperature"] == 2
