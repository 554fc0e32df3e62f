"""Identity and expression of drawn faces, read back by recognisers and by the mesh."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from detector.facemesh import FaceMesh
from detector.iris import Iris
from generator.canonical import codes, frontal
from matcher.cosine import centred
from pipeline import registry
from pipeline.contract import Extractor, Faces, Floats, Image, Ints, Mask
from pipeline.database import Database
from pipeline.expressions import EXPRESSIONS, at_random, bent
from pipeline.extractors import thresholds
from pipeline.geometry import bounds
from pipeline.matched import matched
from pipeline.portraits import nobody
from pipeline.pose import landmarks_of
from pipeline.report import Measure, Scope
from pipeline.report_balance import groups
from pipeline.report_textures import worst
from pipeline.room_pictures import framed, portrait
from pipeline.settings import Settings
from pipeline.weights import locate

_SIZE: Final = 256
_SAME: Final = 0.95
_STRANGERS: Final = 0.005
_AS_STRANGERS: Final = 1.5
_GOALS: Final = {"mouth opening": 0.95, "eye opening": 0.9, "gaze across": 0.7, "gaze down": 0.7}
_GAZE: Final = (0.4, 0.3)
_SEEING: Final = 0.08  # closed eyes read up to 0.06, and half-closed ones hide the iris
_FEWEST: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A face of a mix on a plain ground, and the mesh (468, 3) px that it was drawn on."""

    picture: Image
    mesh: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one recogniser sees: centred features of length 1."""

    still: Floats  # (n, d) mixes at rest
    moved: Floats  # (n, d) the same with an expression
    alone: Floats  # (m, d) single donors at rest

    def held(self, judge: "Judge") -> Mask:
        """(n,) taken for the same person with and without an expression."""
        return np.asarray((self.still * self.moved).sum(axis=1) >= judge.same)


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A recogniser, and the centred cosine from which it takes two real faces for one person's."""

    name: str
    extractor: Extractor
    same: float

    def seen(self, still: list[Drawn], moved: list[Drawn], alone: list[Drawn]) -> Seen:
        """Features centred by the mean of the single donors, drawn alike.

        Faces without hair on a plain ground have much in common that photographs have not.
        """
        features = [self._features(faces) for faces in (still, moved, alone)]
        return Seen(*(centred(rows, features[-1].mean(axis=0)) for rows in features))

    def _features(self, drawn: list[Drawn]) -> Floats:
        rows = []
        for one in drawn:
            mesh = one.mesh.astype(np.float32)
            face = Faces.of([bounds(mesh)], [landmarks_of(mesh)[:, :2]], None, [mesh], [1.0])
            rows.append(self.extractor.extract(one.picture, face)[0])
        return np.stack(rows)


class Studio:
    """Draws mixes with any expression, and reads them back."""

    def __init__(self, donors: Database, scope: Scope, db: Path) -> None:
        self.canonical = donors.canonical
        self.generator = registry.generator(donors)
        self._mesh = FaceMesh(locate("face_landmark"))
        self._iris = Iris(locate("iris_landmark"))
        first = registry.extractor(Settings(extractor=scope.extractor), db)
        self.judges = [Judge(scope.extractor, first, thresholds(scope.extractor, db).same_person)]
        if scope.second:
            second = registry.extractor(Settings(extractor=scope.second), db)
            self.judges.append(Judge(scope.second, second, scope.second_threshold))

    def draw(self, identity: Ints, code: Floats, gaze: Floats) -> Drawn:
        """The mix of the donors `identity` (k,) with a code (7,) and a gaze (2,)."""
        mesh = bent(code, self.canonical) * np.float32(_SIZE)
        who = nobody(self.canonical.shape)
        surrogate = self.generator.generate(identity, who, mesh, gaze)
        return Drawn(portrait(surrogate, self.canonical, _SIZE), framed(surrogate.shape) * _SIZE)

    def read(self, drawn: Drawn) -> tuple[Floats, Floats]:
        """The code (7,) and the gaze (2,) that mesh and iris find in the picture."""
        mesh, _ = self._mesh.follow(drawn.picture, drawn.mesh.astype(np.float32))
        refined, gaze = self._iris.look(drawn.picture, mesh)
        return codes(frontal(refined[None], self.canonical.shape))[0], gaze


