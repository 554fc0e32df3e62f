"""Who looks for faces in a frame: our detector as often as is due, and whoever gave boxes."""

from pipeline import search
from pipeline.asking import Asking
from pipeline.contract import Faces, Frame, Image
from pipeline.given_boxes import FileBoxes
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.tiles import Tiles
from pipeline.tracks import Track


class Looking:
    """Feed it every frame of a clip in order; `given` are boxes of other detectors."""

    def __init__(self, rooms: Rooms, settings: Settings, given: FileBoxes | None = None) -> None:
        self._detector, self._settings, self._given = rooms.detector, settings, given
        self._asking, self._tiles = Asking(settings.detect_every), Tiles(settings)

    def cut(self, frame: int) -> None:
        """Frame `frame` begins a new shot."""
        self._asking.cut(frame)
        self._tiles.cut()

    def faces(self, frame: Frame, picture: Image, tracks: list[Track]) -> tuple[Faces | None, bool]:
        """The faces in a frame, small as `picture`, where `tracks` go on; None where nobody looked.
        And whether all have looked, so that a face not among them is not there to be seen.

        Raises BoxesError where boxes were given for pictures of another size.
        """
        given = self._given
        if given is None:
            found = self._found(frame, picture, tracks)
            return found, found is not None
        given.check_size(frame.size)
        found = None if given.alone else self._found(frame, picture, tracks)
        looked = (given.alone or found is not None) and given.sought(frame.index)
        return given.faces(frame, found), looked

    def finish(self, frames: int) -> None:
        """The clip had that many. Raises BoxesError where the given boxes are of a longer one."""
        if self._given is not None:
            self._given.check_frames(frames)

    def _found(self, frame: Frame, picture: Image, tracks: list[Track]) -> Faces | None:
        if not self._asking.due(frame, picture, tracks):
            return None
        thorough = self._asking.thorough(frame.index)
        close = thorough and self._asking.closely(frame.index)
        due = self._tiles.due(frame, picture)
        return search.faces(self._detector, frame, picture, self._settings, thorough, close, due)
