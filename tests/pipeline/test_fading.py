import numpy as np
import pytest

from pipeline import fading
from pipeline.contract import MESH_POINTS, Patch
from pipeline.coverage import FADE, Rung, mixes
from pipeline.planning import Planned
from pipeline.tracks import Seen, Sighting

UNKNOWN = np.full((MESH_POINTS, 3), np.nan, np.float32)


def track(rungs, seen=None):
    """A track with these rungs, one a frame."""
    known = seen or [Seen.DETECTED] * len(rungs)
    box, landmarks = np.float32([0, 0, 9, 9]), np.full((5, 2), np.nan, np.float32)
    sightings = [Sighting(i, box, landmarks, UNKNOWN, 1.0, s) for i, s in enumerate(known)]
    return Planned(sightings, list(rungs), 0, mixes(rungs))


def laid(patches, size=40):
    """How much of each pixel of a picture the patches hide together."""
    open_ = np.ones((size, size), np.float32)
    for patch in patches:
        (x, y), (height, width) = patch.corner, patch.alpha.shape
        open_[y : y + height, x : x + width] *= 1 - patch.alpha
    return 1 - open_


@pytest.fixture
def cover():
    return Patch(np.full((30, 30, 3), 90, np.uint8), np.ones((30, 30), np.float32), (5, 5))


@pytest.fixture
def surrogate():
    alpha = np.pad(np.ones((16, 16), np.float32), 2, constant_values=0.5)
    return Patch(np.full((20, 20, 3), 200, np.uint8), alpha, (10, 10))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("beside", [0.0, 0.3, 1.0])
def test_whatever_is_mixed_the_face_is_hidden(cover, surrogate, share, beside):
    hidden = laid(fading.faded(cover, surrogate, share, max(beside, 1 - share)))
    assert hidden[12:28, 12:28].min() == 1
    assert (hidden[10:30, 10:30] >= surrogate.alpha - 1e-6).all()


def test_without_a_share_the_cover_is_seen_as_it_is(cover, surrogate):
    patches = fading.faded(cover, surrogate, 0.0, 1.0)
    assert (patches[0].alpha == cover.alpha).all()
    assert patches[1].alpha.max() == 0


def test_with_the_whole_share_little_of_the_cover_is_seen(cover, surrogate):
    """Beside the surrogate nothing is, so that the cover's end is not seen as a jump."""
    hidden = laid(fading.faded(cover, surrogate, 1.0, 0.0))
    assert hidden[:10].max() == 0


@pytest.mark.parametrize("corner", [(-30, 0), (0, 0), (30, 30), (90, 90)])
def test_a_surrogate_beside_its_cover_is_no_fault(cover, surrogate, corner):
    moved = Patch(surrogate.rgb, surrogate.alpha, corner)
    below, above = fading.faded(cover, moved, 0.5, 0.5)
    assert below.alpha.min() >= 0.5
    assert above.corner == corner


RUNGS = {
    "cover in the middle": [Rung.SURROGATE] * 9 + [Rung.COVER] * 3 + [Rung.SURROGATE] * 9,
    "cover at the end": [Rung.SURROGATE] * 9 + [Rung.COVER] * 3,
    "cover at the start": [Rung.COVER] * 3 + [Rung.SURROGATE] * 9,
    "one frame": [Rung.COVER],
    "short": [Rung.COVER, Rung.SURROGATE, Rung.COVER],
}


@pytest.mark.parametrize("name", RUNGS)
def test_cover_and_surrogate_change_in_small_steps(name):
    whole = track(RUNGS[name])
    beside = [fading.around(whole, row) for row in range(len(whole.rungs))]
    assert all(b >= 1 - share for b, share in zip(beside, whole.mix, strict=True))
    for values in (whole.mix, beside):
        assert np.abs(np.diff(values)).max(initial=0) <= 1 / (FADE + 1) + 1e-6


def test_a_surrogate_whose_place_is_guessed_has_its_whole_cover():
    """Filled frames show the surrogate over the cover; those around them fade to that."""
    rungs = [Rung.SURROGATE] * 8 + [Rung.PASTED] * 2 + [Rung.SURROGATE] * 8
    seen = [Seen.DETECTED] * 8 + [Seen.FILLED] * 2 + [Seen.DETECTED] * 8
    whole = track(rungs, seen)
    beside = [fading.around(whole, row) for row in range(len(rungs))]
    assert beside[8:10] == [1, 1]
    assert beside[0] == beside[-1] == 0
    assert np.abs(np.diff(beside)).max() <= 1 / (FADE + 1) + 1e-6


@pytest.mark.parametrize("how", [Seen.DETECTED, Seen.FOLLOWED])
def test_a_face_that_is_seen_needs_no_cover(how):
    whole = track([Rung.SURROGATE, Rung.PASTED] * 4, [how] * 8)
    assert all(fading.around(whole, row) == 0 for row in range(8))
