"""Which of the donor pictures are fit to learn from, and what each may be used for."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.canonical import codes
from generator.looks import Beard, fit_beard
from generator.statistics import logistic
from pipeline.contract import Floats, Image, Ints, Mask

MIN_FACE_WIDTH: Final = 110
MAX_YAW: Final = 0.35
MAX_LENT_YAW: Final = 0.32
MIN_OPENING: Final = 0.07
_UNEVEN: Final = 0.53
_UNEVEN_LENDER: Final = 0.55
_TINTED: Final = 6.0
_OLD: Final = 35.0
_OPEN_EYES: Final = (0.062, 0.055)  # before and after _OLD
_SOFTEST: Final = (0.85, 0.9)
_STRANGE: Final = (0.85, 0.95)
_STRANGE_BEARDED: Final = 0.96
_SPARE: Final = 100
_SIDE: Final = 48
_COMPONENTS: Final = 120
_GLASSES_FROM: Final = -1.0
_ENOUGH: Final = 800
_HATS: Final = ("beanie", " hat", "fedora", "cap", "bandana", "crown")
_WOMEN: Final = 0.25  # apparent sex below
_CHILDREN: Final = 14.0  # years
_BEARDS: Final = ("beard", "goatee", "mustache")
_UNFIT: Final = (
    "tongue", "makeup", "red eyes", "yellow eyes", "profile", "sideways", "back lighting",
    "spotlight", "blue hour", "night", "side light", "golden", "headphones", "scarf",
)  # fmt: skip
_UNFIT_MOUTHS: Final = ("tongue", "unfit mouth")


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """m donor pictures in canonical space."""

    textures: Image  # (m, s, s, 3), black outside the mesh, evened by lighting.py
    uneven: Floats  # (m,) how much they were lit from one side before, see lighting.py
    mask: Floats  # (s, s) 1 inside the mesh
    shapes: Floats  # (m, 468, 3) canonical units
    labels: list[str]
    widths: Floats  # (m,) px from cheek to cheek in the picture
    yaws: Floats  # (m,) -1..1, 0 is frontal
    male: Floats  # (m,) apparent sex in [0, 1]
    ages: Floats  # (m,) apparent age in years
    looks: Floats  # (m, g + 4) see looks.py
    layout: Floats  # (468, 2) of the textures, shares of their side
    unwanted: Mask  # (m,) left out by somebody who looked


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """What each of m pictures is used for, and what speaks against it as a whole face."""

    identity: Mask  # lends a whole face
    mouth: Mask  # lends what is seen between open lips
    held_back: Mask  # fit to lend a face, kept out of training to measure against
    reasons: list[str]
    beard: Beard


def roles(material: Material) -> Roles:
    """Sort the donors by labels and by measures of their textures.

    Labels are noisy and rare: glasses, hats and beards without a label are found by logistic
    regressions on the textures' principal components (beards also on looks.py's measures),
    trained on the labelled rows and applied to each donor by a model that has not seen it.
    """
    small, inside = _shrunk(material)
    parts = _principal(small[:, inside].reshape(len(small), -1))
    label = {
        name: _labelled(material.labels, words)
        for name, words in (("hat", _HATS), ("beard", _BEARDS))
    }
    score = {name: _unseen_scores(parts, wanted) for name, wanted in label.items()}
    light = small.mean(axis=3)
    strange = _strangeness(small[:, inside].reshape(len(small), -1), light)
    old = (material.ages >= _OLD).astype(int)  # wrinkles are strong features, and rare ones
    faults: list[tuple[str, Mask]] = [
        ("left out by hand", material.unwanted),
        ("turned", np.abs(material.yaws) >= MAX_YAW),
        ("small", material.widths < MIN_FACE_WIDTH),
        ("labelled unfit", _labelled(material.labels, _UNFIT)),
        ("glasses", _glasses(material)),
        ("hat", label["hat"] | (score["hat"] > 1)),
        ("side light", (material.uneven > _UNEVEN) | (_tint(small, inside) > _TINTED)),
        ("grey", np.abs(small[..., 0] - small[..., 2])[:, inside].mean(axis=1) < 0.04),
        ("dark", light[:, inside].mean(axis=1) < 0.16),
        ("unlike a face", strange > np.array(_STRANGE)[old]),
    ]
    reasons = [", ".join(name for name, bad in faults if bad[row]) for row in range(len(small))]
    beard = fit_beard(material.looks, label["beard"], _told_of_beards(material, reasons))
    hairy = label["beard"] | (score["beard"] > -0.5)
    sure = label["beard"] | (score["beard"] > 0)
    bearded = sure & (beard.score(material.looks) > 0.65) & (material.male > 0.5)
    # Few have beards, and beards are unlike most faces and dark below: judged less strictly.
    lenient = _without(reasons, "side light", "unlike a face")
    lenient &= (material.uneven < _UNEVEN) & (strange < _STRANGE_BEARDED)
    soft = _soft(_contrast(light, inside), _without(reasons), old)
    calm = _calm(material, old) & (np.abs(material.yaws) < MAX_LENT_YAW)
    plain = _without(reasons) & ~hairy & soft & calm
    held_back = _every_tenth(plain)
    return Roles(
        identity=(plain & ~held_back) | (lenient & bearded & calm),
        mouth=_open_mouths(material, reasons) & (material.uneven < _UNEVEN_LENDER),
        held_back=held_back,
        reasons=reasons,
        beard=beard,
    )


def _told_of_beards(material: Material, reasons: list[str]) -> Mask:
    """(m,) of whom it is known whether they wear a beard: those with a label, women and children;
    where nobody is called shaved, all others too, but for stubble.
    """
    words = [text.lower() for text in material.labels]
    bearded, stubbly, shaved = (
        _labelled(words, some) for some in (_BEARDS, ("stubble",), ("clean-shaven",))
    )
    smooth = (material.male < _WOMEN) | (material.ages < _CHILDREN) | shaved
    smooth |= not shaved.any()
    clear = _without(reasons, "side light", "unlike a face")
    result: Mask = (bearded | (smooth & clear)) & ~stubbly
    return result


def _without(reasons: list[str], *forgiven: str) -> Mask:
    """(m,) nothing speaks against a picture but what is forgiven."""
    return np.array([not set(reason.split(", ")) - {"", *forgiven} for reason in reasons])


def _soft(hard: Floats, usable: Mask, old: Ints) -> Mask:
    """(m,) not among the hardest of the usable faces of young (0) or old (1) people."""
    result = np.zeros(len(hard), bool)
    for age, share in enumerate(_SOFTEST):
        own = usable & (old == age)
        if own.any():
            result |= (old == age) & (hard <= np.quantile(hard[own], share))
    return result


def _calm(material: Material, old: Ints) -> Mask:
    code = codes(material.shapes)
    moved = _labelled(material.labels, ("surprised", "angry", "disgusted", "wide eyes"))
    return (code[:, 0] < 0.11) & (code[:, 5:].min(axis=1) > np.array(_OPEN_EYES)[old]) & ~moved


def _open_mouths(material: Material, reasons: list[str]) -> Mask:
    """Only what lies between the lips is lent: glasses, hats and beards do not matter."""
    forgiven = ("glasses", "hat", "side light", "unlike a face", "labelled unfit")
    unfit = _labelled(material.labels, _UNFIT_MOUTHS)
    opening = codes(material.shapes)[:, 0]
    return _without(reasons, *forgiven) & ~unfit & (opening > MIN_OPENING)


def _every_tenth(usable: Mask) -> Mask:
    """One in ten of the usable rows, where there are enough to spare some."""
    result = np.zeros(len(usable), bool)
    rows = np.flatnonzero(usable)
    if len(rows) >= _SPARE:
        result[rows[5::10]] = True
    return result


def _contrast(light: Floats, inside: Mask) -> Floats:
    """(m,) how strong a face's features stand out, in units of its mean light."""
    detail = np.stack([x - cv2.GaussianBlur(x, (0, 0), 4) for x in light])[:, inside]
    result: Floats = detail.std(axis=1) / light[:, inside].mean(axis=1)
    return result


