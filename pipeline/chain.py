"""The way of a frame: analyse, plan, render.

Nothing is written before every frame was looked at, and no face-frame of the plan can leave
uncovered: what cannot be drawn is covered by its box, and what cannot be covered stops the file.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from pipeline import fading, planes
from pipeline.analysis import Analysis, Faults, analyse
from pipeline.cast import Cast
from pipeline.contract import Floats, Frame, Image, Ints, Patch, Person
from pipeline.coverage import Rung
from pipeline.crew import Crew
from pipeline.errors import DeidError, MediaError, RoomError
from pipeline.geometry import bounds, pixels, scaled
from pipeline.media import Source
from pipeline.planning import Plan, Planned, plan
from pipeline.pose import posed
from pipeline.record import FALLBACK, ORIGINAL, PASTED, SURROGATE
from pipeline.recording import Recorder
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Sighting
from pipeline.wearing import wear
from replacer.fill import MARGIN
from replacer.glasses import bared
from replacer.occlusion import Own

_REGION: Final = 1.7
_MIDDLE: Final = 0.5
_HIDDEN: Final = 0.75
_HIDDEN_BEHIND: Final = 0.4  # where dark glasses hide the rest
_HIDDEN_IN_FRONT: Final = 0.6  # where something else does
_LONG: Final = 500_000_000  # pixels of all frames, from which on half a second counts little

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What was done to one file."""

    frames: int = 0
    expected: int = 0
    tracks: int = 0
    persons: int = 0
    surrogates: int = 0
    fallbacks: int = 0
    kept: int = 0
    faults: Faults = field(default_factory=Faults)
    recorder: Recorder | None = None  # None where no record is asked for

    def count(self, how: str, faults: int) -> None:
        """One more face-frame, how it is shown and how often a room failed on it."""
        self.kept += how == ORIGINAL
        self.fallbacks += how == FALLBACK
        self.surrogates += how not in {ORIGINAL, FALLBACK}
        self.faults.count += faults


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: which pass, and how many of its frames are done."""

    phase: str  # "analyse" or "render"
    frames: int


def run(
    source: Source,
    target: Path,
    rooms: Rooms,
    settings: Settings,
    salt: bytes,
    report: Report,
    cast: Cast | None = None,
) -> Iterator[Step]:
    """De-identify one file; `target` appears when the iterator is exhausted.

    Persons whom `cast` holds keep their surrogates; without one those of the file are its own.

    Raises MediaError where the file cannot be read or written; nothing is left behind then.
    """
    analysis = Analysis(b"")
    for analysis in analyse(source, rooms, settings):
        yield Step("analyse", analysis.frames)
    if analysis.frames * analysis.size[0] * analysis.size[1] > _LONG:
        rooms.rest()
    todo = plan(analysis, rooms, settings, salt, cast)
    analysis.tracks.clear()  # the plan holds what is needed of them
    yield from render(source, target, (analysis, todo), rooms, settings, report)


def render(
    source: Source,
    target: Path,
    planned: tuple[Analysis, Plan],
    rooms: Rooms,
    settings: Settings,
    report: Report,
) -> Iterator[Step]:
    """The last step of `run`: write `target` as planned, then the record of it."""
    analysis, todo = planned
    own: dict[int, Own] = {}
    report.tracks, report.persons = len(todo.tracks), len(todo.persons)
    report.faults, report.expected = analysis.faults, analysis.frames
    with Crew() as crew, source.writer(target, settings) as writer:
        with (
            crew.ahead(source.frames(), _as_it_is) as frames,
            crew.behind(writer) as encoder,
        ):
            for frame in frames:
                _check_count(source, frame.index < analysis.frames)
                encoder.write(covered(frame, todo, rooms, report, own, crew))
                report.frames = frame.index + 1
                yield Step("render", report.frames)
        _check_count(source, report.frames == analysis.frames)
    if report.recorder is not None:
        report.recorder.write(source.path, target, planned)


def _as_it_is(frame: Frame) -> Frame:
    return frame


def _check_count(source: Source, same: bool) -> None:
    """A frame that nobody looked at must not be shown."""
    if not same:
        raise MediaError(f"{source.path}: changed while it was read; run again when it is whole")


def covered(
    frame: Frame,
    todo: Plan,
    rooms: Rooms,
    report: Report,
    own: dict[int, Own] | None = None,
    crew: Crew | None = None,
) -> Frame:
    """The frame with every planned face replaced or covered; far faces first.

    `own` is what the frames before told of each track's face; it learns from this one. A `crew`
    draws several faces at once.
    """
    if report.recorder is not None:
        report.recorder.frame(frame)
    here = [(todo.tracks[track], row, track) for track, row in todo.at.get(frame.index, [])]
    here.sort(key=lambda place: place[0].sightings[place[1]].width)
    known: dict[int, Own] = {}
    if own is not None:
        known = {number: own.get(number, Own()) for _, _, number in here}
        own.clear()
        own.update(known)

    def hidden(place: tuple[Planned, int, int]) -> tuple[str, list[Patch], int]:
        faults = Faults()
        track, row, number = place
        how, drawn = _patches(frame, (track, row), known.get(number), (todo, rooms, faults))
        return how, drawn, faults.count

    several = crew is not None and rooms.drawing is not None and rooms.drawing.concurrent
    drawn = crew.all(hidden, here) if crew and several else [hidden(place) for place in here]
    for (_, _, number), (how, patches, faults) in zip(here, drawn, strict=True):
        report.count(how, faults)
        if report.recorder is not None:
            report.recorder.face((number, frame.index), how, patches, faults > 0)
    every = [patch for _, patches, _ in drawn for patch in patches]
    return planes.paste(frame, every) if every else frame


def _patches(
    frame: Frame, place: tuple[Planned, int], own: Own | None, job: tuple[Plan, Rooms, Faults]
) -> tuple[str, list[Patch]]:
    """How one face-frame is covered, and with what: its surrogate, its cover where there is none,
    both where they change.
    """
    (track, row), (todo, rooms, faults) = place, job
    if track.shows(row):
        return ORIGINAL, []
    sighting, rung, share = track.sightings[row], track.rungs[row], track.mix[row]
    drawing, donors = rooms.drawing, todo.donors[track.person]
    drawn: list[tuple[Patch, float]] | None = None
    if rung != Rung.COVER and share > 0 and drawing is not None and donors is not None:
        who = donors, todo.persons[track.person], own
        drawn = faults.guarded(lambda: _surrogate(frame, sighting, who, (drawing, faults)), None)
    if drawn is None or not _hides(drawn[-1][0], sighting.box, frame.size):
        return FALLBACK, [_cover(frame, sighting, rooms)]
    shown, how = drawn[-1][0], SURROGATE if rung == Rung.SURROGATE else PASTED
    if rung == Rung.SURROGATE:
        shown = next(p for p, least in drawn if _hides(p, sighting.box, frame.size, least))
    beside = fading.around(track, row)
    if beside == 0:
        return how, [shown]
    return how, fading.faded(_cover(frame, sighting, rooms), shown, share, beside)


def _surrogate(
    frame: Frame,
    sighting: Sighting,
    who: tuple[Ints, Person, Own | None],
    job: tuple[Drawing, Faults],
) -> list[tuple[Patch, float]]:
    """The person's surrogate on this frame's mesh, or on one posed by its landmarks.

    The last is whole; those before it leave out what lies behind the person's own glasses, and
    what else is in front of the face. Each with the share of the face that it must hide.
    """
    mesh, fitted = sighting.mesh, True
    if sighting.mesh_score < MESH_FOUND or not np.isfinite(mesh).all():
        fitted = False
        mesh = posed(sighting.landmarks, job[0].canonical.shape)
    (donors, person, own), (drawing, faults) = who, job
    surrogate = drawing.generator.generate(donors, person, mesh, sighting.gaze)
    x1, y1, x2, y2 = pixels(scaled(bounds(mesh), _REGION), frame.size)
    region = planes.region(frame, (x1, y1, x2, y2))
    mesh = mesh - np.array([x1, y1, 0], np.float32)
    rest = own.rest if own is not None and fitted else None
    if rest is not None:
        rest.look(region, mesh)
    front = _in_front(region, mesh, own, job) if fitted else None
    read = front is not None and not (rest is not None and rest.resting)
    bare = bared(region, front) if front is not None and read else region
    whole, behind = wear(bare, mesh, (donors, person, surrogate), (drawing, faults, fitted), rest)
    drawn = [(behind, _HIDDEN_BEHIND), (whole, _HIDDEN)]
    if front is not None:
        drawn.insert(0, (_behind(behind, front), _HIDDEN_IN_FRONT))
    if not drawn[-1][0].rgb.size:
        raise ValueError("the surrogate lies outside the frame")
    return [
        (Patch(p.rgb, p.alpha, (p.corner[0] + x1, p.corner[1] + y1)), least) for p, least in drawn
    ]


def _in_front(
    region: Image, mesh: Floats, own: Own | None, job: tuple[Drawing, Faults]
) -> Floats | None:
    """(h, w) what hides parts of the face at `mesh`, None where nothing does or is to stay."""
    occlusion, faults = job[0].occlusion, job[1]
    if occlusion is None:
        return None
    over = faults.guarded(lambda: occlusion.over(region, mesh, own), None)
    return over if over is not None and over.size else None


def _behind(patch: Patch, front: Floats) -> Patch:
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    alpha = patch.alpha * (1 - front[y : y + height, x : x + width])
    return Patch(patch.rgb, alpha.astype(np.float32), patch.corner)


def _cover(frame: Frame, sighting: Sighting, rooms: Rooms) -> Patch:
    """The last rung: where it fails too, the file gets no output."""
    try:
        patch = _filled(frame, sighting, rooms)
        if not _hides(patch, sighting.box, frame.size):
            raise ValueError("it does not lie over the face")
    except DeidError:
        raise
    except Exception as error:
        raise RoomError(
            f"a face in frame {frame.index} cannot be covered ({type(error).__name__}: {error}); "
            "try another --mode"
        ) from error
    return patch


def _hides(patch: Patch, box: Floats, size: tuple[int, int], least: float = _HIDDEN) -> bool:
    """Whether the patch lies over the middle of a box, as far as that is in the picture."""
    x1, y1, x2, y2 = pixels(scaled(box, _MIDDLE), size)
    if x1 >= x2 or y1 >= y2:
        return bool(np.isfinite(patch.alpha).all())
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    left, top, right, bottom = max(x, x1), max(y, y1), min(x + width, x2), min(y + height, y2)
    if left >= right or top >= bottom:
        return least <= 0
    over = patch.alpha[top - y : bottom - y, left - x : right - x].sum(dtype=np.float64)
    return bool(over >= least * ((x2 - x1) * (y2 - y1)))


def _filled(frame: Frame, sighting: Sighting, rooms: Rooms) -> Patch:
    x1, y1, x2, y2 = pixels(_inside(scaled(sighting.box, MARGIN), frame.size), frame.size)
    region = planes.region(frame, (x1, y1, x2, y2))
    patch = rooms.fallback.cover(region, sighting.box - np.array([x1, y1, x1, y1], np.float32))
    return Patch(patch.rgb, patch.alpha, (patch.corner[0] + x1, patch.corner[1] + y1))


def _inside(box: Floats, size: tuple[int, int]) -> Floats:
    """The box with a pixel at least in the picture."""
    most = np.array([*size, *size], np.float32) - 1
    return np.clip(box, 0, most).astype(np.float32)
