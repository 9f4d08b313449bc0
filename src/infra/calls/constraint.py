"""What an answer may be held to, checked before anything is loaded."""

from collections.abc import Sequence

from infra.configuration.schema import Config
from infra.errors import Refused, nearest
from infra.files import reason
from infra.plan import Constraint
from infra.plugins import located, registry
from infra.protocols import Parser
from infra.types import CallRules, Prompt

KINDS = ("none", "tools", "json", "grammar")
CHOICES = ("auto", "required", "none")


def planned(config: Config, prompts: Sequence[Prompt]) -> Constraint:
    """The constraint of a plan, its file read.

    Raises:
        Refused: it cannot be used, or ``tools.*`` asks for what it does not hold to.
    """
    kind, file = config.constraint.kind, config.constraint.file
    if kind not in KINDS:
        raise Refused(f"No constraint is called {kind!r}. {nearest(kind, KINDS)}")
    _check_tools(config, prompts)
    if kind in ("none", "tools"):
        if file:
            raise Refused(
                f"constraint.file={file} goes with constraint=json or constraint=grammar; "
                f"constraint={kind} reads none."
            )
        return Constraint(kind)
    if not file:
        raise Refused(f"constraint={kind} needs a file: add constraint.file=FILE.")
    constraint = Constraint(kind, _read(file))
    _check_file(constraint, file)
    return constraint


def _check_tools(config: Config, prompts: Sequence[Prompt]) -> None:
    tools = config.tools
    if tools.choice not in CHOICES:
        raise Refused(f"tools.choice={tools.choice} is unknown. {nearest(tools.choice, CHOICES)}")
    if tools.most is not None and tools.most < 1:
        raise Refused(f"tools.most={tools.most} must be at least 1.")
    if config.constraint.kind != "tools":
        for key, default in (("choice", "auto"), ("most", None)):
            if getattr(tools, key) != default:
                raise Refused(
                    f"tools.{key}={getattr(tools, key)} needs constraint=tools, which holds the "
                    f"model to it; constraint={config.constraint.kind} does not."
                )
        return
    _check_parser(tools.parser, prompts)
    without = next((prompt.id for prompt in prompts if not prompt.tools), None)
    if tools.choice == "required" and without is not None:
        raise Refused(f"tools.choice=required, but prompt {without!r} offers no tools.")


def _check_parser(name: str, prompts: Sequence[Prompt]) -> None:
    if name == "auto":
        return
    parser: Parser = registry().get("infra_parsers", name)
    if parser.grammar(prompts[0].tools, CallRules()) is None:
        raise Refused(f"constraint=tools: the parser {name} has no grammar of its calls.")


def _read(file: str) -> str:
    try:
        return located(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"constraint.file={file} cannot be read: {reason(error)}.") from error


def _check_file(constraint: Constraint, file: str) -> None:
    try:
        from infra.calls.grammars import check  # noqa: PLC0415  # comes with the engines' extras
    except ImportError as error:
        raise Refused(
            f"constraint={constraint.kind} needs llguidance, which is not installed: "
            "pip install llguidance"
        ) from error
    check(constraint, file)