def _glasses(material: Material) -> Mask:
    """(m,) glasses by label or by the edges of rims around the eyes.

    Few are labelled: what a first regression finds surely teaches a second.
    """
    told = _labelled(material.labels, ("glasses",))
    parts = _principal(np.log(_eye_edges(material) + 0.005).reshape(len(told), -1))
    surely = told | (_unseen_scores(parts, told) > 1)
    least = _GLASSES_FROM if len(told) >= _ENOUGH else 0.0  # few rows leave scores near 0
    return told | (_unseen_scores(parts, surely) > least)


def _eye_edges(material: Material) -> Floats:
    """(m, h, w, 2) strength of edges down and across in the band of the eyes, one half's worth."""
    places = np.rint(material.layout * 2 * _SIDE - 0.5).astype(int)
    rows = slice(places[9, 1], places[50, 1] + 2)
    columns = slice(places[[127, 234], 0].min() + 2, places[[356, 454], 0].max() - 2)
    edges = []
    for texture in material.textures:
        light = cv2.resize(texture, (2 * _SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA)
        light = light.astype(np.float32).mean(axis=2)
        band = (light / (cv2.GaussianBlur(light, (0, 0), 8) + 4))[rows, columns]
        both = np.dstack([np.abs(np.diff(band, axis=0))[:, :-1], np.abs(np.diff(band))[:-1]])
        both = cv2.resize(cv2.GaussianBlur(both, (0, 0), 1.5), None, fx=0.5, fy=0.5)
        edges.append(((both + both[:, ::-1]) / 2)[:, : both.shape[1] // 2 + 1])
    return np.stack(edges)


def _shrunk(material: Material) -> tuple[Floats, Mask]:
    size = (_SIDE, _SIDE)
    small = [cv2.resize(t, size, interpolation=cv2.INTER_AREA) for t in material.textures]
    inside = cv2.resize(material.mask, size, interpolation=cv2.INTER_AREA) > 0.9
    return (np.stack(small) / np.float32(255)).astype(np.float32), inside


def _labelled(labels: list[str], words: tuple[str, ...]) -> Mask:
    return np.array([any(word in label.lower() for word in words) for label in labels])


def _tint(small: Floats, inside: Mask) -> Floats:
    """(m,) mean difference of a face's smooth hue from its mirror image, in CIE Lab's a and b."""
    hues = [cv2.cvtColor(x, cv2.COLOR_RGB2LAB)[..., 1:] for x in small]
    smooth = np.stack([cv2.GaussianBlur(hue, (0, 0), 4) for hue in hues])
    result: Floats = np.abs(smooth - smooth[:, :, ::-1])[:, inside].mean(axis=(1, 2))
    return result


def _principal(rows: Floats) -> Floats:
    """(m, c) scores of unit variance on the leading principal components."""
    u, _, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return u[:, :_COMPONENTS] * np.float32(np.sqrt(len(rows)))


def _strangeness(rows: Floats, light: Floats) -> Floats:
    """(m,) rank in [0, 1] of what 60 principal components cannot explain: hands, hair, drawings."""
    centred = rows - rows.mean(axis=0)
    u, d, vt = np.linalg.svd(centred, full_matrices=False)
    rest = np.linalg.norm(centred - (u[:, :60] * d[:60]) @ vt[:60], axis=1)
    ranks = np.argsort(np.argsort(rest / (light.mean(axis=(1, 2)) + 0.05)))
    return (ranks / max(len(rows) - 1, 1)).astype(np.float32)


def _unseen_scores(parts: Floats, wanted: Mask, folds: int = 5) -> Floats:
    """(m,) log-odds of `wanted`, each from a regression on the other folds."""
    fold = np.arange(len(parts)) % folds
    scores = np.full(len(parts), -np.inf, np.float32)
    for k in range(folds):
        train = fold != k
        if wanted[train].any() and not wanted[train].all():
            weights = logistic(parts[train], wanted[train])
            scores[~train] = parts[~train] @ weights[:-1] + weights[-1]
    return scores
