"""The command line as a person meets it, on the echo backend: exit codes, sentences, files."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import Done
from infra.cli import VERBS
from infra.configuration.vocabulary import known_keys
from infra.plugins import bundled

ECHO = ("backend=echo", "tracking=none", "prompts.limit=2")
Infra = Callable[..., Done]


def test_a_run_leaves_a_record_and_names_it_last(infra: Infra) -> None:
    done = infra(*ECHO)
    assert done.code == 0, done.err
    assert done.record["status"] == "FINISHED"
    assert [s["name"] for s in done.record["stages"]] == [
        "import", "convert", "load", "warmup", "generate", "parse",
    ]  # fmt: skip
    names = {"plan.yaml", "prompts.jsonl", "generations.jsonl", "journal", "record.json"}
    assert names <= {file.name for file in done.folder.iterdir()}
    rows = [json.loads(line) for line in (done.folder / "generations.jsonl").open()]
    assert [row["phase"] for row in rows] == ["warmup", "generate", "generate"]
    assert all(row["finish"] == "eos" and row["reply"] for row in rows[1:])


def test_people_read_stderr_and_programs_stdout(infra: Infra) -> None:
    done = infra(*ECHO)
    assert "generate" in done.err
    assert "decode_tps" in done.out
    assert done.out.strip().splitlines()[-1].endswith("record.json")


def test_one_question(infra: Infra) -> None:
    done = infra("backend=echo", "tracking=none", "prompt=hello there")
    assert "hello there" in done.out
    assert done.record["generations"] == 1


@pytest.mark.parametrize(
    "question",
    ["a, b", 'say "hi"', "what's [this]?", "{x: 1} = $y", "\\", 'a\\"b', "1", "ü 😀", "${a} b"],
)
def test_a_question_may_hold_anything(infra: Infra, question: str) -> None:
    done = infra("backend=echo", "tracking=none", f"prompt={question}")
    assert done.code == 0, done.err
    (row,) = [json.loads(line) for line in (done.folder / "prompts.jsonl").open()]
    assert row["messages"][0]["content"] == question


def test_the_same_plan_again_runs_again_under_the_same_identity(infra: Infra) -> None:
    first, second = (infra(*ECHO).folder.name for _ in range(2))
    assert first != second
    assert first.split("-")[2] == second.split("-")[2]


REFUSED = [
    (["modl=tiny"], "no key 'modl'. Did you mean 'model"),
    (["model=tyni"], "No model is called 'tyni'. Did you mean 'tiny'?"),
    (["backend=lama_cpp"], "No backend is called 'lama_cpp'. Did you mean 'llama_cpp'?"),
    (["sampling=gredy"], "Did you mean 'greedy'?"),
    (
        ["sampling.temprature=1"],
        "no key 'sampling.temprature'. Did you mean 'sampling.temperature'",
    ),
    (["sampling.top_k=many"], "sampling.top_k=many must be a whole number."),
    (["sampling.top_k=1.5"], "sampling.top_k=1.5 must be a whole number."),
    (["sampling.min_p=hot"], "sampling.min_p=hot must be a number."),
    (["load.mmap=maybe"], "load.mmap=maybe must be true or false."),
    (["cache=null"], "cache=null cannot be: cache needs a value. Leave it out for its default."),
    (["sampling.temperature=-1"], "sampling.temperature=-1.0 must be at least 0"),
    (["sampling.top_p=2"], "sampling.top_p=2.0 must be above 0 and at most 1"),
    (["sampling.max_tokens=0"], "sampling.max_tokens=0 must be at least 1"),
    (["load.threads=0"], "load.threads=0 must be at least 1"),
    (["load.gpu_layers=-2"], "load.gpu_layers=-2 must be at least -1"),
    (["order=random"], "order=random is not known. Choices: given, load."),
    (["warmup=-1"], "warmup=-1 must be at least 0"),
    (["experts.active=9"], "experts.active=9 is out of range: model tiny has 8 experts"),
    (["experts.active=0"], "experts.active=0 is out of range"),
    (["load.context=999999"], "load.context=999999 is out of range"),
    (["load.context=3"], "raise load.context"),
    (["quantization=q4"], "backend=echo cannot do quantization=q4"),
    (["tools.parser=hermess"], "No parser is called 'hermess'. Did you mean 'hermes'?"),
    (["prompts.file=none.jsonl"], "none.jsonl cannot be read"),
    (["prompts.file=null"], "There are no prompts"),
    (["prompts.limit=0"], "prompts.limit=0 must be at least 1"),
    (["prompts.tools=t.json"], "prompts.tools=t.json goes with prompt=QUESTION"),
    (["prompts.answers=a.json"], "prompts.answers=a.json goes with prompts.questions=FILE"),
    (["prompt=hi", "prompts.file=p.jsonl"], "prompt= and prompts.file= are two sets of prompts"),
    (["prompt=hi", "prompts=hard"], "prompt= and prompts= are two sets of prompts"),
    (["hydra.run.dir=x"], "hydra.run.dir=x has no effect: INFRA_RUNS=FOLDER"),
    (["prompts.limit=-1"], "prompts.limit=-1 must be at least 1"),
    (["timeout=-1"], "timeout=-1.0 must be a number of seconds above 0"),
    (["timeout=nan"], "timeout=nan must be"),
    (["sampling.temperature=inf"], "sampling.temperature=inf must be"),
    (["sampling.stop=['']"], "sampling.stop holds an empty string"),
    (["load.threads=100000"], "load.threads=100000 is more than the"),
    (["experts=null"], "A group needs a name"),
    (["tracking=server"], "tracking=server needs the address of an MLflow server: tracking.uri="),
    (["model=local"], "model.path"),
    (["experts.active=[1"], "experts.active=[1"),
    (["nonsense"], "no verb is called 'nonsense'"),
    (["sampling.stop=foo"], "sampling.stop takes a list, as in sampling.stop=[foo]"),
    (["sampling.stop=null"], "sampling.stop takes a list"),
    (["sampling.stop=[a,[b]]"], "sampling.stop holds ['b'], not text"),
    (["sampling.stop=a,b"], "add -m for a run of each, or write sampling.stop=[a,b] for one list"),
    (["experts.active=1,2"], "experts.active=1,2 has several values: add -m for a run of each."),
    (["load=x"], "load=x cannot be: load is set by its keys, load.dtype"),
    (["model.sources.mlx=3"], "write +model.sources.mlx=VALUE"),
    (["+hydra.x=1"], "There is no key 'hydra.x'"),
    (["++hydra.job.y=1"], "There is no key 'hydra.job.y'"),
    (["hydra.x=1"], "There is no key 'hydra.x'"),
    (["-m", "hydra/launcher=basik"], "Did you mean 'basic'?"),
    (
        ["-m", "hydra/launcher=ray", "hydra.launcher.worker=2"],
        "Did you mean 'hydra.launcher.workers'",
    ),
    (["tools.parser=\u00fc"], "quote its text, as in tools.parser="),
    (["seed=1", "word"], "'word' is not KEY=VALUE"),
    (["seed=1", ""], "The argument '' has no key"),
    (["=1"], "The argument '=1' has no key"),
    (["--frobnicate"], "Unrecognized arguments: --frobnicate"),
    (["--cfg"], "expected one argument"),
    (["--cfg", "job", "-m"], "Only one of"),
    (["--resolve"], "--resolve goes with --cfg"),
    (["--experimental-rerun", "file"], "infra keeps plan.yaml"),
    (["name=\udcff\udcfe"], "'name=\\xff\\xfe' is not UTF-8"),
    (["model=\udcff"], "'model=\\xff' is not UTF-8"),
]


COMPLETION = [
    (["-sc"], "-sc needs install=SHELL or uninstall=SHELL, not nothing"),
    (["-sc", "install=tcsh"], "not install=tcsh; SHELL is one of bash, fish, zsh"),
    (["-sc", "query=bash"], "is for the shell"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_wrong_input_is_refused_in_one_sentence(
    infra: Infra, arguments: list[str], said: str
) -> None:
    first = [] if arguments == ["nonsense"] else [*ECHO[:2]]
    done = infra(*arguments) if not first else infra(*first, *arguments)
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) <= 4


@pytest.mark.parametrize(("arguments", "said"), COMPLETION)
def test_shell_completion_names_its_shells(infra: Infra, arguments: list[str], said: str) -> None:
    done = infra(*arguments)
    assert (done.code, said in done.err, done.err.count("\n")) == (2, True, 1), done.err


def test_shell_completion_can_be_installed(infra: Infra) -> None:
    for shell in ("bash", "fish", "zsh"):
        assert infra("-sc", f"install={shell}").code == 0, shell
    assert "model=tiny" in infra("-sc", "query=bash", COMP_LINE="infra model=ti").out


def test_flags_may_stand_anywhere(infra: Infra) -> None:
    done = infra(*ECHO, "--cfg", "job", "seed=3")
    assert (done.code, "seed: 3" in done.out) == (0, True), done.err
    assert "\nVerbs" in infra("seed=3", "--help").out


@pytest.mark.parametrize("group", ["experiment", "ablation"])
def test_a_group_that_is_null_may_be_said_to_be(infra: Infra, group: str) -> None:
    assert infra(*ECHO, f"{group}=null").code == 0
    choice = "No experiment is called 'nul'" if group == "experiment" else "No ablation"
    assert choice in infra(*ECHO, f"{group}=nul").err


def test_a_sweep_may_begin_with_no_experiment(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "-m", "experiment=null,one_question")
    plans = [yaml.safe_load(path.read_text()) for path in sorted(home.glob("runs/*/plan.yaml"))]
    sources = [plan["prompts"]["source"] for plan in plans]
    assert [source == "prompt" for source in sources] == [False, True], done.err


@pytest.fixture
def nowhere(home: Path) -> Callable[..., Done]:
    """Run ``python -m infra`` in a working directory that was deleted."""

    def run(*arguments: str) -> Done:
        gone = home / "gone"
        gone.mkdir()
        command = 'rmdir ../gone && exec "$0" -m infra "$@"'
        done = subprocess.run(
            ["sh", "-c", command, sys.executable, *arguments],
            cwd=gone, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize("arguments", [[], ["results"], ["models"], ["doctor"]])
def test_a_deleted_working_directory_is_refused(nowhere: Infra, arguments: list[str]) -> None:
    done = nowhere(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "The working directory cannot be used" in done.err


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_verb_has_a_help_of_its_own(infra: Infra, verb: str) -> None:
    done = infra(verb, "--help")
    assert done.code == 0, done.err
    assert done.out.startswith(f"infra {verb}")
    assert "\nVerbs" not in done.out
    assert max(map(len, done.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fetsh"], "sync has no option '--fetsh'. Did you mean '--fetch'?"),
        (["http://127.0.0.1:1", "more"], "sync has no option 'more'"),
        (["127.0.0.1:1"], "needs the address of an MLflow server, not '127.0.0.1:1'"),
        (["--fetch"], "--fetch needs the address of a server"),
    ],
)
def test_sync_refuses_what_it_does_not_take(infra: Infra, arguments: list[str], told: str) -> None:
    done = infra("sync", *arguments)
    assert done.code == 2
    assert told in done.err


def test_the_help_needs_no_working_directory(nowhere: Infra) -> None:
    done = nowhere("--help")
    assert (done.code, done.err, "\nVerbs" in done.out) == (0, "", True)


@pytest.mark.parametrize("verb", ["results", "doctor", "show", "sync"])
def test_runs_that_are_a_file_are_refused(infra: Infra, home: Path, verb: str) -> None:
    (home / "file").write_text("")
    done = infra(verb, INFRA_RUNS=str(home / "file"))
    assert (done.code, "is a file: set INFRA_RUNS to a folder" in done.err) == (2, True), done.err
    assert "is not UTF-8" in infra(verb, INFRA_RUNS=str(home / "\udcff")).err


def test_empty_variables_are_none(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, INFRA_RUNS="", INFRA_PLUGINS="")
    assert done.folder.parent == home / "runs", done.err


@pytest.mark.parametrize("arguments", ["results x", "results 0", "results 1 2", "doctor x"])
def test_verbs_refuse_what_they_do_not_read(infra: Infra, arguments: str) -> None:
    done = infra(*arguments.split())
    assert (done.code, done.err.count("\n")) == (2, 1), done.err


TEMPLATED = """
from infra import chat, hookimpl
from infra_plugins.echo import Echo, EchoEngine