def measure(donors: Database, scope: Scope, db: Path) -> list[Measure]:
    """Identity under expression, distance from donors, and whether expressions arrive."""
    rng = np.random.default_rng(scope.seed)
    studio, picked = Studio(donors, scope, db), matched(donors.rows, scope.faces, scope.seed)
    calm, ahead = np.array(EXPRESSIONS["neutral"], np.float32), np.zeros(2, np.float32)
    asked = np.stack([at_random(rng) for _ in picked])
    gazes = (rng.uniform(-1, 1, (len(picked), 2)) * _GAZE).astype(np.float32)
    single = np.unique(picked)
    still = [studio.draw(mix, calm, ahead) for mix in picked]
    alone = [studio.draw(np.array([row]), calm, ahead) for row in single]
    moved = [studio.draw(m, c, g) for m, c, g in zip(picked, asked, gazes, strict=True)]
    own = np.searchsorted(single, picked)
    result = []
    for judge in studio.judges:
        seen = judge.seen(still, moved, alone)
        result += _identity(judge, seen, own, picked)
        result.append(_fair(judge, seen, picked, donors))
    return result + _expression(studio, moved, asked, gazes)


def _identity(judge: Judge, seen: Seen, own: Ints, picked: Ints) -> list[Measure]:
    """`own` (n, k) are the rows of the donors `picked` (n, k) among the single ones."""
    apart = (np.einsum("nd,nkd->nk", seen.still, seen.alone[own]) < judge.same).mean()
    common = (picked[:, None, :, None] == picked[None, :, None, :]).any(axis=(2, 3))
    mixes_alike = _share((seen.still @ seen.still.T >= judge.same)[~common])
    others = ~np.eye(len(seen.alone), dtype=bool)
    donors_alike = _share((seen.alone @ seen.alone.T >= judge.same)[others])
    held = seen.held(judge).mean()
    told = f"{mixes_alike:.1%}, donors {donors_alike:.1%}"
    most = donors_alike * _AS_STRANGERS + _STRANGERS
    return [
        Measure(f"same person under expression ({judge.name})", f"{held:.1%}", f"≥ {_SAME:.0%}",
                bool(held >= _SAME)),
        Measure(f"mix and each of its donors differ ({judge.name})", f"{apart:.1%}",
                f"≥ {_SAME:.0%}", bool(apart >= _SAME)),
        Measure(f"mixes without a common donor taken for one person ({judge.name})", told,
                "as donors are", bool(mixes_alike <= most)),
    ]  # fmt: skip


def _share(yes: Mask) -> float:
    """0 where nobody was asked: on a tiny DB every two mixes have a donor in common."""
    return float(yes.mean()) if yes.size else 0.0


def _fair(judge: Judge, seen: Seen, picked: Ints, donors: Database) -> Measure:
    held, own = seen.held(judge), groups(donors.faces.likeness, donors.faces.skin)
    members = {name: mask[picked].mean(axis=1) > 0.5 for name, mask in own.items()}
    large = {name: held[who] for name, who in members.items() if who.sum() >= _FEWEST}
    return worst(f"same person under expression ({judge.name})", large)


def _expression(studio: Studio, moved: list[Drawn], asked: Floats, gazes: Floats) -> list[Measure]:
    """Correlation of what was asked for with what is read back."""
    read = [studio.read(one) for one in moved]
    code, gaze = (np.stack(part) for part in zip(*read, strict=True))
    seeing = asked[:, 5:].mean(axis=1) > _SEEING
    pairs = {
        "mouth opening": (asked[:, 0], code[:, 0]),
        "eye opening": (asked[:, 5:].mean(axis=1), code[:, 5:].mean(axis=1)),
        "gaze across": (gazes[:, 0], np.where(seeing, gaze[:, 0], np.nan)),
        "gaze down": (gazes[:, 1], np.where(seeing, gaze[:, 1], np.nan)),
    }
    result = []
    for name, (wanted, found) in pairs.items():
        known = np.isfinite(found)
        if known.sum() < _FEWEST:
            result.append(Measure(f"{name}, correlation with what was asked", "not measured"))
            continue
        r = float(np.corrcoef(wanted[known], found[known])[0, 1])
        result.append(
            Measure(
                f"{name}, correlation with what was asked",
                f"{r:.2f}",
                f"≥ {_GOALS[name]}",
                r >= _GOALS[name],
            )
        )
    return result
