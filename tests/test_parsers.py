"""infra parse, infra parsers, infra.parse, and which parser is chosen."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import infra as package
from conftest import Done
from infra.calls.parsers import choose, declaration, offered, thinking
from infra.errors import Refused
from infra.plugins import registry
from infra.protocols import Parser
from infra.types import Call, Prompt, Reply

Infra = Callable[..., Done]
CALL = '<tool_call>{"name": "f", "arguments": {"a": "ü"}}</tool_call>'
NONE = {"content": "", "reasoning": "", "calls": [], "problems": []}


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def answers(done: Done) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_each_line_is_answered_with_a_reply(infra: Infra, home: Path) -> None:
    tool = {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}
    rows = lines(
        {"parser": "hermes", "text": f"Hi {CALL}", "id": 7},
        {"parser": "qwen", "text": CALL.replace("ü", "1"), "tools": [{"function": tool}]},
        {"parser": "hermes", "text": "hm</think>so", "starts_in_reasoning": True, "tools": None},
    )
    (home / "texts.jsonl").write_text(f"\ufeff{rows}\n")
    done = infra("parse", "texts.jsonl")
    assert (done.code, done.err) == (0, "")
    assert answers(done) == [
        NONE | {"content": "Hi", "calls": [{"name": "f", "arguments": {"a": "ü"}, "id": None}]},
        NONE | {"calls": [{"name": "f", "arguments": {"a": 1}, "id": None}]},
        NONE | {"content": "so", "reasoning": "hm"},
    ]


BAD = [
    ("no", "It is not JSON: Expecting value"),
    ("[1]", "A line is a JSON object."),
    (f'{{"parser": "hermes", "text": "", "n": {5000 * "1"}}}', "too long an integer"),
    ("[" * 10**5, "It is nested too deeply."),
    ({"text": ""}, "'parser' is missing."),
    ({"parser": "hermes"}, "'text' is missing."),
    ({"parser": "hermes", "text": 5}, "'text' must be a string."),
    ({"parser": None, "text": ""}, "'parser' must be a string."),
    ({"parser": "hermess", "text": ""}, "Did you mean 'hermes'?"),
    ({"parser": "hermes", "text": "", "tools": {}}, "'tools' must be a list of objects."),
    ({"parser": "hermes", "text": "", "tools": ["f"]}, "'tools' must be a list of objects."),
    ({"parser": "hermes", "text": "", "starts_in_reasoning": 1}, "must be true or false."),
]


def test_a_line_that_cannot_be_used_keeps_its_place(infra: Infra, home: Path) -> None:
    good = {"parser": "hermes", "text": "good"}
    rows = [part for bad, _ in BAD for part in (bad, good)]
    (home / "texts.jsonl").write_bytes(lines(*rows).encode() + b'{"parser": "\xff"}\n')
    done = infra("parse", "texts.jsonl")
    found = answers(done)
    assert done.code == 1
    assert found[1::2] == [NONE | {"content": "good"}] * len(BAD)
    said = [str(answer["error"]) for answer in found[::2]]
    assert [
        words for words, (_, wanted) in zip(said, BAD, strict=False) if wanted not in words
    ] == []
    assert "It is not UTF-8" in said[-1]
    told = done.err.splitlines()
    assert told[0].startswith("infra: texts.jsonl, line 1: It is not JSON")
    assert len(told) == len(said)


def test_what_is_no_unicode_text_is_escaped(infra: Infra, home: Path) -> None:
    (home / "texts.jsonl").write_text(lines({"parser": "hermes", "text": "a \ud83d ü"}))
    done = infra("parse", "texts.jsonl")
    assert '"a \\ud83d \\u00fc"' in done.out


def test_stdin_is_answered_line_by_line(home: Path) -> None:
    command = [sys.executable, "-m", "infra", "parse", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        for text in ("a", "b"):
            process.stdin.write(lines({"parser": "hermes", "text": text}))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["content"] == text
        process.stdin.close()
    assert process.returncode == 0


def test_a_reader_may_leave(home: Path) -> None:
    (home / "texts.jsonl").write_text(lines({"parser": "hermes", "text": "a"}) * 2000)
    command = [sys.executable, "-m", "infra", "parse", "texts.jsonl"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_nothing_in_is_nothing_out(infra: Infra, home: Path) -> None:
    (home / "texts.jsonl").write_text("")
    assert infra("parse", "texts.jsonl") == Done(0, "", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "python -m infra parse FILE.jsonl"),
        (["a", "b"], "python -m infra parse FILE.jsonl"),
        (["--x"], "python -m infra parse FILE.jsonl"),
        (["none.jsonl"], "none.jsonl cannot be read: No such file or directory."),
        (["."], ". cannot be read: Is a directory."),
    ],
)
def test_what_is_no_file_is_refused(infra: Infra, arguments: list[str], said: str) -> None:
    done = infra("parse", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


CRASHING = """
from infra import hookimpl
class Parser:
    names, family, source, think = ("mine",), "", "", ("", "")
    def matches(self, template): return False
    def stream(self, tools=(), starts_in_reasoning=False): raise KeyError("x")
    def grammar(self, tools, rules): return None
    parse = stream
