"""Where the time of a run goes: clocks around rooms and media, about two microseconds a call.

A stage's time is its own: while one runs inside another, only the inner one's clock goes. Stages
in several threads add up, so that their sum can be more than the time that passed. Beside the time
stands that of all processors meanwhile, which other programs disturb less; it means something where
one stage runs at a time, so stages are clocked on one core. What encoder and decoder do in threads
of their own counts for the stage that runs while they do it.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from pipeline import analysis, chain, changes, planes, planning, search, trial
from pipeline.contract import Frame
from pipeline.media import Source, Writer
from pipeline.parting import Partings
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.shots import Shots
from pipeline.tracking import Tracker

ANALYSE: Final = "analyse"
PLAN: Final = "plan"
RENDER: Final = "render"
PHASES: Final = (ANALYSE, PLAN, RENDER)
# What is no room's verb: its owner, its name, its stage, and whether what it calls counts as it.
_PLACES: Final[tuple[tuple[Any, str, str, bool], ...]] = (
    (planes, "picture", "picture", False),
    (planes, "region", "region", False),
    (planes, "paste", "paste", False),
    (search, "_turned", "look closer", True),
    (search, "_in_pieces", "look closer", True),
    (search, "_in_parts", "look closer", True),
    (changes, "moved", "look closer", True),
    (changes, "changed", "look closer", True),
    (Shots, "cut", "shots", False),
    (Shots, "note", "shots", False),
    (Tracker, "step", "track", False),
    (Partings, "step", "partings", False),
    (analysis, "digest", "digest", False),
    (analysis, "keep_looks", "keep looks", False),
    (analysis, "learn", "describe", False),
    (trial, "least_alike", "trial", True),
    (chain, "covered", "compose", False),
)

Key = tuple[str, str]  # phase and stage
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Spent:
    """Of one stage in one phase."""

    seconds: float = 0.0
    cpu: float = 0.0
    calls: int = 0
    first: float = 0.0  # seconds of the first call, in which networks are compiled

    def add(self, since: tuple[float, float], now: tuple[float, float]) -> None:
        """What passed between two moments."""
        self.seconds += now[0] - since[0]
        self.cpu += now[1] - since[1]


@dataclass(slots=True)
class _Thread:
    """The stages that one thread is in, the innermost last, and what it has spent."""

    stack: list[tuple[Key, bool]] = field(default_factory=list)
    since: tuple[float, float] = (0.0, 0.0)
    spent: dict[Key, Spent] = field(default_factory=dict)

    def enter(self, key: Key, whole: bool) -> None:
        now = _now()
        if self.stack:
            outer, absorbs = self.stack[-1]
            self.spent[outer].add(self.since, now)
            if absorbs:
                key, whole = outer, True
        self.spent.setdefault(key, Spent())
        self.stack.append((key, whole))
        self.since = now

    def leave(self) -> None:
        now = _now()
        key, _ = self.stack.pop()
        spent = self.spent[key]
        spent.add(self.since, now)
        if not self.stack or self.stack[-1][0] != key:
            spent.calls += 1
            spent.first = spent.first if spent.calls > 1 else spent.seconds
        self.since = now


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


class Stopwatch:
    """`spent` grows as what was `timed` is called; `phase` says in which step of a run that is."""

    def __init__(self) -> None:
        self.phase = ANALYSE
        self._local = threading.local()
        self._threads: list[_Thread] = []

    @property
    def spent(self) -> dict[Key, Spent]:
        """Seconds and calls by phase and stage, in the order in which they were met first."""
        result: dict[Key, Spent] = {}
        for thread in self._threads:
            for key, spent in thread.spent.items():
                total = result.setdefault(key, Spent())
                total.seconds += spent.seconds
                total.cpu += spent.cpu
                total.calls += spent.calls
                total.first += spent.first
        return result

    def timed(self, stage: str, work: Callable[P, R], whole: bool = False) -> Callable[P, R]:
        """`work` on the clock of `stage`; where it is `whole`, so is what it calls."""

        def call(*args: P.args, **options: P.kwargs) -> R:
            mine: _Thread | None = getattr(self._local, "thread", None)
            if mine is None:
                mine = self._local.thread = _Thread()
                self._threads.append(mine)
            mine.enter((self.phase, stage), whole)
            try:
                return work(*args, **options)
            finally:
                mine.leave()

        return call


@contextmanager
def clocks(watch: Stopwatch, rooms: Rooms) -> Iterator[None]:
    """Within the block every stage of a run is timed."""
    changed: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, changing: Any) -> None:
        changed.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, changing)

    try:
        for owner, name, stage, whole in _PLACES:
            put(owner, name, watch.timed(stage, getattr(owner, name), whole))
        for stage, room in _stages(rooms):
            for name in _verbs(room):
                put(room, name, watch.timed(stage, getattr(room, name)))
        put(chain, "plan", _planning(watch, planning.plan))
        yield
    finally:
        for owner, name, before in reversed(changed):
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def _stages(rooms: Rooms) -> list[tuple[str, object]]:
    """The rooms with the names of their stages."""
    quick = search.quick(rooms.detector)
    detectors = [rooms.detector] if quick is rooms.detector else [rooms.detector, quick]
    found: dict[str, object] = {
        "mesh": rooms.mesh,
        "iris": rooms.eyes,
        "cover": rooms.fallback,
    }
    drawing = rooms.drawing
    if drawing is not None:
        found |= {
            "extract": drawing.extractor,
            "generate": drawing.generator,
            "replace": drawing.replacer,
            "glasses": drawing.glasses,
            "occlusion": drawing.occlusion,
        }
    some = [("detect", detector) for detector in detectors]
    return some + [(stage, room) for stage, room in found.items() if room is not None]


def _verbs(room: object) -> list[str]:
    kind = type(room)
    return [n for n in dir(kind) if not n.startswith("_") and callable(getattr(kind, n))]


def _planning(watch: Stopwatch, plan: Callable[P, R]) -> Callable[P, R]:
    timed = watch.timed("plan", plan)

    def call(*args: P.args, **options: P.kwargs) -> R:
        watch.phase = PLAN
        try:
            return timed(*args, **options)
        finally:
            watch.phase = RENDER

    return call


@dataclass(frozen=True, eq=False)
class TimedSource:
    """A source whose decoding and encoding are timed."""

    source: Source
    watch: Stopwatch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def frames(self) -> Iterator[Frame]:
        """Those of the source."""
        following = self.watch.timed("decode", iter(self.source.frames()).__next__)
        while True:
            try:
                frame = following()
            except StopIteration:
                return
            yield frame

    @contextmanager
    def writer(self, target: Path, settings: Settings) -> Iterator[Writer]:
        """That of the source; what the encoder does at its end is a part of encoding."""
        inner: AbstractContextManager[Writer] = self.source.writer(target, settings)
        writer = self.watch.timed("encode", inner.__enter__)()
        try:
            yield _TimedWriter(self.watch.timed("encode", writer.write))
        except BaseException:
            if not inner.__exit__(*sys.exc_info()):
                raise
        else:
            self.watch.timed("encode", inner.__exit__)(None, None, None)


@dataclass(frozen=True, eq=False)
class _TimedWriter:
    write: Callable[[Frame], None]
