"""Who looks for faces in a frame: our detector as often as is due, and whoever gave boxes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeAlias

from pipeline import planes, search
from pipeline.asking import AUTO, Asking, News
from pipeline.contract import Faces, Frame, Image
from pipeline.crew import Crew
from pipeline.given_boxes import FileBoxes
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.tiles import Tiles
from pipeline.tracks import Track

# Faces, None where nobody looked; and how closely all was looked at, so that a face that is not
# among them is not there to be seen: 0 not at all, 1 at a glance, 2 as closely as ever.
Found: TypeAlias = tuple[Faces | None, int]


@dataclass(frozen=True, slots=True)
class _Careful:
    """A detector without its quick one."""

    detector: Any

    def detect(self, image: Image) -> Faces:
        found: Faces = self.detector.detect(image)
        return found

    def __getattr__(self, name: str) -> Any:
        if name == "quick":
            raise AttributeError(name)
        return getattr(self.detector, name)


def careful(rooms: Rooms) -> Rooms:
    """The same rooms for a photograph, which is looked at once."""
    return replace(rooms, detector=_Careful(rooms.detector))


class Looking:
    """Feed it every frame of a clip in order; `given` are boxes of other detectors."""

    def __init__(
        self,
        rooms: Rooms,
        settings: Settings,
        given: FileBoxes | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._detector = search.quick(rooms.detector)
        self._settings, self._given = settings, given
        self._asking, self._tiles = Asking(settings.detect_every), Tiles(settings)
        self._news = News(settings.detect_size) if settings.detect_every == AUTO else None
        shared = getattr(rooms.detector, "concurrent", False)
        self._turn: AbstractContextManager[object] = nullcontext() if shared else Lock()
        self._each: search.Each = crew.all if crew is not None and shared else map

    def cut(self, frame: int) -> None:
        """Frame `frame` begins a new shot."""
        self._asking.cut(frame)
        self._tiles.cut()

    def task(self, frame: Frame, small: Image) -> Callable[[], Faces | None]:
        """What gives the faces in a frame, shrunk to `small`, that is due; None where none is.

        Frames must be told in order; the work on them may be done in any, and in any thread.
        Raises BoxesError where boxes were given for pictures of another size.
        """
        given = self._given
        if given is not None:
            given.check_size(frame.size)
        if (given is not None and given.alone) or not self._asking.due(frame.index):
            return lambda: None
        (closer, told), whole = self._tiles.due(frame, small), self.whole(frame)

        def searched() -> Faces:
            try:
                found = self._searched(frame, closer, whole)
                told.tell(found)
                return found
            finally:
                told.end()

        return searched

    def last(
        self, frame: Frame, small: Image, task: Callable[[], Faces | None]
    ) -> Callable[[], Faces | None]:
        """The same as `task`, which was told for a frame, and that its shot ends with it."""
        if self._news is None or (self._given is not None and self._given.alone):
            return task
        closer, told = self._tiles.rest(frame, small)
        due = self._asking.due(frame.index)

        def searched() -> Faces | None:
            try:
                done = task() if due else None
                found = self._searched(frame, closer, False)
                return found if done is None else search.joined(done, found)
            finally:
                told.end()

        return searched

    def found(
        self, frame: Frame, small: Image, done: Faces | None, whole: bool, tracks: list[Track]
    ) -> Found:
        """The faces in a frame where `tracks` go on, and the task has `done` its part; `whole` was
        told with the task: by now the frames of another shot may have theirs.
        """
        given, closely = self._given, 0 if done is None else 1 + whole
        if self._news is not None and not (given is not None and given.alone):
            if done is not None and whole:
                self._news.whole(small)
            else:
                done, all_of_it = self._between(frame, small, done, whole, tracks, self._news)
                closely = 2 if all_of_it else closely
        if given is None:
            return done, closely
        closely = 2 if given.alone else closely
        return given.faces(frame, done), closely * given.sought(frame.index)

    def whole(self, frame: Frame) -> bool:
        """Whether a look that is due is more than a glance; a small frame shows all at once."""
        small = max(frame.size) <= self._settings.detect_size // 2
        return small or self._asking.whole(frame.index)

    def _between(
        self,
        frame: Frame,
        small: Image,
        done: Faces | None,
        whole: bool,
        tracks: list[Track],
        news: News,
    ) -> tuple[Faces | None, bool]:
        """The faces of a frame that was at most glanced at, and whether all was looked at."""
        windows = news.windows(frame, small, tracks)
        if windows is None and done is None and not whole:
            done, windows = self._searched(frame, None, False), news.awaited(frame, tracks)
        elif done is not None:
            news.whole(small)
        if windows is None:
            news.whole(small)
            seen: Faces | None = self._searched(frame, None, True)
        else:
            seen = self._seen(frame, windows)
        if seen is None or done is None:
            return done if seen is None else seen, windows is None
        return search.joined(seen, done), windows is None

    def _searched(self, frame: Frame, closer: search.Closer | None, whole: bool) -> Faces:
        side = self._settings.detect_size
        picture = planes.picture(frame, side if whole else side // 2)
        with self._turn:
            return search.faces(self._detector, frame, picture, self._settings, closer, self._each)

    def _seen(self, frame: Frame, windows: list[search.Box]) -> Faces | None:
        with self._turn:
            seen = search.through(self._detector, frame, windows, self._settings, self._each)
        return seen if windows else None

    def finish(self, frames: int) -> None:
        """The clip had that many. Raises BoxesError where the given boxes are of a longer one."""
        if self._given is not None:
            self._given.check_frames(frames)
