"""src/infra/calls/constraint.py: what cannot be held to is refused before loading."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Done

TOOLS = "prompts.tools=bundled:tiny_moe/tools.json"

#: arguments -> words of the refusal
REFUSED = {
    "constraint=tolls": "No constraint is called 'tolls'. Did you mean 'tools'?",
    "tools.choice=required": "tools.choice=required needs constraint=tools",
    "tools.most=2": "tools.most=2 needs constraint=tools",
    "constraint=tools tools.choice=must": "tools.choice=must is unknown",
    "constraint=tools tools.most=0": "tools.most=0 must be at least 1",
    "constraint=tools tools.choice=required": "prompt 'prompt' offers no tools",
    "constraint=tools tools.parser=gemma4": "the parser gemma4 has no grammar of its calls",
    "constraint=json": "constraint=json needs a file: add constraint.file=FILE",
    "constraint.file=good.json": "constraint.file=good.json goes with constraint=json or",
    "constraint=tools constraint.file=good.json": "constraint=tools reads none",
    "constraint=json constraint.file=nowhere.json": "constraint.file=nowhere.json cannot be read",
    "constraint=json constraint.file=broken.json": "constraint.file=broken.json cannot be used",
    "constraint=grammar constraint.file=broken.lark": 'unknown name: "X"',
    "constraint=grammar constraint.file=broken.gbnf": "Rule 'x' not found",
    "constraint=json constraint.file=good.json": "backend=echo repeats what it is told",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_held_to_is_refused(
    line: str, infra: Callable[..., Done], home: Path
) -> None:
    (home / "broken.json").write_text('{"type": "strin"}')
    (home / "good.json").write_text(json.dumps({"type": "boolean"}))
    (home / "broken.lark").write_text('start: "a" X')
    (home / "broken.gbnf").write_text('root ::= "a" | x')
    done = infra("backend=echo", "tracking=none", "prompt=hi", *line.split())
    assert done.code == 2, done.err
    assert REFUSED[line] in done.err
