"""The command line as Hydra takes it; what it would stumble over is refused here, in a sentence."""

import os
import re
from typing import Any, NoReturn

from infra.errors import Refused

#: keys whose values are text or paths, whatever they hold
FREE = {
    "prompt", "prompts.file", "prompts.tools", "constraint.file", "model.path", "name",
    "tracking.uri", "tracking.experiment",
}  # fmt: skip
#: keys that take a text as those above do, or a list as Hydra writes it
ONE_OR_MORE = {"prompts.questions", "prompts.answers"}
#: groups that may be left out with ``=null``
OPTIONAL = {"experiment", "ablation"}
#: keys that say which prompts, where ``prompt`` says it as well
SETS = {"prompts", "prompts.file", "prompts.questions"}
SHELLS = ("bash", "fish", "zsh")


def prepared(arguments: list[str]) -> list[str]:
    """``arguments`` with the flags behind the overrides, where Hydra's parser wants them.

    Raises:
        Refused: a flag that is unknown or lacks something.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # its own prints ten lines of usage
    parsed = parser.parse_intermixed_args(arguments)
    _check(parsed)
    if parsed.shell_completion:
        _check_completion(parsed.overrides)
    flags = [each for each in arguments if each not in (*parsed.overrides, "--")]
    if not parsed.multirun and any(
        re.match(r"\+?repeats=(?!1$)", each) for each in parsed.overrides
    ):
        flags.append("--multirun")
    return [_quoted(each) for each in parsed.overrides] + flags


def _refuse(message: str) -> NoReturn:
    raise Refused(f"{message[:1].upper()}{message[1:]}. Flags and keys: python -m infra --help")


def _check(parsed: Any) -> None:
    modes = (parsed.run, parsed.multirun, parsed.cfg, parsed.info, parsed.shell_completion)
    if sum(map(bool, modes)) > 1:
        raise Refused("Only one of --run, -m, --cfg, --info and -sc can be given.")
    if parsed.resolve and not parsed.cfg:
        raise Refused("--resolve goes with --cfg: python -m infra --cfg job --resolve")
    if parsed.experimental_rerun:
        raise Refused(
            "--experimental-rerun reads what Hydra keeps of a run, and infra keeps plan.yaml."
        )
    _check_prompts({each.partition("=")[0].lstrip("+") for each in parsed.overrides})
    for each in parsed.overrides:
        if re.match(r"\+?ablation=.*,", each):
            raise Refused(f"{each} names several files: run one ablation at a time.")
        if each.startswith("hydra.run.dir="):
            raise Refused(f"{each} has no effect: INFRA_RUNS=FOLDER says where runs go.")
        if each[:1] in ("", "="):
            raise Refused(f"The argument {each!r} has no key: write KEY=VALUE.")


def _check_prompts(keys: set[str]) -> None:
    if "prompt" in keys and (others := keys & SETS):
        raise Refused(f"prompt= and {min(others)}= are two sets of prompts: give one of them.")


def _check_completion(overrides: list[str]) -> None:
    asked = re.fullmatch(rf"(install|uninstall|query)=({'|'.join(SHELLS)})", " ".join(overrides))
    if not asked:
        raise Refused(
            f"-sc needs install=SHELL or uninstall=SHELL, not {' '.join(overrides) or 'nothing'}; "
            f"SHELL is one of {', '.join(SHELLS)}."
        )
    if asked[1] == "query" and "COMP_LINE" not in os.environ:
        raise Refused(f"-sc {asked[0]} is for the shell, which sets COMP_LINE.")


def _quoted(argument: str) -> str:
    """A question may hold what Hydra's grammar keeps for itself: commas, quotes, brackets."""
    key, _, value = argument.partition("=")
    if key in OPTIONAL:
        return f"{key}=" + re.sub(r"(^|,)null(?=,|$)", r'\1"null"', value)
    quoted = re.fullmatch(r"""(["']).*\1""", value, re.DOTALL)
    free = key.lstrip("+") in FREE or (key in ONE_OR_MORE and not value.startswith("["))
    if not free or value == "null" or quoted:
        return argument
    escaped = re.sub(r'(\\*)("|$)', lambda m: m[1] * 2 + (r"\"" if m[2] else ""), value)
    return f'{key}="{escaped}"'.replace("${", r"\${")
