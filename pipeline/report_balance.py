"""Who the donors are: how many of each apparent sex, age and skin tone lend whole faces."""

from typing import Final

from matcher.wishes import typology_angle, years
from pipeline.contract import Floats, Mask
from pipeline.database import Database
from pipeline.report import Measure

# Degrees of the individual typology angle, see steering.py.
_SKINS: Final = (("light", 28.0, 90.1), ("medium", -30.0, 28.0), ("dark", -90.0, -30.0))
_AGES: Final = (("child", 0, 13), ("young adult", 13, 35), ("adult", 35, 60), ("senior", 60, 200))


def groups(likeness: Floats, skin: Floats) -> dict[str, Mask]:
    """Which of n faces belong to which group; likeness (n, 2) and skin (n, 3) of the donor DB."""
    old, angle = years(likeness), typology_angle(skin)
    result = {"female": likeness[:, 0] <= 0.5, "male": likeness[:, 0] > 0.5}
    result |= {name: (old >= low) & (old < high) for name, low, high in _AGES}
    return result | {f"{name} skin": (angle >= low) & (angle < high) for name, low, high in _SKINS}


def measure(donors: Database) -> list[Measure]:
    """The number of donors of whole faces, in all and by group."""
    rows = donors.rows
    total = len(rows.rows)
    counts = {name: int(own.sum()) for name, own in groups(rows.likeness, rows.skin).items()}
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    lenders = int(donors.faces.mouth.sum())
    return [
        Measure("donors of whole faces", f"{total}: {told}"),
        Measure("donors of open mouths", str(lenders)),
    ]
