"""The model card of a generator: what it is made of, and what it must not be taken for."""

import argparse
import csv
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from generator.dataset import Roles
from pipeline.contract import Ints
from pipeline.labels import Donor

_TEXT: Final = """# Generator `{name}`

A deconvolutional network that draws a face texture of {side} px in canonical space from a mix
of {donors} donors. After Meden et al. (IET Signal Processing 2017) and Dosovitskiy et al.
(PAMI 2017).

- Made: {date}, {epochs} epochs, seed {seed}, final loss {loss}; Keras {keras},
  TensorFlow {tensorflow}, OpenVINO {openvino}.
- Donor features: extractor `{extractor}`.
- Data: {read} pictures with a face, {donors} of them used: {identity} may lend a
  whole face, {mouth} a mouth, {eyes} eyes. {note}
- Left out (a picture may have several faults): {faults}.
- Not meant for: telling who somebody is, or making a picture of a given real person.
"""


def write(
    options: argparse.Namespace, donors: list[Donor], roles: Roles, usable: Ints, losses: Path
) -> str:
    """The card as Markdown."""
    faults = Counter(fault for reason in roles.reasons for fault in reason.split(", ") if fault)
    with losses.open(newline="", encoding="utf-8") as lines:
        last = list(csv.DictReader(lines))[-1]["loss"]
    return _TEXT.format(
        name=options.name,
        note=options.note or "What the pictures are was not stated.",
        side=192,
        donors=len(usable),
        date=datetime.now(UTC).date(),
        epochs=options.epochs,
        seed=options.seed,
        loss=f"{float(last):.4f}",
        keras=version("keras"),
        tensorflow=version("tensorflow"),
        openvino=version("openvino"),
        extractor=options.extractor,
        read=len(donors),
        identity=int(roles.identity.sum()),
        mouth=int(roles.mouth.sum()),
        eyes=int(roles.eyes.sum()),
        faults=", ".join(f"{name} {count}" for name, count in faults.most_common()) or "none",
    )
