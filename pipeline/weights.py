"""The model files: DB/weights.toml names them, `locate` finds one and checks that it is whole.

Those that are not shipped have a `url`; `facesurrogate fetch` brings and converts them, and
`pipeline.extractors` finds them in DB/local.
"""

import hashlib
import importlib.util
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import WeightsError

DB = Path(__file__).resolve().parent.parent / "DB"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """One row of the manifest: what a model file is, where it lies and what it may be used for."""

    file: str
    source: str
    licence: str
    purpose: str
    sha256: str = ""  # empty: not published, so the first one fetched sets it
    bytes: int = 0
    package: str = ""
    url: str = ""


def manifest(folder: Path | None = None) -> dict[str, Weight]:
    """Every row of `folder`/weights.toml (DB/ by default), by name."""
    path = (folder or DB) / "weights.toml"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
        made = {name: Weight(**row) for name, row in rows.items()}
        if loose := [name for name, row in made.items() if not (row.sha256 or row.url)]:
            raise ValueError(f"no sha256 for {', '.join(loose)}")
        return made
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} cannot be used: {error}") from error


def checksum(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def locate(name: str, folder: Path | None = None) -> Path:
    """The verified file of the model `name`, as `folder`/weights.toml (DB/ by default) lists it.

    Packages are found without being imported. Rows without a package name a file relative to
    the folder that holds `folder`. The whole file is hashed each time: 22 MB take 15 ms.
    Raises WeightsError if the name is unknown or its file must be fetched, is missing or altered.
    """
    rows = manifest(folder)
    if name not in rows:
        raise WeightsError(f"no model file called {name!r}; known: {', '.join(sorted(rows))}")
    row = rows[name]
    if row.url:
        raise WeightsError(f"{name} is not shipped; `facesurrogate fetch {name}` brings it")
    if row.package:
        home = _package(row.package)
        way_out = "delete the folder .venv and run ./generate.sh again"
    else:
        home = (folder or DB).resolve().parent
        way_out = "take it from the repository again (git restore)"
    if home is None:
        raise WeightsError(
            f"{row.file} of {name} is missing: no package {row.package} is installed; {way_out}"
        )
    path = home / row.file
    try:
        got = checksum(path)
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(f"{path} cannot be read ({reason}); {way_out}") from error
    if got != row.sha256:
        raise WeightsError(
            f"{path} is altered: its sha256 should start with {row.sha256[:12]}, "
            f"got {got[:12]}; {way_out}"
        )
    return path


def renewed(manifest: str, files: Mapping[str, Path]) -> str:
    """The text of a manifest with the sizes and sums of `files` in the rows of their names."""
    for name, path in files.items():
        start = manifest.find(f"[{name}]\n")
        if start < 0:
            raise WeightsError(f"weights.toml has no row [{name}]; take it from the repository")
        end = manifest.find("\n[", start)
        row = manifest[start : end if end >= 0 else len(manifest)]
        new = re.sub(r'(?m)^sha256 = ".*"$', f'sha256 = "{checksum(path)}"', row)
        new = re.sub(r"(?m)^bytes = \d+$", f"bytes = {path.stat().st_size}", new)
        manifest = manifest.replace(row, new)
    return manifest


def _package(name: str) -> Path | None:
    """The folder of an installed top-level package, which is not imported."""
    spec = importlib.util.find_spec(name)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders))) if folders else None