@hookimpl
def infra_parsers(): return {"mine": Parser()}
"""


def test_a_strangers_parser_may_fail(infra: Infra, home: Path) -> None:
    (home / "mine.py").write_text(CRASHING.replace("parse = stream", "parse = lambda *_: {}[1]"))
    (home / "texts.jsonl").write_text(lines({"parser": "mine", "text": ""}))
    done = infra("parse", "texts.jsonl", INFRA_PLUGINS=str(home))
    assert answers(done)[0]["error"] == "The parser failed: KeyError(1)."


def test_parsers_are_listed_with_all_their_names(infra: Infra) -> None:
    done, shown = infra("parsers", "--markdown"), infra("parsers")
    assert (done.code, shown.code, infra("parsers", "x").code) == (0, 0, 2)
    for offer in registry().offers["infra_parsers"].values():
        parser = offer.value
        assert f"| [{parser.names[0]}]({parser.source}) |" in done.out
        assert f"| {', '.join(parser.names[1:])} | {parser.family} |" in done.out
        assert parser.names[0] in shown.out


def test_the_package_parses() -> None:
    assert package.parse(CALL) == Reply(calls=(Call("f", {"a": "ü"}),))
    assert package.parse("hm", starts_in_reasoning=True) == Reply("", "hm")
    with pytest.raises(Refused, match="No parser is called 'x'"):
        package.parse("", parser="x")
    assert package.parse("hm", "hermes", None) == Reply("hm")
    for odd in ((b"", "hermes"), ("", "hermes", "f"), ("", "hermes", [3])):
        with pytest.raises(TypeError, match="must be a"):
            package.parse(*odd)
    with pytest.raises(AttributeError, match="nothing"):
        package.nothing  # noqa: B018  # what is looked at is what raises


def test_the_package_is_imported_without_its_parsers() -> None:
    code = "import infra, sys; sys.exit('infra.calls.parsers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Which one is chosen.

DECLARED = {"fields": {"content": {"close": "<|end|>"}}, "start_anchor": "<|a|>"}


def test_the_parser_asked_for_is_taken() -> None:
    parser, reason = choose(registry(), "qwen", "a template", DECLARED)
    assert (parser.names[0], reason) == ("hermes", "qwen, asked for")


def test_what_the_tokenizer_declares_comes_before_the_chat_template() -> None:
    parser, reason = choose(registry(), "auto", "<tool_call>", DECLARED)
    assert reason == "response_template, which the tokenizer brings"
    assert parser.parse("Hi<|end|>") == Reply("Hi")
    parser, reason = choose(registry(), "auto", None, {"fields": 3})
    assert reason.startswith("hermes, as no format fits the template. The tokenizer's")
    assert parser.parse('<tool_call>{"name": "f"}</tool_call>').calls
    parser, reason = choose(registry(), "response_template", None, None)
    assert reason == "response_template, asked for"
    assert "there is none" in parser.parse("Hi").problems[0]


def test_a_template_of_no_known_format_gives_the_default() -> None:
    for template in (None, "", "{{ messages }}"):
        assert choose(registry(), "auto", template)[1] == "hermes, as no format fits the template"


def test_of_several_formats_the_one_that_matches_most_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = list(offered(registry()).values())[:3]
    for parser, parts in zip(known, [("<a>",), ("<a>", "<b>"), ("<c>",)], strict=True):
        monkeypatch.setattr(parser, "template_has", parts, raising=False)
        monkeypatch.setattr(parser, "template_lacks", (), raising=False)
    first, second = (parser.names[0] for parser in known[:2])
    chosen, reason = choose(registry(), "auto", "<a> <b>")
    assert chosen is known[1]
    assert reason == f"{second}, from the chat template; ambiguous: {first} would fit too"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"response_template": null}', "{", "\ud83d"])
def test_a_folder_that_declares_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer_config.json").write_text(text, errors="surrogatepass")
    assert declaration(str(tmp_path)) is None
    assert declaration(str(tmp_path / "tokenizer_config.json")) is None


def test_a_folder_that_declares_a_template(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"response_template": DECLARED}))
    assert declaration(str(tmp_path)) == DECLARED


@pytest.mark.parametrize(
    ("name", "opener"), [("hermes", "<think>"), ("hy_v3", "<think:opensource>")]
)
def test_reasoning_is_open_where_the_prompt_opens_it(name: str, opener: str) -> None:
    prompt = Prompt("p", ({"role": "user", "content": "Hi"},))
    parser: Parser = registry().get("infra_parsers", name)
    template = "{{ messages[0].content }}{% if add_generation_prompt %}\n" + opener + "{% endif %}"
    assert thinking(template, prompt, parser) == "open"
    assert thinking("{{ messages[0].content }}", prompt, parser) == "no"
    assert thinking(f"{{# {opener} #}}" + "{{ messages[0].content }}", prompt, parser) == "may"
