"""Which parser reads a model's answers, and why."""

from infra.plugins import Registry
from infra.protocols import Parser

DEFAULT = "hermes"


def choose(registry: Registry, asked: str, template: str | None) -> tuple[Parser, str]:
    """The parser asked for, or the one whose format the chat template speaks.

    Returns:
        The parser and the reason, for the record.

    Raises:
        Refused: there is no such parser.
    """
    if asked != "auto":
        return registry.get("infra_parsers", asked), f"{asked}, asked for"
    parsers = {o.value.names[0]: o.value for o in registry.offers["infra_parsers"].values()}
    fitting = [name for name, each in parsers.items() if template and each.matches(template)]
    if not fitting:
        return registry.get("infra_parsers", DEFAULT), f"{DEFAULT}, as no format fits the template"
    also = f"; {', '.join(fitting[1:])} would fit too" if fitting[1:] else ""
    return parsers[fitting[0]], f"{fitting[0]}, from the chat template{also}"
