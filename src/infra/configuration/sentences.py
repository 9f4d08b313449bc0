"""What Hydra and OmegaConf say of a wrong input, as one sentence: key, value, what to try."""

import re
from collections.abc import Callable, Iterator

from infra.configuration.vocabulary import choices, groups, hydra_keys, known_keys, plugin_keys
from infra.errors import Refused, nearest
from infra.plugins import Registry

#: keys that hold lists
LISTS = {"sampling.stop", "tools.run"}
#: OmegaConf's words for a type -> ours
TYPES = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}


def sentence(error: BaseException, registry: Registry) -> str:
    """One sentence for ``error``."""
    text = "\n".join(str(each) for each in _chain(error))
    if isinstance(error, Refused):
        return str(error)
    if found := re.search(r"Could not find '([\w/]+)/([^'/]*)'", text):
        return _unknown_choice(found[1], found[2], registry)
    if override := getattr(error, "override", None):
        return _unreadable(override, text.splitlines()[0])
    told = (rule(found, text) for pattern, rule in RULES if (found := re.search(pattern, text)))
    return next(told, _plain(error))


def _plain(error: BaseException) -> str:
    lines = dict.fromkeys(str(each).splitlines()[0] for each in _chain(error) if str(each))
    return ": ".join(lines).rstrip(".?") + "."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _unknown_choice(group: str, name: str, registry: Registry) -> str:
    hint = registry.broken if group == "backend" else ""
    if group == "hydra/launcher" and (extra := name.partition("_")[0]) in ("joblib", "submitit"):
        return f"{group}={name} needs hydra-{extra}-launcher: pip install 'infra[{extra}]'"
    return f"No {group} is called {name!r}. {nearest(name, choices(group, registry))}{hint}"


def _key(found: re.Match[str], text: str) -> str:
    """The whole key, where the text names it, else what was found."""
    full = re.search(r"full_key: ([\w.]+)", text)
    return full[1] if full else found[1]


def _wrong_type(found: re.Match[str], text: str) -> str:
    value, kind = found.groups()
    full = re.search(r"full_key: ([\w.]+)", text)
    return f"{full[1] if full else 'a key'}={value} must be {TYPES.get(kind, kind)}."


def _several(found: re.Match[str], _: str) -> str:
    key, value = found.groups()
    one = f", or write {key}=[{value}] for one list" if key in LISTS else ""
    return f"{key}={value} has several values: add -m for a run of each{one}."


def _wrong_shape(found: re.Match[str], text: str) -> str:
    """A value where keys or a list are meant."""
    key, value = found.groups()
    if inside := [each for each in known_keys() if each.startswith(f"{key}.")]:
        return f"{key}={value} cannot be: {key} is set by its keys, {', '.join(inside)}."
    if key in LISTS:
        example = value if re.fullmatch(r"\w+", value) and value != "null" else "TEXT"
        return f"{key}={value} cannot be: {key} takes a list, as in {key}=[{example}]."
    if value == "null":
        return f"{key}=null cannot be: {key} needs a value. Leave it out for its default."
    why = [line for line in text.splitlines() if line and "Error merging" not in line]
    return f"{key}={value} cannot be: {why[0].rstrip('.') if why else 'it does not fit'}."


def _unknown_key(found: re.Match[str], text: str) -> str:
    key = _key(found, text)
    if key.startswith("model.sources."):
        return f"There is no {key} yet: write +{key}=VALUE to add it."
    ours, hydras = [*known_keys(), *groups()], [*hydra_keys(), *plugin_keys()]
    known = hydras if key.startswith("hydra.") else ours
    return f"There is no key {key!r}. {nearest(key, known)}"


def _missing(found: re.Match[str], text: str) -> str:
    key = _key(found, text)
    return f"{key} is not set: add {key}=VALUE."


def _unreadable(override: str, why: str) -> str:
    """A character that Hydra's grammar does not take, or a word that is no KEY=VALUE."""
    key, equals, _ = override.partition("=")
    if not equals and not override.startswith("~"):
        return f"{override!r} is not KEY=VALUE. Keys and verbs: python -m infra --help"
    if why.startswith("LexerNoViableAlt"):
        why = f"quote its text, as in {key}='\"TEXT\"' or {key}='[\"TEXT\"]'"
    return f"{override!r} cannot be read: {why}."


#: what the libraries say -> our sentence; the first that fits
RULES: tuple[tuple[str, Callable[[re.Match[str], str], str]], ...] = (
    (
        r"Value '(.*?)'(?: of type '\w+')? (?:could not be converted to|is not a valid) (\w+)",
        _wrong_type,
    ),
    (r"Ambiguous value for argument '(.*?)=(.*)'", _several),
    (r"Error merging override \+*([\w.]+)=(.*)", _wrong_shape),
    (r"Key '([^']+)' (?:is )?not in '\w+'", _unknown_key),
    (r"Could not override '([\w.]+)'", _unknown_key),
    (r"[Mm]issing mandatory value: ([\w.]+)", _missing),
)
