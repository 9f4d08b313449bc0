"""Prompt files: what is read, and what is said about a broken line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import prompts
from infra.errors import Refused
from infra.types import Expected

GOOD = {
    "id": "a",
    "messages": [{"role": "user", "content": "hi\u2028there"}],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "expected": [{"name": "f", "arguments": {"x": 1}}],
}


def write(folder: Path, *lines: object) -> str:
    file = folder / "p.jsonl"
    text = (
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in lines
    )
    file.write_text("\n".join(text))
    return str(file)


def test_a_line_becomes_a_prompt(tmp_path: Path) -> None:
    found, (prompt,) = prompts.load(write(tmp_path, GOOD))
    assert prompt.expected == (Expected("f", {"x": 1}),)
    assert prompt.messages[0]["content"] == "hi\u2028there"
    assert found.count == 1


def test_a_short_line_needs_only_the_question(tmp_path: Path) -> None:
    _, (prompt,) = prompts.load(write(tmp_path, {"prompt": "hi"}))
    assert prompt.id == "p-1"
    assert prompt.expected is None


def test_no_call_can_be_what_is_expected(tmp_path: Path) -> None:
    _, (prompt,) = prompts.load(write(tmp_path, {"prompt": "hi", "expected": []}))
    assert prompt.expected == ()


def test_acceptable_values_and_any_call(tmp_path: Path) -> None:
    call = {"name": "f", "arguments": {"n": 1}, "acceptable": {"city": ["Oslo", "oslo", ""]}}
    rows = [{"prompt": "a", "expected": [call]}, {"prompt": "b", "expected": "any"}]
    _, (one, other) = prompts.load(write(tmp_path, *rows))
    assert one.expected == (Expected("f", {"n": 1}, {"city": ["Oslo", "oslo", ""]}),)
    assert other.expected == "any"
    prompts.write(tmp_path / "copy.jsonl", [one, other])
    assert prompts.read(tmp_path / "copy.jsonl") == [one, other]


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    _, before = prompts.load(write(tmp_path, GOOD, {"prompt": "hi"}))
    prompts.write(tmp_path / "copy.jsonl", before)
    assert prompts.read(tmp_path / "copy.jsonl") == before


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    one = prompts.load(write(tmp_path, {"prompt": "a"}))[0].digest
    assert prompts.load(write(tmp_path, {"prompt": "b"}))[0].digest != one
    assert prompts.load(write(tmp_path, {"prompt": "a"}))[0].digest == one


def test_limit_takes_the_first(tmp_path: Path) -> None:
    _, found = prompts.load(write(tmp_path, {"prompt": "a"}, {"prompt": "b"}), limit=1)
    assert [p.messages[0]["content"] for p in found] == ["a"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": ', "line 2: no JSON: Expecting value at character 12."),
        ("[]", "line 2: a prompt is a JSON object"),
        ('{"messages": []}', "'messages' must be a list"),
        ('{"messages": [{"role": "user"}]}', "'messages' must be a list"),
        ('{"messages": [{"role": "user", "content": null}]}', "'messages' must be a list"),
        ('{"messages": [{"role": "user", "content": 3}]}', "'messages' must be a list"),
        ('{"prompt": " "}', "'prompt' must be a question, not \" \""),
        ('{"prompt": 3}', "'prompt' must be a question, not 3"),
        ('{"prompt": "x", "messages": []}', "'prompt' and 'messages' are two ways to ask"),
        ('{"prompt": "x", "tool": []}', "unknown key 'tool'"),
        ('{"prompt": "x", "tools": [{}]}', "'tools' must be a list"),
        ('{"prompt": "x", "expected": [3]}', "each of 'expected'"),
        ('{"prompt": "x", "expected": 3}', "'expected' must be a list"),
        ('{"prompt": "x", "expected": [{"name": "f", "arguments": 1}]}', "'arguments'"),
        ('{"prompt": "x", "expected": "some"}', "'expected' must be a list"),
        ('{"prompt": "x", "expected": [{"name": "f", "args": {}}]}', "unknown key 'args'"),
        (
            '{"prompt": "x", "expected": [{"name": "f", "acceptable": {"a": 1}}]}',
            "a list of values",
        ),
        (
            '{"prompt": "x", "expected": [{"name": "f", "acceptable": {"a": [{"b": 1}]}}]}',
            "a list for each key",
        ),
        (
            '{"prompt": "x", "expected": '
            '[{"name": "f", "arguments": {"a": 1}, "acceptable": {"a": [1]}}]}',
            "'a' is in 'arguments' and in 'acceptable'",
        ),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Refused, match=r"p\.jsonl, line 2") as error:
        prompts.load(write(tmp_path, {"prompt": "fine"}, line))
    assert said in str(error.value)


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b'\xef\xbb\xbf{"prompt": "hi"}\r\n')
    assert len(prompts.load(str(tmp_path / "p.jsonl"))[1]) == 1


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not Unicode text"):
        prompts.load(write(tmp_path, '{"prompt": "\\ud800"}'))


def test_a_file_that_is_not_text_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b'{"prompt": "hi"}\n{"prompt": "\xe9"}\n')
    with pytest.raises(Refused, match=r"cannot be read: line 2 is not UTF-8 text"):
        prompts.load(str(tmp_path / "p.jsonl"))


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").touch()
    with pytest.raises(Refused, match=r"Did you mean 'prompts\.jsonl'\?"):
        prompts.load(str(tmp_path / "promts.jsonl"))


def test_files_that_were_meant_as_a_sweep_are_told_how(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(Refused, match=r'is written \'".*a\.jsonl","b\.jsonl"\'\.$'):
        prompts.load(f"{tmp_path / 'a.jsonl'},b.jsonl")


@pytest.mark.parametrize("question", ["", "  "])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(Refused, match="prompt= is empty"):
        prompts.load(prompt=question)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no prompts"):
        prompts.load(write(tmp_path, ""))
    with pytest.raises(Refused, match=r"missing\.jsonl cannot be read: No such file or dir"):
        prompts.load(str(tmp_path / "missing.jsonl"))
    with pytest.raises(Refused, match=r"give prompts\.file"):
        prompts.load(None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "messages",
                        "prompt",
                        "tools",
                        "expected",
                        "role",
                        "content",
                        "name",
                        "arguments",
                        "acceptable",
                        "function",
                    ]
                ),
                c,
            )
        ),
    )
)
def test_any_json_is_a_prompt_or_a_sentence(value: object) -> None:
    try:
        prompts.from_row(value, "x")
    except ValueError as error:
        assert str(error)
