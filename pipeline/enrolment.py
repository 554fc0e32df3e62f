"""From pictures of people to the keep-list: one face a picture, and nobody in doubt."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from matcher.cosine import similarity
from matcher.gallery import Gallery
from pipeline import media, room_files
from pipeline.analysis import digest
from pipeline.contract import Extractor, Floats
from pipeline.errors import GalleryError
from pipeline.gallery_store import Look
from pipeline.rooms import Rooms
from pipeline.samples import sample
from pipeline.settings import Settings
from pipeline.tracks import Seen, Sighting
from pipeline.witness import LARGE, SMALLEST

_SAME: Final = 0.75  # two people who are as alike as this can hardly be told apart

log = logging.getLogger("facesurrogate")


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What is needed to put somebody on the keep-list."""

    rooms: Rooms
    extractor: Extractor
    mean: Floats  # (d,) the donors' mean features
    settings: Settings

    def look(self, path: Path) -> Look:
        """What a picture tells of the one person in it. Raises GalleryError: none, or several."""
        source = media.open_source(path, self.settings)
        if source.kind != "image":
            raise GalleryError(f"{path}: the keep-list is made from photos, this is a video")
        frame = next(iter(source.frames()))
        faces, _ = room_files.found(frame, self.rooms, self.settings, True)
        if len(faces) != 1:
            what = "no face" if not len(faces) else f"{len(faces)} faces"
            way_out = "take a larger one" if not len(faces) else "cut out the one that is meant"
            raise GalleryError(f"{path}: {what} in it, one is needed: {way_out}")
        width = float(faces.boxes[0, 2] - faces.boxes[0, 0])
        if width < SMALLEST:
            raise GalleryError(
                f"{path}: its face is {width:.0f} px wide, {SMALLEST:.0f} are needed: take a "
                "larger picture"
            )
        seen = Sighting(frame.index, faces.boxes[0], faces.landmarks[0], faces.mesh[0],
                        float(faces.mesh_scores[0]), Seen.DETECTED)  # fmt: skip
        good = sample(seen, frame, min(width, LARGE))
        row = self.extractor.extract(good.crop, good.faces)[0]
        if not np.isfinite(row).all() or not row.any():
            raise GalleryError(f"{path}: nobody can be recognised by it: take another picture")
        return Look(row, digest(path).hex(), path.name)

    def looks(self, name: str, paths: list[Path]) -> list[Look]:
        """What the pictures of one person tell, in folders too. Raises GalleryError."""
        files = pictures(paths)
        if not files:
            raise GalleryError(f"{name}: no picture in {', '.join(map(str, paths))}")
        return [self.look(path) for path in files]

    def check(self, gallery: Gallery) -> None:
        """Report outliers and look-alikes. Raises GalleryError for one whose pictures disagree."""
        outliers = gallery.outliers(self.mean)
        for row in np.flatnonzero(outliers).tolist():
            log.warning("%s: %s is unlike the other pictures and counts nothing",
                        gallery.names[gallery.persons[row]], gallery.labels[row])  # fmt: skip
        means = gallery.means(self.mean)
        for name, row in zip(gallery.names, means, strict=True):
            if not np.isfinite(row).all():
                raise GalleryError(
                    f"{name}: the pictures are unlike each other, as if they showed several "
                    "people: leave the wrong ones out"
                )
        alike = similarity(means, means, self.mean)
        for a, b in zip(*np.nonzero(np.triu(alike >= _SAME, 1)), strict=True):
            log.warning("%s and %s look alike: they are hard to tell apart",
                        gallery.names[a], gallery.names[b])  # fmt: skip

    def gallery(self, places: list[Path]) -> Gallery:
        """The people in files, one in each, and folders, one in each; a folder of folders holds
        one person in each of those.
        """
        people: dict[str, list[Look]] = {}
        for place in places:
            for name, paths in persons(place):
                people.setdefault(name, []).extend(self.looks(name, paths))
        return of_looks(people)


def of_looks(people: dict[str, list[Look]]) -> Gallery:
    """The keep-list of people by their names."""
    every = [(row, look) for row, looks in enumerate(people.values()) for look in looks]
    return Gallery(
        tuple(people),
        np.stack([look.features for _, look in every]),
        np.array([row for row, _ in every], np.int64),
        tuple(look.label for _, look in every),
    )


def persons(place: Path) -> list[tuple[str, list[Path]]]:
    """Who is in a file or folder, by name, and in which pictures. Raises GalleryError."""
    if not place.exists():
        raise GalleryError(f"{place}: there is no such file or folder of pictures")
    if not place.is_dir():
        return [(place.stem, [place])]
    folders = sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        return [(place.name, [place])]
    loose = pictures([place], deep=False)
    if loose:
        raise GalleryError(
            f"{place}: {loose[0].name} lies beside folders of people: whose picture is it?"
        )
    return [(folder.name, [folder]) for folder in folders]


def pictures(paths: list[Path], deep: bool = True) -> list[Path]:
    """Every file among `paths`, and every photo or video in the folders among them."""
    result = []
    for path in paths:
        if not path.exists():
            raise GalleryError(f"{path}: there is no such file or folder of pictures")
        if not path.is_dir():
            result.append(path)
            continue
        inside = sorted(path.rglob("*") if deep else path.iterdir())
        media_files = (p for p in inside if p.is_file() and not p.name.startswith("."))
        result += [p for p in media_files if p.suffix.lower() in media.MEDIA_ENDINGS]
    return result
