"""Numbers of a report as people read them."""

from infra.console import shown
from infra.types import Measure


def value(measure: Measure, unit: str) -> str:
    """A value with its unit and its interval, if it has one."""
    text = shown(measure.value, unit)
    if measure.low is None or measure.high is None:
        return text
    return f"{text} [{shown(measure.low, unit)}, {shown(measure.high, unit)}]"
