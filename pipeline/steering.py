"""What a researcher may fix about surrogates, read from the words of the command line.

Skin is told by the individual typology angle, ITA = arctan((L - 50) / b) of CIE Lab in degrees,
and its six classes: Chardon, Cretois, Hourseau, "Skin colour typology and suntanning pathways",
Int J Cosmet Sci 1991 (doi:10.1111/j.1467-2494.1991.tb00561.x).
"""

import math
import re
from typing import Final

from pipeline.errors import SettingsError

SEXES: Final = ("female", "male")
DEFAULT_SCHEME: Final = "default"
SKINS: Final = {
    "very-light": (55.0, 90.0),
    "light": (41.0, 55.0),
    "intermediate": (28.0, 41.0),
    "tan": (10.0, 28.0),
    "brown": (-30.0, 10.0),
    "dark": (-90.0, -30.0),
}
OLDEST: Final = 120.0
MOST_DONORS: Final = 16
_FEWEST_PERSONS: Final = 2

Span = tuple[float, float]


def age(text: str) -> Span | None:
    """Years as "20..40" or "30"; None where nothing is asked for."""
    return _span(text, "--age", (0.0, OLDEST), "years as 20..40") if text else None


def skin(text: str) -> Span | None:
    """Degrees of ITA from a class ("tan"), a range of classes ("light..tan") or degrees."""
    if not text:
        return None
    ends = [part.strip() for part in text.split("..")]
    if len(ends) <= 2 and all(end in SKINS for end in ends):
        spans = [SKINS[end] for end in ends]
        return min(low for low, _ in spans), max(high for _, high in spans)
    known = f"{', '.join(SKINS)}, a range of them, or degrees of ITA as 10..41"
    return _span(text, "--skin", (-90.0, 90.0), known)


def sex(text: str) -> str:
    """ "female", "male" or "" where nothing is asked for."""
    if text and text not in SEXES:
        raise SettingsError(f"--sex must be {' or '.join(SEXES)}, got {text!r}")
    return text


def identity(text: str) -> tuple[int, ...]:
    """Rows of the donor DB from "12,40,77,301"; none where nothing is asked for."""
    if not text.strip():
        return ()
    try:
        rows = tuple(int(part) for part in text.split(","))
    except ValueError:
        rows = ()
    if not rows or min(rows) < 0 or len(set(rows)) != len(rows) or len(rows) > MOST_DONORS:
        raise SettingsError(
            f"--identity must be 1..{MOST_DONORS} different donor numbers as 12,40,77, got {text!r}"
        )
    return rows


def k_same(text: str) -> int:
    """K of "k-same K", 0 for "default"."""
    if text == DEFAULT_SCHEME:
        return 0
    found = re.fullmatch(r"k-same[ =:]+(\d{1,6})", text.strip())
    if found is None:
        raise SettingsError(
            f"--scheme must be {DEFAULT_SCHEME} or k-same and a number, as k-same 5, got {text!r}"
        )
    k = int(found[1])
    if k < _FEWEST_PERSONS:
        raise SettingsError(f"--scheme k-same needs groups of {_FEWEST_PERSONS} or more, got {k}")
    return k


def _span(text: str, name: str, limits: Span, form: str) -> Span:
    ends = text.split("..")
    try:
        low, high = float(ends[0]), float(ends[-1])
    except ValueError:
        low = high = math.nan
    if len(ends) > 2 or not limits[0] <= low <= high <= limits[1]:
        raise SettingsError(f"{name} must be {form}, got {text!r}")
    return low, high
