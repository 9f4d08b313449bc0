"""How often the tool calls were right."""

from infra.types import Measure, Record, metric


@metric("share", "higher")
def tool_call_exact(record: Record) -> Measure | None:
    """Share of the prompts with expectations whose calls are all right: every name and all
    arguments, by JSON equality, in order, none too many. n: the prompts that were scored."""
    scored = [each.exact for each in record.generations if each.exact is not None]
    return Measure(sum(scored) / len(scored), len(scored)) if scored else None
