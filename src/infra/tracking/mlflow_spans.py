"""A record as MLflow traces: the run's timeline, and one trace for each of the first prompts.

    run -> stages -> prompts -> tool calls

A prompt with rounds of results is an ``AGENT`` with its requests and tools inside.

Ids are derived from the run, so that publishing again overwrites.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from infra.tracking.mlflow_run import ended, name
from infra.types import Call, Generation, Json, Record, Result

if TYPE_CHECKING:
    from mlflow.entities import Span

#: traces of a run: its timeline and so many prompts less one
TRACES = 20
#: prompts on the timeline
TIMELINE = 200
#: prompts with what was said, of a run of a sweep: what is sent there keeps the next run waiting
SWEPT = 4


class Trace:
    """The spans of one trace; times are seconds since ``origin``, a Unix time."""

    def __init__(self, seed: str, origin: float) -> None:
        self.bytes = hashlib.sha256(seed.encode()).digest()[:16]
        self.id = f"tr-{self.bytes.hex()}"
        self.origin = origin
        self.spans: list[Span] = []

    def add(
        self,
        name: str,
        kind: str,
        times: tuple[float, float],
        parent: str | None = None,
        *,
        error: str | None = None,
        events: Sequence[tuple[str, float]] = (),
        **attributes: Json,
    ) -> str:
        """Append a finished span.

        Args:
            kind: MLflow's span type, e.g. ``TOOL``.
            times: start and end.
            error: what went wrong, if anything.
            events: names and times.
            attributes: ``inputs`` and ``outputs`` are MLflow's; others are shown as they are.

        Returns:
            Its id, for the spans inside it.
        """
        from mlflow.entities import Span  # noqa: PLC0415  # heavy

        number = len(self.spans).to_bytes(8, "big")
        span = _text(hashlib.sha256(self.bytes + number).digest()[:8])
        known = {"inputs": "mlflow.spanInputs", "outputs": "mlflow.spanOutputs"}
        values = {known.get(key, key): value for key, value in attributes.items()}
        values |= {"mlflow.traceRequestId": self.id, "mlflow.spanType": kind}
        if parent is None:
            values["mlflow.traceTag.mlflow.traceName"] = name
        data = {
            "trace_id": _text(self.bytes),
            "span_id": span,
            "parent_span_id": parent,
            "name": name,
            "start_time_unix_nano": self._nanoseconds(times[0]),
            "end_time_unix_nano": self._nanoseconds(times[1]),
            "status": {
                "code": f"STATUS_CODE_{'ERROR' if error else 'OK'}",
                "message": error or "",
            },
            "attributes": {key: json.dumps(value) for key, value in values.items()},
            "events": [
                {"name": event, "time_unix_nano": self._nanoseconds(time)} for event, time in events
            ],
        }
        self.spans.append(Span.from_dict(data))
        return span

    def _nanoseconds(self, t: float) -> int:
        return round((self.origin + t) * 1e6) * 1000


def traces(record: Record, folder: str) -> list[Trace]:
    """At most 20: the timeline of the run, then its first prompts with what was said; of a run of a
    sweep at most 5."""
    seed, swept = f"{folder}/{record.started}", record.plan["sweep"]
    found = [_timeline(record, Trace(seed, record.started))]
    for rounds in _prompts(record.generations)[: SWEPT if swept else TRACES - 1]:
        trace = Trace(f"{seed}/{rounds[0].index}", record.started)
        _conversation(trace, rounds, ended(record) - record.started, None, told=True)
        found.append(trace)
    return found


def _prompts(generations: Iterable[Generation]) -> list[list[Generation]]:
    """The rounds of each prompt."""
    return [list(rounds) for _, rounds in groupby(generations, lambda each: each.index)]


def _timeline(record: Record, trace: Trace) -> Trace:
    end = ended(record) - record.started
    error = None if record.status == "FINISHED" else f"{record.status}: {record.cause}"
    asked = {key: record.plan[key] for key in ("backend", "quantization", "experts_active")}
    outcome = {"status": record.status, "cause": record.cause}
    root = trace.add(name(record), "CHAIN", (0.0, end), error=error, inputs=asked, outputs=outcome)
    inside = {"warmup": root, "generate": root}
    for stage in record.stages:
        memory = dict(stage.memory)
        times = (stage.start, stage.end)
        inside[stage.name] = trace.add(stage.name, "TASK", times, root, memory=memory)
    for phase, requests in (("warmup", record.warmup), ("generate", record.generations)):
        for rounds in _prompts(requests)[:TIMELINE]:
            _conversation(trace, rounds, end, inside[phase], told=False)
    return trace


def _conversation(
    trace: Trace, rounds: list[Generation], run_end: float, parent: str | None, told: bool
) -> None:
    """A prompt: its one request, or all of its rounds with what they ran."""
    first, last = rounds[0], rounds[-1]
    if len(rounds) == 1 and not first.results:
        _generation(trace, first, run_end, parent, **(_said(first) | _tags(first) if told else {}))
        return
    shown = {"inputs": _asked(first), "outputs": _answered(last), **_tags(last)} if told else {}
    ends = [last.end or run_end, *(result.end or run_end for result in last.results)]
    agent = trace.add(
        first.prompt.id, "AGENT", (first.start, max(ends)), parent,
        exact=last.exact, outcomes=dict(last.outcomes), **shown,
    )  # fmt: skip
    for each in rounds:
        _generation(trace, each, run_end, agent, **(_said(each) if told else {}))
        for result in each.results:
            _result(trace, result, run_end, agent)


def _result(trace: Trace, result: Result, run_end: float, parent: str) -> None:
    unfinished = "unfinished" if result.end is None else None
    trace.add(
        result.call.name, "TOOL", (result.start, result.end or run_end), parent,
        error=result.error or unfinished, simulated=result.simulated,
        inputs=result.call.arguments, outputs=result.value,
    )  # fmt: skip


def _generation(
    trace: Trace, each: Generation, run_end: float, parent: str | None, **said: Json
) -> None:
    end = each.end or run_end
    used = {"input_tokens": each.prompt_ids, "output_tokens": len(each.ids)}
    known = {
        "mlflow.chat.tokenUsage": used | {"total_tokens": sum(used.values())},
        "finish": each.finish,
        "exact": each.exact,
        "outcomes": dict(each.outcomes),
        "evaluated": each.evaluated,
    }
    span = trace.add(
        each.prompt.id, "CHAT_MODEL", (each.start, end), parent,
        error="unfinished" if each.end is None else None,
        events=[] if each.first_text is None else [("first text", each.first_text)],
        **known, **said,
    )  # fmt: skip
    for call in each.reply.calls if each.reply and not each.results else ():
        # when the model wrote it is known only for the whole answer
        trace.add(call.name, "TOOL", (end, end), span, inputs=call.arguments)


def _said(each: Generation) -> dict[str, Json]:
    """What went in and came out, in the shape that MLflow's page shows as a chat."""
    return {"inputs": _asked(each), "outputs": _answered(each)}


def _asked(each: Generation) -> Json:
    return {"messages": list(each.prompt.messages), "tools": list(each.prompt.tools)}


def _answered(each: Generation) -> Json:
    message: dict[str, Json] = {"role": "assistant", "content": each.text}
    if each.reply:
        calls = enumerate(each.reply.calls)
        message["content"] = each.reply.content
        message["tool_calls"] = [_call(index, call) for index, call in calls]
    return {"choices": [{"index": 0, "message": message, "finish_reason": each.finish}]}


def _tags(each: Generation) -> dict[str, Json]:
    found = {f"mlflow.traceTag.{judge}": word for judge, word in each.outcomes.items()}
    return found if each.exact is None else {"mlflow.traceTag.exact": each.exact, **found}


def _call(index: int, call: Call) -> dict[str, Json]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id or f"call_{index}", "type": "function", "function": function}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
