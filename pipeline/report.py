"""`facesurrogate generator-report`: how good a generator is, measured on faces that it draws."""

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import options as shared

if TYPE_CHECKING:
    from pipeline.database import Database

_FEWEST: Final = 20

log = logging.getLogger("facesurrogate")


@dataclass(frozen=True, slots=True)
class Measure:
    """One line: what, how much, what was aimed at; `met` is None where nothing was."""

    name: str
    value: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """How much is drawn, and which recognisers judge it."""

    mixes: int = 500
    faces: int = 400
    seed: int = 0
    extractor: str = "dlib_resnet"
    second: str = ""
    second_threshold: float = 0.38


def add_to(commands: shared.Commands) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "generator-report",
        help="measure a generator: sharpness, identity, expression, balance, cost",
        description="Draws mixes of the generator's donors and measures them. Needs no pictures: "
        "what they are compared with lies beside the network.",
        formatter_class=shared.Defaults,
    )
    group = parser.add_argument_group("measures")
    add = group.add_argument
    add("--generator", default="", help="name under DB/generators (default: current)")
    add("--extractor", default="dlib_resnet", help="tells faces apart")
    add("--second", default="", help="a second extractor, or module:Class, that tells them apart")
    add("--second-threshold", type=float, default=0.38,
        help="centred cosine from which the second takes two faces for one person's")  # fmt: skip
    add("--mixes", type=int, default=500, help="mixes whose textures are measured")
    add("--faces", type=int, default=400, help="mixes drawn as faces with expressions")
    add("--seed", type=int, default=0, help="of the mixes and the expressions")
    add("--out", type=Path, help="write the report to this Markdown file too")
    shared.add_common(group)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from pipeline import database
    from pipeline.atomic import replacing, telling
    from pipeline.errors import SettingsError

    for name in ("mixes", "faces"):
        if getattr(options, name) < _FEWEST:
            raise SettingsError(f"--{name} must be {_FEWEST} or more, got {getattr(options, name)}")
    donors = database.load(options.generator, options.db, options.extractor)
    names = ("mixes", "faces", "seed", "extractor", "second", "second_threshold")
    scope = Scope(**{name: getattr(options, name) for name in names})
    text = f"# Generator `{donors.name}`\n\n{table(measure(donors, scope, options.db))}"
    sys.stdout.write(text)
    if options.out:
        with replacing(options.out) as temporary, telling(options.out):
            temporary.write_text(text, encoding="utf-8")
        log.info("written to %s", options.out)
    return 0


def measure(donors: "Database", scope: Scope, db: Path) -> list[Measure]:
    """Every measure of a generator's DB, in the order in which they are told."""
    from pipeline import report_balance, report_cost, report_faces, report_textures
    from pipeline.progress import steps

    result: list[Measure] = []
    with steps("measuring the generator, parts", 4) as advance:
        result += report_cost.measure(donors)
        advance(1)
        result += report_balance.measure(donors)
        advance(2)
        result += report_textures.measure(donors, scope)
        advance(3)
        result += report_faces.measure(donors, scope, db)
        advance(4)
    return result


def table(measures: list[Measure]) -> str:
    """The measures as a Markdown table."""
    rows = ["| measure | value | goal | met |", "|---|---|---|---|"]
    for one in measures:
        met = "" if one.met is None else "yes" if one.met else "no"
        rows.append(f"| {one.name} | {one.value} | {one.goal} | {met} |")
    return "\n".join(rows) + "\n"
