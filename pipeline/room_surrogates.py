"""`facesurrogate generate` for the faces of a document: a surrogate file for each."""

import argparse
import logging
import os
from pathlib import Path

import numpy as np

from pipeline import database, portraits, registry, room_files, room_pictures
from pipeline.contract import Floats, Generator, Ints
from pipeline.database import Database
from pipeline.errors import MediaError
from pipeline.room_detect import outputs
from pipeline.room_files import Picture
from pipeline.settings import Settings

log = logging.getLogger("facesurrogate")


def write_all(options: argparse.Namespace, settings: Settings) -> int:
    """For each document of --out a copy that names the files of its faces' surrogates."""
    donors = database.load(settings.generator, options.db, settings.extractor)
    generator = registry.generator(donors, settings)
    for path, target in outputs(options).items():
        if path.suffix.lower() != ".json":
            raise MediaError(f"{path}: is no document; `facesurrogate match` makes one of it")
        rows = room_files.load(path)
        count = 0
        for picture in rows:
            for number, said in enumerate(picture.said):
                mix = identity(said, donors, path)
                if mix is None:
                    continue
                place = _place(target, picture, number, options.overwrite)
                worn = picture.faces.mesh[number], room_files.gaze(said)
                _draw(place, mix, worn, (generator, donors), options)
                said["surrogate"] = os.path.relpath(place.resolve(), target.parent.resolve())
                count += 1
        room_files.save(target, rows)
        log.info("%s: %d surrogates, each as .npz and as a picture", target, count)
    return 0


def identity(said: dict[str, object], donors: Database, path: Path) -> Ints | None:
    """The donors (k,) that a document names for a face, None for a face without any.

    Raises MediaError where they are not donors of this generator.
    """
    named = said.get("donors")
    if named is None:
        return None
    made_for = said.get("generator", donors.name)
    if made_for != donors.name:
        raise MediaError(f"{path}: its donors are those of --generator {made_for}")
    count = len(donors.faces.skin)
    mix = np.asarray(named)
    if mix.ndim != 1 or not mix.size or mix.dtype.kind != "i" or not (mix < count).all():
        raise MediaError(f"{path}: donors must be numbers in 0..{count - 1}, got {named}")
    if (mix < 0).any() or len(set(mix.tolist())) != len(mix):
        raise MediaError(f"{path}: donors must be different and not negative, got {named}")
    return mix.astype(np.int64)


def _place(target: Path, picture: Picture, number: int, overwrite: bool) -> Path:
    frame = f"-{picture.frame:06d}" if picture.frame else ""
    name = f"{target.stem}{frame}-face{number}.npz"
    room_files.fresh(target.with_name(name).with_suffix(".png"), overwrite)
    return room_files.fresh(target.with_name(name), overwrite)


def _draw(
    place: Path,
    mix: Ints,
    worn: tuple[Floats, Floats],
    source: tuple[Generator, Database],
    options: argparse.Namespace,
) -> None:
    """Write one surrogate with mesh and gaze as `worn`, or a plain one where these are unknown."""
    (mesh, gaze), (generator, donors) = worn, source
    mesh = mesh if np.isfinite(mesh).all() else donors.canonical.shape * np.float32(options.size)
    drawn = generator.generate(mix, portraits.nobody(), mesh, gaze)
    portraits.save_surrogate(place, drawn)
    flat = drawn.texture
    face = flat if options.texture else room_pictures.portrait(
        drawn, donors.canonical, options.size
    )  # fmt: skip
    room_pictures.write(place.with_suffix(".png"), face)
