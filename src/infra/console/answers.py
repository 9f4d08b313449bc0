"""A run's answers as a tree."""

from itertools import groupby, zip_longest

from rich.text import Text
from rich.tree import Tree

from infra.types import Expected, Generation, Prompt, Record, Result

#: prompts shown one by one at the end; more are counted
MOST_PROMPTS = 12
#: characters of a call's result
RESULT = 200
MARK = {True: "[green]✓[/]", False: "[red]✗[/]", None: " "}


def answers(record: Record) -> Tree:
    """Each prompt with its answers, its calls and their results, and ✓ or ✗ where something was
    expected."""
    prompts = [list(rounds) for _, rounds in groupby(record.generations, lambda each: each.index)]
    tree = Tree(Text(f"{len(prompts)} prompt{'s' * (len(prompts) != 1)}", style="bold"))
    for rounds in prompts[:MOST_PROMPTS]:
        _add(tree, rounds)
    if (rest := len(prompts) - MOST_PROMPTS) > 0:
        tree.add(f"… {rest} more in generations.jsonl")
    return tree


def _add(tree: Tree, rounds: list[Generation]) -> None:
    each = rounds[-1]
    question = str(rounds[0].prompt.messages[-1].get("content"))
    branch = tree.add(Text.from_markup(mark(each)) + Text(f" {question}"))
    for answer in rounds:
        _add_answer(branch, answer)
    words = set(each.outcomes.values())
    if each.exact is False or words - {"ok"}:
        branch.add(Text(f"expected: {shown_expected(each.prompt)}", "red"))
    if words - {"ok"}:
        told = [f"{judge}: {word}" for judge, word in each.outcomes.items()]
        branch.add(Text(", ".join(told if len(words) > 1 else words), "red"))


def _add_answer(branch: Tree, each: Generation) -> None:
    reply, made = each.reply, [result.call for result in each.results]
    if reply is None or not (reply.calls or reply.content):
        branch.add(Text(each.text.strip() or f"({each.finish})", "dim"))
    elif reply.content:
        branch.add(Text(reply.content.strip(), "dim"))
    for call, result in zip_longest(reply.calls if reply else made, each.results):
        leaf = branch.add(Text(str(call), "cyan"))
        if result:
            leaf.add(Text(shown_result(result), "red" if result.error else "dim"))


def mark(each: Generation) -> str:
    """✓ or ✗, yellow where judges let pass what is not exactly what was expected."""
    right = all(word == "ok" for word in each.outcomes.values()) if each.outcomes else None
    if each.exact is False and right:
        return "[yellow]✓[/]"
    return MARK[right if each.exact is None else each.exact]


def shown_result(result: Result) -> str:
    """What a call was answered with, its end left out where it is long."""
    text = str(result)
    return f"→ {text if len(text) <= RESULT else text[:RESULT] + ' …'}"


def shown_expected(prompt: Prompt) -> str:
    """The expected calls as a person would write them, with what else is acceptable."""
    if isinstance(prompt.expected, str):
        return "a call"
    return ", ".join(map(_shown_choices, prompt.expected or ())) or "no call"


def _shown_choices(call: Expected) -> str:
    fixed = [f"{key}={value!r}" for key, value in call.arguments.items()]
    free = [f"{key}={'|'.join(map(repr, values))}" for key, values in call.acceptable.items()]
    return f"{call.name}({', '.join([*fixed, *free])})"
