"""The review page as one file: template, style, script, the record, and maybe the output itself.

Nothing that comes from a record, file names included, can run: it lies in the page as JSON in
which no tag can end or begin, the page's policy names our one script by its hash, and the script
puts every text in as text.
"""

import base64
import hashlib
import io
import json
import mimetypes
import os
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

import PIL.Image

from pipeline import atomic, media, planes
from pipeline import record as records
from pipeline.contract import Frame
from pipeline.errors import MediaError, RecordError, SettingsError
from pipeline.record import Record
from pipeline.review_thumbnails import LARGEST, Shot
from pipeline.settings import Settings

CARRIED: Final = 16 * 2**20  # bytes up to which an output is put into the page unasked
_LARGEST: Final = 256 * 2**20  # of which browsers still take the base64 as one text
_CHUNK: Final = 3 * 2**18  # bytes; a multiple of 3, so that base64 can be cut there
_SCRIPTS: Final = (
    *("edits", "player", "overlay", "bars", "timeline"),
    *("cards", "adding", "moments", "lists", "main"),
)
_HERE: Final = Path(__file__).parent
_SHOWN: Final = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif"}
_PREVIEW: Final = 4096  # px of the longer side
_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; "
    "img-src 'self' file: data: blob:; media-src 'self' file: blob:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class Review:
    """What a page shows: a record, where it lies, its output, and pictures of each track."""

    record: Record
    path: Path
    output: Path
    shots: dict[int, list[Shot]]
    originals: bool = False


def write(review: Review, target: Path, carried: bool | None = None) -> None:
    """The page as one file, whole or not at all, for its owner only.

    `carried` says whether the output is put into it; None: where it is small. Raises
    MediaError, SettingsError, and RecordError where the record holds what JSON cannot.
    """
    size = review.output.stat().st_size
    if carried is None:
        carried = size <= CARRIED
    if carried and size > _LARGEST:
        raise SettingsError(f"--embed: {review.output} has {size >> 20} MiB, above the "
            f"{_LARGEST >> 20} that browsers take in a page; leave it out")  # fmt: skip
    shown, content = _shown(review.output, target.parent, carried)
    before, after = _page(_harmless(_data(review, shown)))
    with atomic.replacing(target, private=True) as temporary, atomic.telling(target):
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(before)
            _carry(content, file)
            file.write(after)


def _data(review: Review, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "record": _plain(review.record),
        "name": review.path.name,
        "command": _command(review.record, review.path),
        "output": {"name": review.output.name, **shown},
        "shots": {number: [asdict(shot) for shot in row] for number, row in review.shots.items()},
        "originals": review.originals,
    }


def _plain(record: Record) -> Any:
    def refuse(word: str) -> Any:
        raise RecordError(f"holds {word}, which is no number that other programs read")

    return json.loads(records.dumps(record), parse_constant=refuse)


def _command(record: Record, path: Path) -> str:
    """What to type; a name that begins with a dash must not be taken for an option."""
    names = (f"./{n}" if n.startswith("-") else n for n in (record.input.name, path.name))
    return "facesurrogate render {} --record {} --overwrite".format(*map(shlex.quote, names))


def _shown(output: Path, folder: Path, carried: bool) -> tuple[dict[str, Any], Path | bytes | None]:
    """What the page says of the output, and what it carries of it: a file, bytes or nothing."""
    source = media.open_source(output, Settings(max_pixels=LARGEST))
    first = next(iter(source.frames()))
    kind = "gif" if source.suffix == ".gif" else "photo" if source.kind == "image" else "video"
    if kind == "photo" and output.suffix.lower() not in _SHOWN:  # TIFF: no browser shows it
        return {"kind": kind, "mime": "image/png", "carried": True}, _preview(first)
    mime = mimetypes.guess_type(output.name)[0] or "application/octet-stream"
    told = {"kind": kind, "mime": mime, "start": first.seconds, "carried": carried}
    return (told, output) if carried else ({**told, "address": _address(output, folder)}, None)


def _address(output: Path, folder: Path) -> str:
    """Where a page in `folder` finds the output: a relative URL, whatever its name holds."""
    try:
        relative = os.path.relpath(output.resolve(), folder.resolve())
    except ValueError:  # another drive
        return output.resolve().as_uri()
    return quote(os.fsencode(Path(relative).as_posix()))


def _preview(frame: Frame) -> bytes:
    target = io.BytesIO()
    PIL.Image.fromarray(planes.picture(frame, _PREVIEW)).save(target, "PNG")
    return target.getvalue()


def _harmless(data: Any) -> str:
    """JSON in ASCII in which no tag, comment or entity can begin."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _page(data: str) -> tuple[str, str]:
    """The page before and after what it carries of the output."""
    style = _template("review.css")
    script = "".join(_template(f"review_{name}.js") for name in _SCRIPTS)
    script = f'"use strict";\n{{\n{script}}}\n'
    policy = _POLICY.format(script=_hash(script), style=_hash(style))
    texts = {"data": data, "style": style, "script": script, "policy": policy}
    # Split once: what is put in may itself hold what looks like a place to fill.
    parts = re.split(r"\{\{(\w+)\}\}", _template("review.html"))
    parts[1::2] = [texts.get(name, name) for name in parts[1::2]]
    cut = parts.index("carried")
    return "".join(parts[:cut]), "".join(parts[cut + 1 :])


def _template(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _carry(content: Path | bytes | None, file: IO[str]) -> None:
    """Base64 in lines that can be read one by one."""
    if content is None:
        return
    try:
        source = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    except OSError as error:
        raise MediaError(f"{content!s}: cannot be read: {error.strerror}") from error
    with source:
        while chunk := source.read(_CHUNK):
            file.write(base64.b64encode(chunk).decode("ascii") + "\n")
