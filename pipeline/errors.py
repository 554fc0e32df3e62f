"""The error tree. One line each: what, which value, the way out.

DeidError
├── SettingsError   an option or settings file that cannot be obeyed
├── WeightsError    a model file that is missing, altered or of another make
├── GalleryError    a keep-list that cannot be opened, or a picture that tells of nobody
├── BoxesError      boxes of another detector that cannot be read or do not fit their file
├── RecordError     a record of a run that cannot be read, or belongs to another file
├── MediaError      a photo or video that cannot be read or written
├── RoomError       a room that failed on a whole frame, so that nothing in it can be trusted
└── ContractError   a room handed on arrays of the wrong shape
"""


def one_line(said: object) -> str:
    """What an error or a library says, with its line breaks taken out."""
    return " ".join(str(said).split())


class DeidError(Exception):
    """Whatever a user is told in one line, with exit code 1."""

    def __str__(self) -> str:
        """The message, of whatever it was made up, in one line."""
        return one_line(super().__str__())


class SettingsError(DeidError, ValueError):
    """An option that names nothing known or lies outside its range."""


class WeightsError(DeidError, LookupError):
    """A model file that is missing, altered or does not fit."""


class GalleryError(DeidError, LookupError):
    """A stored keep-list that cannot be used, or a picture that cannot be put into it."""


class BoxesError(DeidError, ValueError):
    """A file of boxes that cannot be read, or that was made for another photo or video."""


class RecordError(DeidError, ValueError):
    """A record that cannot be read, is newer than we are, or was made from another file."""


class MediaError(DeidError, OSError):
    """A photo or video that cannot be decoded, encoded or written."""


class RoomError(DeidError, RuntimeError):
    """A room that failed on a whole frame; its file gets no output."""


class ContractError(DeidError, TypeError):
    """Arrays between two rooms that do not have the promised shape."""
