"""One run, in the process that holds its model: import -> convert -> load -> warmup -> generate ->
parse. Everything is told to the journal; nothing is logged inside a timed stage but one journal
line a token."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from infra import chat
from infra.calls import scoring
from infra.calls.parsers import choose, declaration, thinking
from infra.calls.rounds import Rounds, check
from infra.calls.toolbox import Toolbox
from infra.clock import Clock
from infra.effective import verify
from infra.errors import InfraError, Refused
from infra.journal import Journal
from infra.plan import Plan
from infra.plugins import registry
from infra.protocols import Attempt, Backend, Engine, Router
from infra.request import Answer, Asked, ids_sha256, request_seed
from infra.resources import memory
from infra.types import Prompt, Routing

if TYPE_CHECKING:
    from infra.calls.guide import Guide
    from infra.calls.matcher import Matcher


class Pipeline:
    """One run in this process."""

    def __init__(self, plan: Plan, prompts: list[Prompt], journal: Journal, clock: Clock) -> None:
        self.plan, self.prompts, self.journal, self.clock = plan, prompts, journal, clock
        self.registry = registry()
        self.answers: list[list[tuple[Asked, Answer]]] = []
        self.guide: Guide | None = None
        self.tools = Toolbox(plan.tools.run, plan.tools.timeout)

    @contextmanager
    def stage(self, name: str, engine: Engine | None = None) -> Iterator[None]:
        """Time one stage; plugins' ``infra_stage`` wrap it from outside its clock."""
        with self.registry.stage(name, self.plan):
            self.journal.write("begin", stage=name)
            start = self.clock.now()
            yield
            end = self.clock.now()
        used = memory.usage()
        used["device"] = engine.device_memory() if engine else None
        self.journal.write("stage", name=name, start=start, end=end, memory=used)

    def open(self, go: Callable[[], object]) -> Engine:
        """Import the engine's library, wait until ``go`` returns, then load the model.

        Raises:
            Refused: the plan cannot run on this machine.
        """
        backend: Backend = self.registry.get("infra_backends", self.plan.backend)
        with self.stage("import"):
            backend.prepare(self.plan)
        self.journal.write("ready")
        go()
        with self.stage("convert"):
            backend.convert(self.plan)
        memory.reset_peak()
        with self.stage("load"):
            return backend.load(self.plan)

    def reopen(self, engine: Engine, loaded_by: str, go: Callable[[], object]) -> None:
        """Go on with an engine that the run ``loaded_by`` has loaded."""
        self.journal.write("reused", run=loaded_by)
        self.journal.write("ready")
        go()
        with self.stage("reuse", engine):
            memory.release(rest_stays=self.plan.isolation == "reuse")
        memory.reset_peak()

    def run(self, engine: Engine) -> None:
        """The stages after the load.

        Raises:
            Refused: the plan cannot be done with this model or these prompts.
            Failed: what was loaded is not what was asked for.
        """
        self.journal.write("facts", **vars(engine.facts))
        verify(self.plan, engine.facts)
        check_counts(self.plan, engine)
        self.prepare(engine)
        self.check_lengths(engine)
        with closing(self.tools):
            self.answer(engine)
        with self.stage("parse", engine):
            self.parse()

    def prepare(self, engine: Engine) -> None:
        """Choose the parser, and make sure that what is planned can be done with this model."""
        declared = declaration(self.plan.model.path)
        asked, template = self.plan.tools.parser, engine.template
        self.parser, reason = choose(self.registry, asked, template, declared)
        self.journal.write("parser", reason=reason)
        if template is None:
            self.journal.write("note", text=chat.NONE)
        self.thinking = [thinking(template, prompt, self.parser) for prompt in self.prompts]
        self.rounds = Rounds(self.tools, self.parser, template, self.journal, self.clock)
        if self.plan.tools.loop:
            check(template, self.prompts)
        if self.plan.constraint.kind != "none":
            with self.stage("constrain", engine):
                self.constrain(engine)

    def constrain(self, engine: Engine) -> None:
        """Make sure that every answer can be held to the plan's constraint."""
        from infra.calls.guide import Guide  # noqa: PLC0415  # llguidance comes with the engines

        self.guide = Guide(self.plan, self.parser, engine.grammar_tokenizer())
        for prompt, thinks in zip(self.prompts, self.thinking, strict=True):
            self.guide.matcher(prompt, thinks)

    def check_lengths(self, engine: Engine) -> None:
        """Every prompt must fit before the first is asked."""
        for prompt in self.prompts:
            length = len(encoded(engine, prompt))
            if length >= engine.facts.context:
                raise Refused(
                    f"Prompt {prompt.id!r} has {length} tokens and the context holds "
                    f"{engine.facts.context}: raise load.context or shorten it."
                )

    def answer(self, engine: Engine) -> None:
        """Warm up on the first prompts, then ask them all."""
        with self.stage("warmup", engine):
            for index in range(min(self.plan.warmup, len(self.prompts))):
                self.request(engine, self.first(index))
        routed(engine)  # the warm-up's, which count nowhere
        with self.stage("generate", engine):
            self.answers = [self.converse(engine, index) for index in range(len(self.prompts))]
        if phases := routed(engine):
            self.journal.write("routing", phases=phases)

    def first(self, index: int) -> Asked:
        """A prompt before any of its calls."""
        return Asked(index, self.prompts[index], self.thinking[index])

    def converse(self, engine: Engine, index: int) -> list[tuple[Asked, Answer]]:
        """Ask a prompt, then go on with the results of its calls, up to ``tools.loop`` times."""
        rounds: list[tuple[Asked, Answer]] = []
        asked: Asked | None = self.first(index)
        while asked:
            answer = self.request(engine, asked)
            rounds.append((asked, answer))
            last = asked.round == self.plan.tools.loop or answer.finish == "context"
            asked = None if last else self.rounds.after(asked, self.read(asked, answer.text).reply)
        return rounds

    def request(self, engine: Engine, asked: Asked) -> Answer:
        """One prompt from its rendering to its last token; without any where it does not fit."""
        now = self.clock.now
        start = now()
        guide, prompt = self.guide, asked.prompt
        ids = engine.encode(prompt)
        matcher = guide.matcher(prompt, asked.thinking, asked.round) if guide else None
        end = prefill_start = now()
        request = {
            "index": asked.index, "round": asked.round, "said": asked.said, "start": start,
            "prefill_start": prefill_start, "prompt_ids": len(ids),
        }  # fmt: skip
        answer = Answer(self.plan.sampling, engine.eos, engine.facts.context - len(ids))
        if answer.finish:
            self.journal.write("request", evaluated=0, prompt_sha256=ids_sha256(ids), **request)
        else:
            end = self.generate(engine, ids, answer, matcher, request)
        self.journal.write("response", end=end, text=answer.text, finish=answer.finish)
        return answer

    def generate(
        self,
        engine: Engine,
        ids: Sequence[int],
        answer: Answer,
        matcher: "Matcher | None",
        request: dict[str, Any],
    ) -> float:
        """All tokens of an answer; gives the time of the last."""
        now = self.clock.now
        seed = request_seed(
            self.plan.sampling.seed, request["index"], self.plan.repeat, request["round"]
        )
        tokens = engine.generate(ids, replace(self.plan.sampling, seed=seed), matcher)
        token, time = next(tokens), now()
        hashed = ids_sha256(ids)
        self.journal.write("request", evaluated=len(ids), prompt_sha256=hashed, **request)
        while True:
            self.journal.token(token.id, time, answer.take(token))
            if matcher:
                matcher.accept(token.id)
            if answer.finish:
                return time
            token, time = next(tokens), now()

    def parse(self) -> None:
        """Read the tool calls of all answers and hold those of a prompt against the expected."""
        position = count()
        for rounds in self.answers:
            attempts: list[Attempt] = []
            for asked, answer in rounds:
                attempts.append(self.read(asked, answer.text, tuple(attempts)))
            for each in attempts[:-1]:
                self.journal.write("reply", position=next(position), reply=each.reply)
            last = attempts[-1]
            self.journal.write(
                "reply", position=next(position), reply=last.reply, exact=exact(last),
                outcomes=self.judge(last),
            )  # fmt: skip

    def read(self, asked: Asked, text: str, earlier: tuple[Attempt, ...] = ()) -> Attempt:
        """An answer taken apart."""
        opened = asked.thinking == "open"
        reply = self.parser.parse(text, asked.prompt.tools, starts_in_reasoning=opened)
        return Attempt(asked.prompt, text, reply, self.parser, opened, earlier)

    def judge(self, attempt: Attempt) -> dict[str, str]:
        """What the judges say of the calls, by their names; one that raises becomes a note."""
        words: dict[str, str] = {}
        for name, offer in self.registry.offers["infra_judges"].items():
            try:
                word = offer.value(attempt)
            except (Exception, SystemExit) as error:  # a stranger's code may do anything
                self.journal.write("note", text=f"judge {name} of {offer.plugin.file}: {error!r}")
            else:
                words |= {} if word is None else {name: str(word)}
        return words


def exact(attempt: Attempt) -> bool | None:
    """Whether the calls of all rounds are those expected; ``None`` where nothing tells."""
    wanted = attempt.prompt.expected
    return scoring.exact(attempt.calls, wanted) if isinstance(wanted, tuple) else None


def check_counts(plan: Plan, engine: Engine) -> None:
    """
    Raises:
        Refused: the routing shall be counted, and the engine does not see it.
    """
    if plan.experts.telemetry and not isinstance(engine, Router):
        raise Refused(
            f"experts.telemetry=true: backend={plan.backend} does not see where tokens are "
            "routed. Leave it out, or try backend=llama_cpp or transformers."
        )


def routed(engine: Engine) -> list[Routing]:
    """What the engine counted since the last call; nothing where it does not count."""
    return list(engine.routing()) if isinstance(engine, Router) else []


def encoded(engine: Engine, prompt: Prompt) -> list[int]:
    """The token ids of ``prompt``.

    Raises:
        Refused: the engine or its chat template does not take the prompt.
    """
    try:
        return engine.encode(prompt)
    except InfraError:
        raise
    except Exception as error:  # an engine may raise anything
        raise Refused(
            f"The engine does not take prompt {prompt.id!r}: {type(error).__name__}: {error}."
        ) from error
