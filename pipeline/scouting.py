"""What of a frame is looked at before anybody follows its faces: cuts, and the whole picture."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline import planes
from pipeline.blending import Blends, Span, note
from pipeline.contract import Faces, Frame, Image
from pipeline.crew import Crew
from pipeline.given_boxes import FileBoxes
from pipeline.looking import Found, Looking
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.shots import Shots
from pipeline.tracks import Track

_SMALL: Final = 320  # px: enough to tell what changed


@dataclass(slots=True, eq=False)
class View:
    """One frame, and what is known of it before its faces are followed."""

    frame: Frame
    small: Image  # the frame, shrunk
    cut: bool  # it begins a new shot
    fade: Span | None  # first and last frame until now of a dissolve it belongs to
    blend: Span | None  # frames before it that seem to belong to one
    task: Callable[[], Faces | None] | None = None  # looks for faces, if that is due
    whole: bool = True  # the task is more than a glance
    faces: Faces | None = None  # what it found

    def note(self, fades: list[Span], blends: list[Span]) -> None:
        """Add what is known of dissolves, surely and likely, to those of the clip until now."""
        if self.fade is not None:
            longer = bool(fades) and fades[-1][0] == self.fade[0]
            fades[len(fades) - longer :] = [self.fade]
        if self.blend is not None:
            note(blends, self.blend)

    def searched(self) -> "View":
        """The same, after the search for faces that needs nothing of other frames."""
        if self.task is not None:
            self.faces, self.task = self.task(), None
        return self


class Scout:
    """Feed it every frame of a clip in order."""

    def __init__(
        self,
        rooms: Rooms,
        settings: Settings,
        given: FileBoxes | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._shots, self._blends = Shots(), Blends()
        self._looking = Looking(rooms, settings, given, crew)
        self._fades: list[tuple[int, int]] = []

    def views(self, frames: Iterable[Frame]) -> Iterator[View]:
        """One of each frame; `searched` may be called in any order and thread.

        The last frame of a shot is looked at more closely: who comes in then is not seen later.
        """
        held: View | None = None
        for frame in frames:
            small = planes.picture(frame, _SMALL)
            cut = self._shots.cut(small)
            if held is not None:
                yield self._last(held) if cut else held
            held = self._view(frame, small, cut)
        if held is not None:
            yield self._last(held)

    def view(self, frame: Frame) -> View:
        """The next frame as far as it is known without its faces."""
        small = planes.picture(frame, _SMALL)
        return self._view(frame, small, self._shots.cut(small))

    def _view(self, frame: Frame, small: Image, cut: bool) -> View:
        if cut:
            self._looking.cut(frame.index)
            self._blends.cut()
        blend = self._blends.step(small, frame.index)
        self._shots.note(self._fades, frame.index)
        del self._fades[:-1]
        fade = self._fades[0] if self._fades and self._fades[0][1] == frame.index else None
        whole, task = self._looking.whole(frame), self._looking.task(frame, small)
        return View(frame, small, cut, fade, blend, task, whole)

    def _last(self, view: View) -> View:
        if view.task is not None:
            view.task = self._looking.last(view.frame, view.small, view.task)
        return view

    def found(self, view: View, tracks: list[Track]) -> Found:
        """The faces of a frame in which `tracks` go on, and how closely all looked for them."""
        done = view.searched().faces
        return self._looking.found(view.frame, view.small, done, view.whole, tracks)

    def finish(self, frames: int) -> None:
        """The clip had that many."""
        self._looking.finish(frames)
