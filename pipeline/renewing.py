"""The record of a file that was rendered again: the one that was edited, brought up to date."""

import logging
from copy import deepcopy
from pathlib import Path
from typing import Final

from pipeline import k_same, recording, suspects
from pipeline import record as records
from pipeline.analysis import digest
from pipeline.chain import Report
from pipeline.edits import ADDED, BY_HAND
from pipeline.planning import Plan
from pipeline.record import (
    FALLBACK,
    KEEP,
    ORIGINAL,
    PASTED,
    SURROGATE,
    Output,
    PersonEntry,
    Record,
    Rendered,
    TrackEntry,
)
from pipeline.recording import Recorder
from pipeline.replanning import Draft

_GUARANTEED: Final = "guaranteed"

log = logging.getLogger(__name__)


def renewed(
    draft: Draft,
    plan: Plan,
    recorder: Recorder,
    places: tuple[Path, Path],
    models: dict[str, str],
) -> Record:
    """The draft's record as it is now that the plan was rendered; `places` are those of the output,
    which is whole, and of the record.
    """
    before, (target, path) = draft.record, places
    tracks = deepcopy(draft.tracks)
    changed = {track.number for track in tracks if track.edited}
    for track in tracks:
        if track.edited:
            _forget(track)
    for number, row in enumerate(draft.rows):
        _note(tracks[row], recorder, number)
    for track in tracks:
        track.rendered = Rendered(track.decision, track.person)
    return Record(
        recording.tool(),
        before.settings,
        models,
        before.guarantee if not changed else _guarantee(before),
        before.input,
        Output(records.relative(target, path.parent), digest(target).hex()),
        _persons(draft, plan, tracks),
        tracks,
        [],
        _suspects(draft, plan, recorder, changed),
    )


def count(record: Record, report: Report) -> None:
    """Tell in the report what the whole output shows."""
    report.tracks, report.persons = len(record.tracks), len({t.person for t in record.tracks})
    frames = {SURROGATE: 0, PASTED: 0, FALLBACK: 0, ORIGINAL: 0}
    for track in record.tracks:
        for how, first, last in track.coverage:
            frames[how] += last - first + 1
    report.frames = record.input.frames
    report.surrogates, report.fallbacks = frames[SURROGATE] + frames[PASTED], frames[FALLBACK]
    report.kept = frames[ORIGINAL]


def _forget(track: TrackEntry) -> None:
    """Nothing of a track that was edited is covered any more, unless it is drawn anew."""
    if track.reason != ADDED:
        track.reason = BY_HAND
    track.altered = [None] * len(track.boxes)
    frames = [frame for _, first, last in track.coverage for frame in range(first, last + 1)]
    track.coverage = recording.coverage(frames, [ORIGINAL] * len(frames))


def _note(track: TrackEntry, recorder: Recorder, number: int) -> None:
    """What the recorder was told of the track, the plan's track `number`, in the frames drawn."""
    how = {f: name for name, first, last in track.coverage for f in range(first, last + 1)}
    for frame, name, box in recorder.faces(number):
        how[frame] = name
        track.altered[frame - track.first] = box
    frames = sorted(how)
    track.coverage = recording.coverage(frames, [how[frame] for frame in frames])


def _persons(draft: Draft, plan: Plan, tracks: list[TrackEntry]) -> list[PersonEntry]:
    """Everybody, with the donors they wear now; who is replaced is nobody of the keep-list."""
    persons = {person.number: deepcopy(person) for person in draft.record.persons}
    for number, mix in zip(draft.persons, plan.donors, strict=True):
        person = persons.setdefault(number, PersonEntry(number, None))
        person.donors = person.donors if mix is None else mix.tolist()
    for track in tracks:
        persons.setdefault(track.person, PersonEntry(track.person, None))
    kept = {track.person for track in tracks if track.decision == KEEP}
    for person in persons.values():
        person.kept = person.kept if person.number in kept else None
    return sorted(persons.values(), key=lambda person: person.number)


def _suspects(
    draft: Draft, plan: Plan, recorder: Recorder, changed: set[int]
) -> list[records.Suspect]:
    """The moments to look at, those of the changed tracks found anew."""
    before = draft.record.suspects
    moments: list[suspects.Moment] = [
        (moment.first, moment.last, moment.why, moment.track)
        for moment in before
        if moment.track not in changed
    ]
    for number, row in enumerate(draft.rows):
        if (entry := draft.tracks[row]).number in changed:
            spans = [[name, frame, frame] for frame, name, _ in recorder.faces(number)]
            asked = spans if draft.record.settings.get("mode") == "surrogate" else []
            faults = recorder.faults(number)
            moments.extend(suspects.of_track(plan.tracks[number], entry.number, asked, faults))
    return suspects.told(moments, draft.record.input)


def _guarantee(record: Record) -> dict[str, object]:
    """What a scheme guaranteed of its own choice of donors no longer holds for a person's."""
    if record.guarantee != k_same.NO_CLAIM:
        log.warning("the record was edited: what its scheme guaranteed is not claimed any more")
    return dict(k_same.NO_CLAIM)
