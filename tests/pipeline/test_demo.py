from itertools import pairwise

import av
import numpy as np

from pipeline import demo


def test_the_demo_clip_has_four_seconds_of_picture_and_sound(tmp_path):
    clip = demo.write(tmp_path / "in")
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = list(container.decode(video))
        assert len(frames) == 100
        assert (video.average_rate, video.width, video.height) == (25, 640, 480)
        assert abs(float(audio.duration * audio.time_base) - 4) < 0.1
    assert [path.name for path in clip.parent.iterdir()] == [demo.NAME]


def test_every_picture_of_the_demo_shows_one_face(judge):
    for picture in list(demo.pictures())[::10]:
        assert len(judge.faces(picture)) == 1


def test_the_pictures_differ_and_are_the_same_each_time():
    once, again = (list(demo.pictures(0.4)) for _ in range(2))
    assert len(once) == 10
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert all(not np.array_equal(a, b) for a, b in pairwise(once))
