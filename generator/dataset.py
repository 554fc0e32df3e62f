"""Which of the donor pictures are fit to learn from, and what each may be used for."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.canonical import codes
from pipeline.contract import Floats, Image, Mask

MIN_FACE_WIDTH: Final = 110
MAX_YAW: Final = 0.35
MAX_LENT_YAW: Final = 0.22
_SOFTEST: Final = 0.85
_SIDE: Final = 48
_COMPONENTS: Final = 120
_GLASSES: Final = ("glasses",)
_HATS: Final = ("beanie", " hat", "fedora", "cap", "bandana", "crown")
_BEARDS: Final = ("beard", "goatee", "mustache")
_UNFIT: Final = (
    "tongue", "makeup", "red eyes", "yellow eyes", "profile", "sideways", "back lighting",
    "spotlight", "blue hour", "night", "side light", "golden", "headphones", "scarf",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """m donor pictures in canonical space."""

    textures: Image  # (m, s, s, 3), black outside the mesh
    mask: Floats  # (s, s) 1 inside the mesh
    shapes: Floats  # (m, 468, 3) canonical units
    labels: list[str]
    widths: Floats  # (m,) px from cheek to cheek in the picture
    yaws: Floats  # (m,) -1..1, 0 is frontal


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """What each of m donors may lend: a whole face, a mouth, eyes; why it was left out else."""

    identity: Mask
    mouth: Mask
    eyes: Mask
    reasons: list[str]


def roles(material: Material) -> Roles:
    """Sort the donors by labels and by measures of their textures.

    Labels are noisy and rare: glasses, hats and beards without a label are found by logistic
    regressions on the textures' principal components, trained on the labelled rows and applied
    to each donor by a model that has not seen it.
    """
    small, inside = _shrunk(material)
    parts = _principal(small[:, inside].reshape(len(small), -1))
    label = {
        name: _labelled(material.labels, words)
        for name, words in (("glasses", _GLASSES), ("hat", _HATS), ("beard", _BEARDS))
    }
    score = {name: _unseen_scores(parts, wanted) for name, wanted in label.items()}
    light = small.mean(axis=3)
    faults: list[tuple[str, Mask]] = [
        ("turned", np.abs(material.yaws) >= MAX_YAW),
        ("small", material.widths < MIN_FACE_WIDTH),
        ("labelled unfit", _labelled(material.labels, _UNFIT)),
        ("glasses", label["glasses"] | (score["glasses"] > 0)),
        ("hat", label["hat"] | (score["hat"] > 1)),
        ("side light", _side_light(light, inside) > 0.38),
        ("grey", np.abs(small[..., 0] - small[..., 2])[:, inside].mean(axis=1) < 0.04),
        ("dark", light[:, inside].mean(axis=1) < 0.16),
        ("unlike a face", _strangeness(small[:, inside].reshape(len(small), -1), light) > 0.85),
    ]
    reasons = [", ".join(name for name, bad in faults if bad[row]) for row in range(len(small))]
    fit = np.array([not reason for reason in reasons])
    return _sort(material, fit, label["beard"] | (score["beard"] > -0.5), small, inside, reasons)


def _sort(
    material: Material, fit: Mask, beard: Mask, small: Floats, inside: Mask, reasons: list[str]
) -> Roles:
    """A whole face is lent by calm, evenly lit, frontal faces only: their cheeks are seen."""
    code = codes(material.shapes)
    lipstick = _labelled(material.labels, ("lipstick",))
    strange = _labelled(material.labels, ("surprised", "angry", "disgusted", "wide eyes"))
    calm = (code[:, 0] < 0.11) & (code[:, 5:].min(axis=1) > 0.078) & ~strange
    light = small.mean(axis=3)
    hard = _contrast(light, inside)
    even = (_side_light(light, inside) < 0.33) & (hard <= np.quantile(hard[fit], _SOFTEST))
    frontal = np.abs(material.yaws) < MAX_LENT_YAW
    return Roles(
        identity=fit & ~beard & ~lipstick & calm & even & frontal,
        mouth=fit & ~beard & ~lipstick,
        eyes=fit,
        reasons=reasons,
    )


def _contrast(light: Floats, inside: Mask) -> Floats:
    """(m,) how strong a face's features stand out, in units of its mean light."""
    detail = np.stack([x - cv2.GaussianBlur(x, (0, 0), 4) for x in light])[:, inside]
    result: Floats = detail.std(axis=1) / light[:, inside].mean(axis=1)
    return result


def _shrunk(material: Material) -> tuple[Floats, Mask]:
    size = (_SIDE, _SIDE)
    small = [cv2.resize(t, size, interpolation=cv2.INTER_AREA) for t in material.textures]
    inside = cv2.resize(material.mask, size, interpolation=cv2.INTER_AREA) > 0.9
    return (np.stack(small) / np.float32(255)).astype(np.float32), inside


def _labelled(labels: list[str], words: tuple[str, ...]) -> Mask:
    return np.array([any(word in label.lower() for word in words) for label in labels])


def _side_light(light: Floats, inside: Mask) -> Floats:
    """(m,) mean difference of a face's blurred light from its mirror image, over its mean."""
    blurred = np.stack([cv2.GaussianBlur(x, (0, 0), 4) for x in light])
    difference = np.abs(blurred - blurred[:, :, ::-1])[:, inside].mean(axis=1)
    result: Floats = difference / blurred[:, inside].mean(axis=1)
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


def logistic(x: Floats, wanted: Mask, ridge: float = 10.0, rounds: int = 25) -> Floats:
    """(c + 1,) weights of a balanced, ridge-penalised logistic regression, by Newton's method."""
    design = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    share = float(wanted.mean())
    balance = np.where(wanted, 0.5 / share, 0.5 / (1 - share))
    weights = np.zeros(design.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (balance * (p - wanted)) + ridge * weights
        curve = (design * (balance * p * (1 - p))[:, None]).T @ design
        weights -= np.linalg.solve(curve + ridge * np.eye(len(weights)), slope)
    return weights.astype(np.float32)