class Engine(EchoEngine):
    def __init__(self, plan):
        super().__init__(plan)
        self.template = TEMPLATE

    def encode(self, prompt):
        text = chat.render(self.template, prompt, {"bos_token": "<s>"})
        return [self.words.setdefault(word, len(self.words)) for word in text.split()]

class Backend(Echo):
    def load(self, plan):
        return Engine(plan)

@hookimpl
def infra_backends():
    return {"templated": Backend()}
"""
TEMPLATES = [
    ("{{ raise_exception('only user and assistant') }}", "only user and assistant"),
    ("{{ messages[0].content + 'x' }}", "TypeError"),
    ("{{ 1 // 0 }}", "ZeroDivisionError"),
    ("{{ messages[0].nothing.at.all }}", "nothing"),
]


@pytest.fixture
def templated(infra: Infra, home: Path) -> Callable[[str | None, object], Done]:
    """A run of one prompt that a chat template is given."""

    def run(template: str | None, content: object) -> Done:
        (home / "mine").mkdir()
        (home / "mine" / "templated.py").write_text(TEMPLATED.replace("TEMPLATE", repr(template)))
        row = {"id": "odd-one", "messages": [{"role": "critic", "content": content}]}
        (home / "p.jsonl").write_text(json.dumps(row))
        own = ("backend=templated", "tracking=none", "prompts.file=p.jsonl")
        return infra(*own, INFRA_PLUGINS=str(home / "mine"))

    return run


@pytest.mark.parametrize(("template", "said"), TEMPLATES)
def test_a_template_that_does_not_take_a_prompt_refuses_it_by_name(
    templated: Callable[[str | None, object], Done], home: Path, template: str, said: str
) -> None:
    done = templated(template, [{"type": "text", "text": "a"}])
    assert done.code == 2, done.err
    assert "The chat template does not take prompt 'odd-one'" in done.err
    assert said in done.err
    assert not list(home.glob("runs/*/plan.yaml"))


def test_a_template_that_adds_to_its_first_token_keeps_the_answers(
    templated: Callable[[str | None, object], Done],
) -> None:
    done = templated("{{ bos_token + messages[0].content }}", "a b")
    assert (done.code, done.record["status"]) == (0, "FINISHED"), done.err


def test_a_model_without_a_template_is_noted(
    templated: Callable[[str | None, object], Done],
) -> None:
    done = templated(None, "a b")
    assert done.code == 0, done.err
    assert "note: the model has no chat template" in done.err
    assert "no chat template" in done.record["notes"][0]


def test_an_engine_that_does_not_take_a_prompt_refuses_it_by_name(infra: Infra, home: Path) -> None:
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}
    (home / "p.jsonl").write_text(json.dumps({"id": "odd-one", "messages": [message]}))
    done = infra("backend=echo", "tracking=none", "prompts.file=p.jsonl")
    assert (done.code, "does not take prompt 'odd-one'" in done.err) == (2, True), done.err


def test_a_reader_that_leaves_does_not_end_the_run(home: Path) -> None:
    command = [sys.executable, "-m", "infra", *ECHO, "-m", "sampling.max_tokens=3,4,5"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == 0
    assert len(list(home.glob("runs/*/record.json"))) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has /dev/full")
@pytest.mark.parametrize("arguments", [list(ECHO), ["--help"], ["parsers"]])
def test_output_that_cannot_be_written_is_one_sentence(home: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "infra", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=home, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    records = list(home.glob("runs/*/record.json"))
    last = done.stderr.strip().splitlines()[-1]
    assert "standard output cannot be written" in last, done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if records else 1)
    assert all(last.endswith(f"the record is {path}") for path in records)


def test_a_stream_without_the_characters_shows_others(infra: Infra) -> None:
    assert infra(*ECHO, PYTHONIOENCODING="ascii").code == 0


def test_a_broken_prompts_file_names_the_line(infra: Infra, home: Path) -> None:
    (home / "p.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n')
    done = infra(*ECHO, "prompts.file=p.jsonl")
    assert (done.code, "p.jsonl, line 2" in done.err) == (2, True)


def test_runs_that_cannot_be_written_are_refused(infra: Infra, home: Path) -> None:
    (home / "file").write_text("")
    done = infra(*ECHO, INFRA_RUNS=str(home / "file" / "runs"))
    assert (done.code, "cannot be written" in done.err) == (2, True), done.err


def test_the_help_fits_a_screen(infra: Infra) -> None:
    done = infra("--help")
    assert done.code == 0
    assert len(done.out.splitlines()) <= 40
    for word in ("results", "doctor", "backend", "llama_cpp", "experts.active"):
        assert word in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_the_help_breaks_no_word_on_a_narrow_terminal(infra: Infra) -> None:
    wide, narrow = infra("--help").out, infra("--help", COLUMNS="60").out
    assert max(map(len, narrow.splitlines())) <= 60 < max(map(len, wide.splitlines()))
    assert narrow.split() == wide.split()


@pytest.mark.parametrize("verb", ["models", "results", "doctor", "plugins"])
def test_looking_around_needs_no_numpy(infra: Infra, verb: str) -> None:
    done = infra(verb, PYTHONPROFILEIMPORTTIME="1")
    assert "infra.cli" in done.err
    assert "numpy" not in done.err


def test_the_help_names_every_group_and_key(infra: Infra) -> None:
    shown = infra("--help").out
    keys = shown.partition("Keys (KEY=VALUE):")[2].partition("Verbs:")[0]
    words = {word.strip(",.").rpartition(".")[2] for word in keys.split()}
    told = {"name", "scheme", "kind", "about", "licence", "parameters", "experts"}
    own = {"repeat", "sweep", "cell"}  # which only sweeps set
    for key in known_keys():
        group, _, name = key.rpartition(".")
        assert name in words | told | own, key
        assert not group or f"{group}." in keys or f"  {group} " in shown, key
    for folder in bundled("conf").iterdir():
        assert folder.is_file() or folder.name == "hydra" or f"  {folder.name} " in shown


INTERRUPTED = """
import runpy, sys

