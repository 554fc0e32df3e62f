"""Training's order of work: pictures → meshes → textures → network → donor DB, with a card."""

import argparse
import logging
import os
import shutil
import signal
import sys
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from generator import dataset
from generator.canonical import Canonical
from generator.dataset import Material, Roles
from generator.mean import fit
from pipeline import (
    card,
    database,
    donor_db,
    layouts,
    lessons,
    measuring,
    persons,
    reference,
    registry,
    report,
    unwrapping,
    watching,
)
from pipeline.contract import Ints
from pipeline.donor_db import Described
from pipeline.errors import SettingsError
from pipeline.layouts import Collection, Picture, Unusable
from pipeline.measuring import Measured
from pipeline.progress import steps
from pipeline.settings import Settings
from pipeline.training_options import check, parser
from pipeline.workplace import Workplace, answered, opened, switch_in

OTHERS: Final = {"extractor": "extractor_training", "glasses": "glasses_training",
                 "quantise": "quantising"}  # fmt: skip
_FEWEST: Final = 16
_FEWEST_PEOPLE: Final = 4

log = logging.getLogger("pipeline.offline")


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that is known of the donors before the network learns them; m pictures and frames."""

    material: Material
    roles: Roles
    people: Ints  # (m,) whom each picture shows
    canonical: Canonical
    usable: Ints  # the rows that the network learns
    described: list[Described]  # the default extractor's first


def main(arguments: list[str] | None = None) -> int:
    """`./train_once.sh`: exit code 0, 1 after one line that says why, 130 when interrupted."""
    told = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for room in ("pipeline", "generator", "extractor"):
        logging.getLogger(room).setLevel(logging.INFO)
    # Scripts start background jobs with SIGINT ignored; whoever sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if told and told[0] in OTHERS:
        return int(import_module(f"pipeline.{OTHERS[told[0]]}").main(told[1:]))
    options = parser().parse_args(told)

    def work() -> None:
        check(options)
        build(options)

    return answered(work, options.out)


def build(options: argparse.Namespace) -> None:
    """A new generator under `--out`, made in a work folder and switched in when whole."""
    extractors = _extractors(options.extractor, options.out)
    collection = _collection(options)
    with opened(options, collection.pictures) as place:
        measured, described, unusable = _measured(collection, extractors, place, options.out)
        _check_count(measured, unusable, options.data)
        prepared = _prepared(measured, described, options.size)
        unusable += _without_a_role(measured, prepared)
        card.write_unusable(unusable, place.work / card.UNUSABLE)
        log.info("left out: %s", card.tally(unusable) or "none")
        log.info("%s lists them", place.work / card.UNUSABLE)
        _check_people(prepared.roles, unusable)
        arrays = _arrays(prepared)
        staged = place.staged()
        policy = _train(prepared, arrays[0], options, place.work, staged)
        _write_arrays(arrays, staged)
        _write_reference(prepared, staged)
        measures = _measures(staged, options)
        story = _story(options, collection, measured, prepared, unusable, policy, place.work)
        story = replace(story, measures=measures)
        (staged / card.CARD).write_text(card.write(story), encoding="utf-8")
        card.write_unusable(unusable, staged / card.UNUSABLE)
        for told, name in ((options.labels, card.LABELS), (options.leave_out, card.LEFT_OUT)):
            if told:
                shutil.copy(told, staged / name)
        database.seal(staged)
        target = options.out / "generators" / options.name
        switch_in(staged, target)
        log.info("%s is whole and in use; sheets and losses: %s", target, place.work)


def _extractors(chosen: str, db: Path) -> list[str]:
    """The chosen extractor and every other that is installed; told at once if there is none."""
    registry.extractor(Settings(extractor=chosen), db)
    return list(dict.fromkeys([chosen, *registry.installed_extractors(db)]))


def _collection(options: argparse.Namespace) -> Collection:
    found = layouts.read(options.data, options.layout)
    if options.leave_out:
        found = layouts.leaving_out(found, options.leave_out)
    if options.labels:
        found = layouts.relabelled(found, options.labels)
    pictures = found.pictures[: options.limit or None]
    people = len({picture.person for picture in pictures})
    log.info("%s: %d files of %d people, read as %s", options.data, len(pictures), people,
             found.layout)  # fmt: skip
    return replace(found, pictures=pictures)


def _measured(
    collection: Collection, extractors: list[str], place: Workplace, db: Path
) -> tuple[Measured, list[Described], list[Unusable]]:
    """The faces that were found, as every extractor describes them, and the pictures without."""
    found = measuring.faces(collection.pictures, place.faces)
    features = [measuring.features(found, name, place.faces, db) for name in extractors]
    known = np.ones(len(found.pictures), bool)
    unusable = [*collection.unusable, *found.unusable]
    for name, rows in zip(extractors, features, strict=True):
        missing = known & ~np.isfinite(rows).all(axis=1)
        unusable += [
            Unusable(_called(found.pictures[row]), f"{name} cannot describe the face")
            for row in np.flatnonzero(missing)
        ]
        known &= ~missing
    described = [Described(n, f[known]) for n, f in zip(extractors, features, strict=True)]
    return found.only(np.flatnonzero(known).tolist()), described, unusable


def _check_count(measured: Measured, unusable: list[Unusable], data: Path) -> None:
    if len(measured.pictures) < _FEWEST:
        why = card.tally(unusable)
        raise SettingsError(
            f"only {len(measured.pictures)} usable faces in {data}; need {_FEWEST}"
            + (f" ({why})" if why else "")
        )


def _prepared(measured: Measured, described: list[Described], side: int) -> Prepared:
    canonical, aligned = fit(measured.meshes)
    features = described[0].features
    material = unwrapping.material(measured, aligned, features, canonical, side)
    people = persons.numbered(measured.pictures)
    roles = persons.shared(dataset.roles(material), material, people)
    usable = np.flatnonzero(roles.identity | roles.mouth).astype(np.int64)
    return Prepared(material, roles, people, canonical, usable, described)


def _without_a_role(measured: Measured, prepared: Prepared) -> list[Unusable]:
    roles = prepared.roles
    used = roles.identity | roles.mouth
    result = []
    for row in np.flatnonzero(~used):
        alone = not used[prepared.people == prepared.people[row]].any()
        spare = "held back to measure against" if roles.held_back[row] else (
            "neither calm enough for a face nor open enough for a mouth" if alone
            else "like another picture of the same person"
        )  # fmt: skip
        result.append(Unusable(_called(measured.pictures[row]), roles.reasons[row] or spare))
    return result


def _called(picture: Picture) -> str:
    return picture.name if picture.moment < 0 else f"{picture.name}, frame {picture.moment}"


def _check_people(roles: Roles, unusable: list[Unusable]) -> None:
    count = int(roles.identity.sum())
    if count < _FEWEST_PEOPLE:
        raise SettingsError(
            f"only {count} people have a picture to draw a whole face from (calm, frontal, evenly "
            f"lit, in colour, 110 px wide or more, no glasses); need {_FEWEST_PEOPLE}; left out: "
            f"{card.tally(unusable)}. If pictures of one folder show several people, "
            "--layout flat reads them so"
        )


def _arrays(prepared: Prepared) -> list[dict[str, Any]]:
    """What donors.npz holds, then what each further extractor's file does."""
    p = prepared
    common = donor_db.of_pictures(p.material, p.roles, p.people, p.usable, p.canonical)
    each = [
        donor_db.of_extractor(one, p.material, p.roles, p.people, p.usable) for one in p.described
    ]
    return [common | each[0], *each[1:]]


