"""Sharpness and likelihood of mixes, texture by texture, against the donors' own."""

from typing import Any, Final

import numpy as np

from generator import quality
from generator.deconv import Deconv
from pipeline import reference, registry
from pipeline.contract import Floats, Image, Ints
from pipeline.database import DECONV, Database
from pipeline.matched import matched
from pipeline.report import Measure, Scope
from pipeline.report_balance import groups

_SHARP: Final = 0.85
_OCTAVE: Final = 0.2
_KERNEL: Final = 1.5
_FAIR: Final = 0.8
_HALVES: Final = 20
_FEWEST: Final = 10


def measure(donors: Database, scope: Scope) -> list[Measure]:
    """Gradient, spectrum and kernel distance of `scope.mixes` mixes."""
    told = reference.load(donors.folder)
    if not told or donors.kind != DECONV:
        return [Measure("textures", "not measured: reference.npz is missing")]
    picked = matched(donors.rows, scope.mixes, scope.seed)
    drawn = draw(donors, picked)
    gradient = quality.gradient(drawn, told["mask"]) / told["gradient"].mean()
    power = quality.spectrum(drawn).mean(axis=0) / told["spectrum"].mean(axis=0)
    octaves = ", ".join(f"{ratio:.2f}" for ratio in power)
    return [
        Measure(
            "gradient of mixes to donors'", f"{gradient.mean():.2f}", f"≥ {_SHARP}",
            bool(gradient.mean() >= _SHARP),
        ),
        Measure(
            "power of mixes to donors', octaves from the finest", octaves, "0.80 to 1.20",
            bool((np.abs(power - 1) <= _OCTAVE).all()),
        ),
        *_kernel(drawn, told, np.random.default_rng(scope.seed)),
        _by_group(gradient, picked, donors),
    ]  # fmt: skip


def draw(donors: Database, picked: Ints) -> Image:
    """(n, s, s, 3) textures of equal parts of the donors `picked` (n, k), as they are shown."""
    generator = registry.generator(donors)
    assert isinstance(generator, Deconv)
    drawn = [generator.calm(mix) for mix in picked]
    return np.clip(np.rint(np.stack(drawn)), 0, 255).astype(np.uint8)


def _kernel(drawn: Image, told: dict[str, Any], rng: np.random.Generator) -> list[Measure]:
    """Equal numbers on all sides, since the distance falls with them."""
    held = told["held_back"].astype(np.float32)
    if len(held) < _FEWEST:
        return [Measure("kernel distance", "not measured: too few donors were held back")]
    own = told["realism"].astype(np.float32)
    unit = own.std(axis=0) + 1e-6
    own, held = (own - own.mean(axis=0)) / unit, (held - own.mean(axis=0)) / unit
    features = reference.Realism(told["mask"]).features(drawn)
    new = (features - told["realism"].astype(np.float32).mean(axis=0)) / unit
    size = min(len(held), len(own) // 2, len(drawn))
    halves, apart = [], []
    for _ in range(_HALVES):
        order = rng.permutation(len(own))
        halves.append(quality.kernel_distance(own[order[:size]], own[order[size : 2 * size]]))
        some = rng.choice(len(new), size, replace=False)
        apart.append(quality.kernel_distance(new[some], held[rng.permutation(len(held))[:size]]))
    ratio = float(np.mean(apart) / np.mean(halves))
    name = f"kernel distance of mixes to {size} held-back donors, to that of donors' halves"
    return [Measure(name, f"{ratio:.2f}", f"≤ {_KERNEL}", ratio <= _KERNEL)]


def _by_group(gradient: Floats, picked: Ints, donors: Database) -> Measure:
    own = groups(donors.faces.likeness, donors.faces.skin)
    members = {name: mask[picked].mean(axis=1) > 0.5 for name, mask in own.items()}
    return worst("gradient", {n: gradient[m] for n, m in members.items() if m.sum() >= _FEWEST})


def worst(name: str, by_group: dict[str, Floats]) -> Measure:
    """The same measure for each group; the worst must not lie below 0.8 of the best."""
    if not by_group:
        return Measure(f"{name} by group", "not measured: no group is large enough")
    means = {group: float(values.mean()) for group, values in by_group.items()}
    told = ", ".join(f"{group} {mean:.2f}" for group, mean in means.items())
    fair = min(means.values()) / max(max(means.values()), 1e-9)
    return Measure(f"{name} by group", told, f"worst ≥ {_FAIR} of the best", fair >= _FAIR)
