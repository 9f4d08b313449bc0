"""Options of a verb, read by argparse; what is wrong with them is one sentence."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from infra.errors import Refused, nearest


class Options(argparse.ArgumentParser):
    """What one verb takes; words and options may stand in any order."""

    def __init__(self, verb: str) -> None:
        super().__init__(prog=verb, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """
        Raises:
            Refused: always, with argparse's words.
        """
        raise Refused(f"{self.prog}: {message}.")

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """
        Raises:
            Refused: an option that there is not, or one that lacks its value.
        """
        found, rest = self.parse_known_intermixed_args(arguments)
        unknown = [word for word in rest if word != "--"]
        if unknown:
            known = self._option_string_actions
            raise Refused(f"{self.prog} has no option {unknown[0]!r}. {nearest(unknown[0], known)}")
        return found
