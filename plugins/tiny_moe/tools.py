"""The eight tools that tiny-moe learned to call, as OpenAI function schemas.

Format: https://platform.openai.com/docs/guides/function-calling (``type``, ``function.name``,
``function.parameters`` as JSON Schema), the one chat templates of open models expect.
"""

from typing import Any

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "INR"]
UNITS = ["celsius", "fahrenheit"]

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}


def _enum(values: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": values}


def _tool(
    name: str, description: str, optional: int = 0, **properties: dict[str, Any]
) -> dict[str, Any]:
    """One function schema; the last ``optional`` properties may be left out of a call."""
    required = list(properties)[: len(properties) - optional]
    parameters = {"type": "object", "properties": properties, "required": required}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


#: name -> schema, in the order in which calls list their arguments
TOOLS: dict[str, dict[str, Any]] = {
    tool["function"]["name"]: tool
    for tool in (
        _tool("get_weather", "Weather in a city.", 1, city=STRING, unit=_enum(UNITS)),
        _tool("add_numbers", "Sum of two integers.", a=INTEGER, b=INTEGER),
        _tool("send_message", "Message a person.", to=STRING, text=STRING),
        _tool("set_timer", "Start a timer.", 1, minutes=INTEGER, label=STRING),
        _tool(
            "find_flights",
            "Flights between cities.",
            1,
            origin=STRING,
            destination=STRING,
            passengers=INTEGER,
        ),
        _tool("play_song", "Play a song.", 1, title=STRING, artist=STRING),
        _tool("add_event", "Add to the calendar.", 1, title=STRING, day=_enum(DAYS), hour=INTEGER),
        _tool(
            "convert_currency",
            "Convert money.",
            amount=INTEGER,
            source=_enum(CURRENCIES),
            target=_enum(CURRENCIES),
        ),
    )
}