def _write_arrays(arrays: list[dict[str, Any]], folder: Path) -> None:
    for number, one in enumerate(arrays):
        name = database.features_file(str(one["extractor"])) if number else database.DONORS
        np.savez_compressed(folder / name, allow_pickle=False, **one)


def _write_reference(prepared: Prepared, folder: Path) -> None:
    """What the generator is measured by, now and later without the pictures."""
    p = prepared
    own = p.usable[p.roles.identity[p.usable]]
    kept = reference.make(p.material.textures, p.material.mask, own, p.roles.held_back)
    np.savez_compressed(folder / reference.REFERENCE, allow_pickle=False, **kept)


def _measures(folder: Path, options: argparse.Namespace) -> str:
    """The report as a table, empty where none was wanted."""
    if not options.measure:
        return ""
    scope = report.Scope(faces=options.measure, seed=options.seed, extractor=options.extractor)
    donors = database.read(folder, options.extractor)
    return report.table(report.measure(donors, scope, options.out))


def _train(
    prepared: Prepared,
    donors: dict[str, Any],
    options: argparse.Namespace,
    work: Path,
    staged: Path,
) -> str:
    """Train, or go on training, and export to `staged`; returns the precision that was used."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from generator.export import export
    from generator.hardware import policy
    from generator.train import Recipe, train
    from pipeline.views import recogniser, views

    p = prepared
    seen = views(p.canonical, donors)
    taught = lessons.lessons(p.material, p.usable, donors, p.canonical, seen)
    own = np.flatnonzero(donors["identity"]).astype(np.int64)
    recipe = Recipe(epochs=options.epochs, seed=options.seed, policy=policy())
    with steps("training, epochs", options.epochs, watching.epochs_done(work)) as advance:
        watch = watching.Watch(
            work, options.epochs, options.sheet_every, taught.textures, taught.partners,
            p.canonical, database.donor_faces(donors), own, advance,
        )  # fmt: skip
        model, architecture = train(taught, recipe, partial(recogniser, options.out), work, watch)
    watching.plot_losses(work)
    export(model, architecture, staged / database.NETWORK)
    return recipe.policy


def _story(
    options: argparse.Namespace,
    collection: Collection,
    measured: Measured,
    prepared: Prepared,
    unusable: list[Unusable],
    policy: str,
    work: Path,
) -> card.Story:
    roles = prepared.roles
    used = int((roles.identity | roles.mouth).sum())
    return card.Story(
        name=options.name,
        note=options.note,
        licence=options.licence,
        side=options.size,
        epochs=options.epochs,
        seed=options.seed,
        policy=policy,
        losses=watching.last_losses(work),
        layout=collection.layout,
        extractors=[one.extractor for one in prepared.described],
        files=len(collection.pictures) + len(collection.unusable),
        people=len({picture.person for picture in collection.pictures}),
        looked_at=used + len(unusable),
        rows=len(prepared.usable),
        identity=int(roles.identity.sum()),
        mouth=int(roles.mouth.sum()),
        held_back=int(roles.held_back.sum()),
        unusable=unusable,
    )


if __name__ == "__main__":
    sys.exit(main())