class CtrlC:
    def find_spec(self, name, *rest):
        if name == "infra.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
runpy.run_module("infra", run_name="__main__")
"""


def test_ctrl_c_while_modules_are_imported_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_the_package_itself_imports_nothing() -> None:
    code = "import sys, infra; print([m for m in sys.modules if m.startswith(('infra.', 'plug'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_verbs_answer_without_any_run(infra: Infra) -> None:
    for verb in ("results", "plugins", "parsers", "doctor", "models"):
        assert infra(verb).code == 0, verb
    assert "There are no runs" in infra("results").err
    assert "tiny" in infra("models").out
    assert "hermes" in infra("plugins").out
    assert re.search(r"(?m)^memory +[\d.]+ GB$", infra("doctor").out)


def test_results_shows_what_differs_and_show_shows_one(infra: Infra) -> None:
    infra(*ECHO, "sampling.max_tokens=3")
    last = infra(*ECHO, "sampling.max_tokens=5").folder.name
    table = infra("results").out
    assert "sampling.max_tokens" in table
    assert "sampling.top_k" not in table
    assert infra("show").out == infra("show", last).out
    assert infra("show", "nothing").code == 2


TRACKED = ("backend=echo", "prompts.limit=1")


def test_a_run_is_published_once(infra: Infra) -> None:
    folder = infra(*TRACKED).folder
    assert (folder / "published.json").exists()
    assert "1 of 1 runs were there before" in infra("sync").err


def test_a_corrupt_database_is_a_warning_and_sync_publishes_later(infra: Infra, home: Path) -> None:
    (home / "runs").mkdir()
    database = home / "runs" / "mlflow.db"
    database.write_bytes(b"no database" * 100)
    done = infra(*TRACKED)
    assert (done.code, "warning" in done.err) == (0, True), done.err
    assert not (done.folder / "published.json").exists()
    synced = infra("sync")
    assert (synced.code, "Nothing was published" in synced.err) == (1, True), synced.err
    database.unlink()
    assert infra("sync").code == 0
    assert (done.folder / "published.json").exists()


def test_a_server_that_is_down_is_a_warning(infra: Infra) -> None:
    done = infra(*TRACKED, "tracking=server", "tracking.uri=http://127.0.0.1:9")
    assert (done.code, "infra sync" in done.err) == (0, True), done.err
    assert done.record["status"] == "FINISHED"
