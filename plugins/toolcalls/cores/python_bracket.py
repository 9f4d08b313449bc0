"""What stands in one pair of brackets of a Python literal or call."""

import json
from dataclasses import dataclass, field

from infra.types import Json

#: stands for the key of a dictionary whose keys name arguments
SPREAD = "**"


@dataclass
class Bracket:
    """A bracket that is not closed yet and what has been read in it."""

    closer: str
    is_call: bool = False
    key: str | None = None
    has_comma: bool = False
    values: list[Json] = field(default_factory=list)
    pairs: dict[str, Json] = field(default_factory=dict)

    def add(self, value: Json) -> None:
        """
        Raises:
            ValueError: a call's argument has no name.
        """
        if self.key == SPREAD and not isinstance(value, dict):
            raise ValueError("'**' stands before what is no dictionary")
        if self.key is None and self.is_call:
            raise ValueError("an argument has no name")
        if self.key is None:
            self.values.append(value)
        elif self.key == SPREAD and isinstance(value, dict):
            self.pairs, self.key = {**self.pairs, **value}, None
        else:
            self.pairs[self.key], self.key = value, None

    def take_key(self) -> None:
        """The value before a colon is a key; those that are no strings become what JSON makes
        of them.

        Raises:
            ValueError: it cannot be one.
        """
        key = self.values.pop() if self.closer == "}" and self.values else []
        if self.key is not None or self.values or isinstance(key, list | dict):
            raise ValueError("':' stands where a comma belongs")
        self.key = key if isinstance(key, str) else json.dumps(key)

    def value(self) -> Json:
        """What it holds; tuples and sets are arrays.

        Raises:
            ValueError: it is half a dictionary and half a set.
        """
        if self.pairs and self.values:
            raise ValueError("a dictionary has a value without a key")
        if self.is_call or self.pairs or (self.closer == "}" and not self.values):
            return self.pairs
        is_tuple = self.has_comma or not self.values
        return self.values if self.closer != ")" or is_tuple else self.values[0]
