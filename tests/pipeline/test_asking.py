"""In which frames the detector is asked, and where in those between."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.asking import MOST, WHOLE, Asking, News
from pipeline.contract import Frame
from pipeline.tracks import Seen, Sighting, Track

WALL = np.full((720, 1280, 3), 100, np.uint8)
BOX = np.float32([400, 160, 480, 250])


def frame(number, picture=WALL):
    return Frame((picture,), "rgb24", number, number, Fraction(1, 25))


def through(news, number, picture=WALL, tracks=()):
    return news.windows(frame(number, picture), picture, list(tracks))


def known(picture=WALL):
    """Somebody looked at all of it."""
    news = News(1280)
    news.whole(picture)
    return news


def followed(number, score=0.95, seen=Seen.FOLLOWED, evidence=1.0, box=BOX):
    """A face that was found in the frame before `number`."""
    mesh = np.zeros((468, 3), np.float32)
    track = Track(0, 0, [Sighting(number - 1, box, np.zeros((5, 2)), mesh, score, seen)])
    track.evidence = evidence
    return track


def lit(*places):
    picture = WALL.copy()
    for x1, y1, x2, y2 in places:
        picture[y1:y2, x1:x2] = 200
    return picture


def holds(windows, box):
    return any((box[:2] >= w[:2]).all() and (box[2:] <= w[2:]).all() for w in np.array(windows))


@pytest.mark.parametrize(("every", "between"), [(1, 1), (5, 5), ("auto", MOST)])
def test_every_nth_frame_of_a_shot_is_searched_whole(every, between):
    asking = Asking(every)
    assert [n for n in range(20) if asking.due(n)] == list(range(0, 20, between))
    asking.cut(21)
    assert asking.due(21)
    assert [n for n in range(21, 41) if asking.due(n)] == list(range(21, 41, between))


@pytest.mark.parametrize(("every", "between"), [(1, 1), (5, 5), ("auto", WHOLE)])
def test_fewer_frames_deserve_more_than_a_glance(every, between):
    asking = Asking(every)
    asking.cut(3)
    assert [n for n in range(3, 40) if asking.whole(n)] == list(range(3, 40, between))
    assert WHOLE % MOST == 0


def test_only_those_who_are_not_followed_well_are_awaited():
    news, shown = known(), frame(1, lit((640, 300, 670, 330)))
    assert news.awaited(shown, [followed(1)]) == []
    windows = news.awaited(shown, [followed(1, 0.5)])
    assert len(windows) == 1
    assert holds(windows, BOX)


def test_nobody_looks_again_where_nothing_changed_and_the_face_is_followed_well():
    assert through(known(), 2, tracks=[followed(2)]) == []


@pytest.mark.parametrize(
    "change", [{"score": 0.5}, {"seen": Seen.SOUGHT}, {"evidence": 0.25}, {"number": 0}]
)
def test_a_face_that_is_not_followed_well_is_looked_for_where_it_should_be(change):
    windows = through(known(), 1, tracks=[followed(**{"number": 1} | change)])
    assert len(windows) == 1
    assert holds(windows, BOX)


@pytest.mark.parametrize(("right", "count"), [(40, 1), (120, 0)])
def test_faces_that_lie_over_each_other_are_looked_for_in_every_frame(right, count):
    other = followed(1, box=BOX + np.float32([right, 0, right, 0]))
    assert len(through(known(), 1, tracks=[followed(1), other])) == count


@pytest.mark.parametrize("corner", [(2, 300), (1198, 300), (600, 1), (600, 628)])
def test_a_face_at_the_border_is_looked_for_in_every_frame(corner):
    box = np.float32([*corner, corner[0] + 80, corner[1] + 90])
    windows = through(known(), 1, tracks=[followed(1, box=box)])
    assert holds(windows, box)


def test_a_face_that_was_lost_long_ago_is_awaited_anywhere():
    assert through(known(), 20, tracks=[followed(2)]) == []


@pytest.mark.parametrize("place", [(640, 300, 670, 330), (0, 0, 30, 30), (1250, 690, 1280, 720)])
def test_where_something_new_is_seen_is_looked_at_also_at_the_border(place):
    windows = through(known(), 2, lit(place), [followed(2)])
    assert len(windows) == 1
    assert holds(windows, np.array(place))


def test_what_is_new_inside_waits_for_the_next_frame_and_who_comes_in_does_not():
    news, changed = known(), lit((640, 300, 670, 330), (0, 300, 30, 330))
    first = through(news, 1, changed)
    assert len(first) == 1
    assert holds(first, np.array([0, 300, 30, 330]))
    second = through(news, 2, changed)
    assert len(second) == 1
    assert holds(second, np.array([640, 300, 670, 330]))


def test_what_was_looked_at_once_is_no_news_any_more():
    news, changed = known(), lit((640, 300, 670, 330))
    assert through(news, 2, changed)
    assert through(news, 4, changed) == []
    assert through(news, 6)


def test_a_known_face_that_speaks_is_no_news():
    assert through(known(), 2, lit((410, 200, 470, 240)), [followed(2)]) == []


def test_two_things_far_apart_have_a_window_each_and_two_close_to_each_other_one():
    far = through(known(), 2, lit((100, 100, 130, 130), (1100, 600, 1130, 630)))
    assert len(far) == 2
    assert len(through(known(), 2, lit((600, 300, 640, 340), (660, 300, 700, 340)))) == 1


@pytest.mark.parametrize("places", [[(0, 0, 1280, 720)], [(0, 0, 900, 60)]])
def test_where_too_much_is_new_all_of_it_is_looked_at(places):
    assert through(known(), 2, lit(*places)) is None


def test_what_nobody_has_seen_yet_is_looked_at_whole():
    assert through(News(1280), 0) is None


def test_a_window_is_never_larger_than_a_small_frame():
    small = np.full((90, 160, 3), 100, np.uint8)
    changed = small.copy()
    changed[40:50, 40:50] = 200
    assert through(known(small), 2, changed) is None


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160), (1080, 1920)])
def test_windows_lie_inside_the_frame_and_have_few_sizes_in_the_picture(size):
    picture = np.full((size[1] // 4, size[0] // 4, 3), 100, np.uint8)
    news, sizes = known(picture), set()
    for x in range(0, picture.shape[1] - 30, 97):
        changed = picture.copy()
        changed[x % 60 : x % 60 + 30, x : x + 30] = 220
        large = Frame((np.broadcast_to(picture[:1, :1], (*size[::-1], 3)),), "rgb24", 2)
        for x1, y1, x2, y2 in news.windows(large, changed, []):
            assert 0 <= x1 < x2 <= size[0]
            assert 0 <= y1 < y2 <= size[1]
            sizes.add((x2 - x1, y2 - y1))
        news.whole(picture)
    assert 1 <= len(sizes) <= 3
