"""`facesurrogate generate`: faces of nobody, from donors alone or for the faces of a document."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import options as shared
from pipeline import steering
from pipeline.command_run import add_generator
from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.weights import DB

if TYPE_CHECKING:
    from pipeline.contract import Image, Surrogate
    from pipeline.portraits import Look, Painter

MOST = 400
_LONGEST = 5000
_SIZES = (64, 2048)

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `generate` to the command line."""
    generate = commands.add_parser(
        "generate",
        help="draw faces of nobody: one mix, a random sheet, a clip from mix to mix",
        description="Draw surrogates without any original: --identity for one mix, --random for a "
        "sheet, --interpolate for a clip. Or, given documents of `match`, the surrogate of each "
        "face in them, for `replace`.",
        formatter_class=shared.Defaults,
    )
    generate.set_defaults(run=_run)
    files = generate.add_argument_group("files")
    files.add_argument("inputs", nargs="*", type=Path, metavar="JSON", help="documents of `match`")
    files.add_argument("--out", type=Path, default=DB.parent / "out" / "generate",
        help="a folder, or a file: .png, .jpg, .webp, .npz; a clip: .mp4, .mov, .mkv")  # fmt: skip
    files.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    shared.add_common(files)
    _add_faces(generate)


def _add_faces(generate: argparse.ArgumentParser) -> None:
    group = generate.add_argument_group("faces")
    add = group.add_argument
    add("--identity", default="", metavar="ROWS", help="the donors of one mix, as 12,40,77,301")
    add("--weights", default="", metavar="SHARES", help="how much of each, as 0.4,0.3,0.2,0.1")
    add("--random", type=int, default=0, metavar="N", help="a sheet of N random mixes")
    add("--interpolate", default="", metavar="MIXES",
        help="a clip from mix to mix, as '12,40;77,301'")  # fmt: skip
    add("--frames", type=int, default=60, help="length of that clip")
    add("-k", type=int, default=Settings().k, help="how many donors are in a random mix")
    add("--expression", default="neutral",
        help="neutral, smile, open-mouth, pucker, closed-eyes, wink or surprise")  # fmt: skip
    add("--gaze", default="ahead", help="ahead, left, right, up or down, as you see it")
    add("--size", type=int, default=512, help="px of the picture's sides; tiles of a sheet are 160")
    add("--texture", action="store_true", help="the flat texture instead of a face")
    add_generator(group)
    shared.add_salt(group)


def _run(options: argparse.Namespace) -> int:
    modes = {
        "JSON": bool(options.inputs), "--identity": bool(options.identity),
        "--random": options.random != 0, "--interpolate": bool(options.interpolate),
    }  # fmt: skip
    asked = [name for name, given in modes.items() if given]
    if len(asked) != 1:
        given = " and ".join(asked) or "none"
        raise SettingsError(f"one of {', '.join(modes)} says what to draw, got {given}")
    if options.weights and not options.identity:
        raise SettingsError("--weights goes with --identity")
    _within("--size", options.size, _SIZES)
    settings = shared.settings(options, identity="", expression="keep")
    if options.inputs:
        from pipeline.room_surrogates import write_all

        return write_all(options, settings)
    from pipeline import database, portraits

    look = _look(options)
    painter = portraits.Painter(
        database.load(settings.generator, options.db, settings.extractor), settings, options.size
    )
    draw = {"--identity": _one, "--random": _sheet, "--interpolate": _clip}[asked[0]]
    log.info("%s", draw(options, painter, look))
    return 0


def _look(options: argparse.Namespace) -> "Look":
    from pipeline.expressions import EXPRESSIONS, GAZES
    from pipeline.portraits import Look

    for name, known in (("expression", EXPRESSIONS), ("gaze", GAZES)):
        if getattr(options, name) not in known:
            value = getattr(options, name)
            raise SettingsError(f"no {name} called {value!r}; known: {', '.join(known)}")
    return Look(options.expression, options.gaze)


def _one(options: argparse.Namespace, painter: "Painter", look: "Look") -> Path:
    from pipeline import portraits, room_pictures

    rows = steering.identity(options.identity)
    target = _target(options, f"identity-{'-'.join(map(str, rows))}.png")
    if target.suffix.lower() != ".npz":
        room_pictures.form_of(target)
    drawn = painter.mix(portraits.shares(options.weights, rows), look)
    if target.suffix.lower() == ".npz":
        portraits.save_surrogate(target, drawn)
    else:
        room_pictures.write(target, picture_of(drawn, painter.canonical, options))
    return target


def picture_of(drawn: "Surrogate", canonical: Any, options: argparse.Namespace) -> "Image":
    """The surrogate's texture, or its face from the front."""
    from pipeline import room_pictures

    return drawn.texture if options.texture else room_pictures.portrait(
        drawn, canonical, options.size
    )  # fmt: skip


def _sheet(options: argparse.Namespace, painter: "Painter", look: "Look") -> Path:
    import numpy as np

    from pipeline import portraits, room_pictures, sheets
    from pipeline.cast import keyed

    _within("--random", options.random, (1, MOST))
    target = _target(options, f"random-{options.random}.png")
    room_pictures.form_of(target)
    rng = keyed(shared.salt(options), b"sheet", options.random)
    mixes = portraits.random_mixes(options.random, options.k, painter.rows, rng)
    tiles = [picture_of(painter.mix(mix, look), painter.canonical, options) for mix in mixes]
    across = int(np.ceil(np.sqrt(len(tiles))))
    rows = [
        ("", tiles[i : i + across], [",".join(map(str, m)) for m in mixes[i : i + across]])
        for i in range(0, len(tiles), across)
    ]
    room_pictures.write(target, sheets.contact_sheet(rows, 160))
    return target


def _clip(options: argparse.Namespace, painter: "Painter", look: "Look") -> Path:
    from pipeline import portraits
    from pipeline.progress import steps

    mixes = [
        portraits.shares("", steering.identity(part)) for part in options.interpolate.split(";")
    ]
    if len(mixes) < 2 or not all(mixes):
        raise SettingsError(
            f"--interpolate must be mixes as '12,40;77,301', got {options.interpolate!r}"
        )
    _within("--frames", options.frames, (2, _LONGEST))
    _within("--size", options.size // 2 * 2, _SIZES)
    options.size = options.size // 2 * 2  # the encoder halves the colours
    target = _target(options, "interpolation.mp4")
    with steps("drawing", options.frames) as advance:

        def pictures() -> Any:
            for number, mix in enumerate(portraits.between(mixes, options.frames)):
                yield picture_of(painter.mix(mix, look), painter.canonical, options)
                advance(number + 1)

        portraits.write_clip(target, pictures())
    return target


def _target(options: argparse.Namespace, name: str) -> Path:
    from pipeline import room_files

    target: Path = options.out if options.out.suffix else options.out / name
    return room_files.fresh(target, options.overwrite)


def _within(name: str, value: int, span: tuple[int, int]) -> None:
    if not span[0] <= value <= span[1]:
        raise SettingsError(f"{name} must lie in {span[0]}..{span[1]}, got {value}")
