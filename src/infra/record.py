"""The record of a run: made from its journal, written so that it is there whole or not at all."""

import dataclasses
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.files import write_atomic
from infra.journal import State, reply_from, results_from, routing_from
from infra.plan import identity_of
from infra.plugins import Registry
from infra.prompts import from_row, to_row
from infra.types import Facts, Generation, Json, Measure, Record, Routing, Stage

RECORD, GENERATIONS, ROUTING = "record.json", "generations.jsonl", "routing.json"
#: counts of experts, layers times experts, that record.json holds; more are in routing.json alone
MOST_COUNTS = 4096


def with_metrics(record: Record, registry: Registry) -> Record:
    """The record with all metrics; one that raises becomes a note."""
    found: dict[str, Json] = {}
    notes = list(record.notes)
    for name, offer in registry.offers["infra_metrics"].items():
        metric = offer.value
        try:
            measure = metric.compute(record)
            if measure is not None:
                found[name] = {**_plain(measure), "unit": metric.unit, "better": metric.better}
        except (Exception, SystemExit) as error:  # a stranger's code may do anything
            notes.append(f"metric {name} of {offer.plugin.file} failed: {error!r}")
    return replace(record, metrics=found, notes=tuple(notes))


def _plain(measure: Measure) -> dict[str, Json]:
    found: dict[str, Json] = {"value": float(measure.value), "n": int(measure.n)}
    if measure.low is None or measure.high is None:
        return found
    return found | {"low": float(measure.low), "high": float(measure.high)}


def from_state(state: State, plan: dict[str, Json], **fields: Any) -> Record:
    """A record of what the journal says; ``fields`` are those it cannot know."""
    done = state.finished()
    return Record(
        plan=plan,
        identity=identity_of(plan),
        stages=tuple(done.stages),
        generations=tuple(done.generations),
        warmup=tuple(done.warmup),
        facts=done.facts,
        parser=done.parser,
        reused=done.reused,
        routing=tuple(done.routing),
        notes=tuple(done.notes),
        **fields,
    )


def write(record: Record, folder: Path) -> tuple[Path, str | None]:
    """Write generations.jsonl, routing.json if it is needed, then record.json, into ``folder``.
    Where it cannot be written, as on a full disk, they go into a temporary folder, and ``folder``
    gets links to them.

    Returns:
        The path of record.json, and a sentence where it is not in ``folder``.
    """
    try:
        return _write(record, folder), None
    except OSError as error:
        path = _write(record, Path(tempfile.mkdtemp(prefix=f"infra-{folder.name}-")))
        _link(folder, path.parent)
        return path, f"{folder} cannot be written ({error.strerror}): the record is {path}"


def _link(folder: Path, elsewhere: Path) -> None:
    """Let the run count as one with a record. A link needs no block of the disk; where it fails
    all the same, the run is no longer one that could be recovered."""
    try:
        for file in elsewhere.iterdir():
            (folder / file.name).unlink(missing_ok=True)
            (folder / file.name).symlink_to(file)
    except OSError:
        with suppress(OSError):
            (folder / "job.json").unlink()


def _write(record: Record, folder: Path) -> Path:
    write_atomic(folder / GENERATIONS, "".join(_lines(record)))
    if any(map(_is_large, record.routing)):
        write_atomic(folder / ROUTING, json.dumps([_routing(each) for each in record.routing]))
    write_atomic(folder / RECORD, json.dumps(summary(record), indent=1) + "\n")
    return folder / RECORD


def summary(record: Record) -> dict[str, Json]:
    """record.json: everything but the generations, whose number and hashes stay."""
    kept = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    kept["stages"] = [dataclasses.asdict(stage) for stage in record.stages]
    kept["facts"] = _facts(record.facts) if record.facts else None
    kept["warmup"], kept["generations"] = len(record.warmup), len(record.generations)
    kept["routing"] = [
        _routing(e) | ({"used": None} if _is_large(e) else {}) for e in record.routing
    ]
    result: dict[str, Json] = json.loads(json.dumps(kept, default=list))
    return result


def _is_large(routing: Routing) -> bool:
    return sum(map(len, routing.used)) > MOST_COUNTS


def _routing(routing: Routing) -> dict[str, Json]:
    """With a line of numbers for each layer."""
    return {**vars(routing), "used": [" ".join(map(str, layer)) for layer in routing.used]}


def _read_routing(data: dict[str, Json]) -> Routing:
    return routing_from({**data, "used": [map(int, layer.split()) for layer in data["used"]]})


def _facts(facts: Facts) -> dict[str, Json]:
    return {**vars(facts), "bits_per_weight": facts.bits_per_weight}


def _lines(record: Record) -> Iterator[str]:
    for phase, generations in (("warmup", record.warmup), ("generate", record.generations)):
        for each in generations:
            row = dataclasses.asdict(each) | {"prompt": to_row(each.prompt), "phase": phase}
            yield json.dumps(row) + "\n"


def read(folder: Path) -> Record:
    """The record that ``write`` left in ``folder``.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is none, or it is of another version.
    """
    data = json.loads((folder / RECORD).read_text())
    rows = [json.loads(line) for line in (folder / GENERATIONS).read_text().split("\n") if line]
    data["stages"] = tuple(Stage(**stage) for stage in data["stages"])
    data["facts"] = _read_facts(data["facts"]) if data["facts"] else None
    data["notes"], data["flags"] = tuple(data["notes"]), tuple(data["flags"])
    if any(each["used"] is None for each in data.setdefault("routing", [])):
        data["routing"] = json.loads((folder / ROUTING).read_text())
    data["routing"] = tuple(map(_read_routing, data["routing"]))
    data["warmup"] = tuple(_generations(row for row in rows if row["phase"] == "warmup"))
    data["generations"] = tuple(_generations(row for row in rows if row["phase"] == "generate"))
    return Record(**data)


def _read_facts(data: dict[str, Json]) -> Facts:
    return Facts(**{key: value for key, value in data.items() if key != "bits_per_weight"})


def _generations(rows: Iterable[dict[str, Any]]) -> Iterator[Generation]:
    for row in rows:
        kept = {key: value for key, value in row.items() if key != "phase"}
        kept["prompt"] = from_row(row["prompt"], "")
        kept["ids"], kept["times"] = tuple(row["ids"]), tuple(row["times"])
        kept["reply"] = reply_from(row["reply"]) if row["reply"] else None
        kept["results"] = results_from(row.get("results", ()))
        yield Generation(**kept)
