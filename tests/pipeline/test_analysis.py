"""What is learned of a track from its samples: skin, beard and make-up."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from generator.looks import PAINT, Beard, looks
from pipeline import analysis
from pipeline.contract import Faces, Frame
from pipeline.crew import Crew
from pipeline.geometry import warp
from pipeline.scouting import View
from pipeline.settings import Settings
from pipeline.tracks import Sample, Seen, Sighting, Track


@pytest.fixture
def beard(astronaut, drawing):
    """A score that is any number, but the same for the same looks."""
    wide = len(looks(astronaut, drawing.canonical.layout)) - len(PAINT)
    weights = np.random.default_rng(0).normal(0, 0.02, wide + 1).astype(np.float32)
    return Beard(np.zeros(wide, np.float32), np.full(wide, 10, np.float32), weights)


@pytest.fixture
def bearing(drawing, beard):
    return replace(drawing, beard=beard)


def track(*samples):
    result = Track(0, 0)
    result.samples.extend(samples)
    return result


@pytest.fixture
def sample(astronaut, face):
    return Sample(0, 1.0, astronaut, face)


def darkened(sample, by):
    return replace(sample, crop=(sample.crop * by).astype(np.uint8))


def test_skin_and_style_are_those_of_the_face_laid_flat(sample, bearing, beard):
    skin, style = analysis._seen(track(sample), bearing)
    face, side = bearing.canonical, analysis._TEXTURE_SIDE
    layout = face.layout * side - 0.5
    mesh = sample.faces.mesh[0]
    flat, _ = warp(sample.crop, mesh, layout, face.triangles, (side, side))
    expected = beard.style(looks(np.asarray(flat), face.layout)[None])[0]
    assert style == pytest.approx(expected, abs=1e-4)
    assert 40 < skin[0] < 95
    assert skin.dtype == style.dtype == np.float32


def test_of_several_samples_the_middle_one_counts(sample, bearing):
    """One spoilt look does not."""
    alone = analysis._seen(track(sample), bearing)
    spoilt = analysis._seen(track(sample, darkened(sample, 0.1), sample), bearing)
    for a, b in zip(alone, spoilt, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def test_a_db_that_knows_no_beards_tells_the_skin_only(sample, bearing):
    skin, style = analysis._seen(track(sample), replace(bearing, beard=None))
    assert np.isfinite(skin).all()
    assert np.isnan(style).all()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_without_a_mesh_nothing_is_known(sample, bearing, count):
    blurred = replace(sample, faces=Faces.of(sample.faces.boxes, mesh_scores=[0.1]))
    skin, style = analysis._seen(track(*[blurred] * count), bearing)
    assert np.isnan(skin).all()
    assert np.isnan(style).all()


def test_a_sample_without_a_mesh_does_not_spoil_the_others(sample, bearing):
    blurred = replace(sample, faces=Faces.of(sample.faces.boxes, mesh_scores=[0.1]))
    alone, both = (analysis._seen(track(*s), bearing) for s in ([sample], [blurred, sample]))
    for a, b in zip(alone, both, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("shift", "cut"), [((0, 0), False), ((-70, 0), True), ((70, 0), True), ((0, -40), True)]
)
def test_a_face_that_the_border_cuts_off_tells_little(shift, cut):
    box = np.float32([60, 30, 140, 130]) + np.tile(np.float32(shift), 2)
    nothing = np.full((5, 2), np.nan, np.float32)
    seen = Sighting(0, box, nothing, np.full((468, 3), np.nan, np.float32), 0.0, Seen.DETECTED)
    frame = Frame((np.zeros((200, 200, 3), np.uint8),), "rgb24")
    assert analysis._at_border(seen, frame) == cut


def at(frame, x):
    nothing = np.full((5, 2), np.nan, np.float32)
    box = np.float32([x, 30, x + 60, 110])
    return Sighting(frame, box, nothing, np.full((468, 3), np.nan, np.float32), 0.0, Seen.DETECTED)


@pytest.mark.parametrize(
    ("frame_of_other", "x", "alone"),
    [(7, 200, True), (7, 85, True), (7, 60, False), (7, 20, False), (6, 20, True)],
)
def test_a_face_that_another_one_lies_over_tells_little(drawing, frame_of_other, x, alone):
    track, other = Track(0, 0, [at(7, 20)]), Track(1, 0, [at(frame_of_other, x)])
    frame = Frame((np.zeros((200, 500, 3), np.uint8),), "rgb24", 7)
    qualities = []
    for tracks in ([Track(2, 0, [at(7, 20)])], [track, other]):
        analysis.keep_looks(tracks, frame, drawing)
        qualities.append(tracks[0].samples[0].quality)
    assert qualities[1] == pytest.approx(qualities[0] * (1 if alone else analysis._CUT))


def test_a_face_whose_place_is_guessed_tells_nobody_who_it_is(rooms):
    frame = Frame((np.zeros((200, 500, 3), np.uint8),), "rgb24", 7)
    guessed, seen = Track(0, 0, [at(7, 20)]), Track(1, 0, [at(7, 300)])
    asked = {}
    analyst = analysis.Analyst(analysis.Analysis(b""), rooms, Settings())
    analyst.scout = SimpleNamespace(found=lambda view, tracks: (None, 0))
    analyst._tracker = SimpleNamespace(
        active=[guessed, seen], measured=[seen], step=lambda frame, faces: []
    )
    analyst._witness = SimpleNamespace(
        step=lambda tracks, frame: asked.update(witness=tracks), ended=lambda tracks: None
    )
    analyst._partings = SimpleNamespace(
        step=lambda tracks, frame, unseen: asked.update(partings=unseen) or []
    )
    analyst.follow(View(frame, frame.planes[0], False, None, None))
    assert asked == {"witness": [seen], "partings": [guessed]}
    assert (len(guessed.samples), len(seen.samples)) == (0, 1)


@pytest.mark.parametrize("shared", [False, True])
def test_of_several_people_is_learned_at_once_where_the_recogniser_allows_it(
    rooms, monkeypatch, shared
):
    threads, both = set(), threading.Barrier(2, timeout=60)

    def describe(one, drawing, faults):
        threads.add(threading.current_thread().name)
        if shared:
            both.wait()
        one.look = one.samples[0]

    monkeypatch.setattr(analysis, "describe", describe)
    drawing = replace(rooms.drawing, extractor=SimpleNamespace(concurrent=shared))
    seen, tracks = analysis.Analysis(b""), []
    for number in range(2):
        place = Sighting.sought(0, np.float32([0, 0, 9, 9]))
        tracks.append(Track(number, 0, [place], samples=[f"look {number}"]))
    with Crew(2) as crew:
        analysis.learn(seen, tracks, replace(rooms, drawing=drawing), crew)
    assert [track.look for track in seen.tracks] == ["look 0", "look 1"]
    assert not any(track.samples for track in seen.tracks)
    assert len(threads) == 1 + shared
