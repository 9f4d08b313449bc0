"""One part of a message, as a declaration has it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.types import Json


@dataclass(frozen=True)
class Field:
    """One part of the message."""

    name: str
    opens: re.Pattern[str] | None  #: ``None``: it gets the text that no other field has
    closes: re.Pattern[str] | None
    literals: tuple[str, str]  #: the first opener and closer, empty where a pattern stands
    content: str = "text"  #: how its text is read, one of ``values.CONTENTS``
    arguments: Mapping[str, Any] = field(default_factory=dict)  #: for how its text is read
    transform: Json = None  #: the shape of the value, with ``{placeholders}``
    transform_each: bool = False  #: whether that is the shape of each item of a list
    join: str = ""  #: what comes between stretches of it
