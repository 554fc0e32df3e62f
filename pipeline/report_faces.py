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
from pipeline.contract import Extractor, Faces, Floats, Image, Ints
from pipeline.database import Database
from pipeline.expressions import EXPRESSIONS, bent
from pipeline.extractors import thresholds
from pipeline.geometry import bounds
from pipeline.portraits import nobody
from pipeline.pose import landmarks_of
from pipeline.report import Measure, Scope
from pipeline.report_balance import groups
from pipeline.report_textures import mixes, worst
from pipeline.room_pictures import portrait
from pipeline.settings import Settings
from pipeline.weights import locate

_SIZE: Final = 256
_SAME: Final = 0.95
_STRANGERS: Final = 0.005
_GOALS: Final = {"mouth opening": 0.95, "eye opening": 0.9, "gaze across": 0.7, "gaze down": 0.7}
_MOVING: Final = ("smile", "open-mouth", "pucker", "surprise")
_FURTHEST: Final = 1.3
_LIDS: Final = (0.01, 0.12)
_GAZE: Final = (0.4, 0.25)
_SEEING: Final = 0.05
_FEWEST: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A face of a mix on a plain ground, and the mesh (468, 3) px that it was drawn on."""

    picture: Image
    mesh: Floats


class Studio:
    """Draws mixes with any expression, and reads them back."""

    def __init__(self, donors: Database, scope: Scope, db: Path) -> None:
        self.canonical = donors.canonical
        self._generator = registry.generator(donors)
        self._mesh = FaceMesh(locate("face_landmark"))
        self._iris = Iris(locate("iris_landmark"))
        settings = Settings(extractor=scope.extractor)
        self.judges: list[tuple[str, Extractor, Floats, float]] = [(
            scope.extractor, registry.extractor(settings, db), donors.rows.attributes.mean,
            thresholds(scope.extractor, db).same_person,
        )]  # fmt: skip
        if scope.second:
            second = registry.extractor(Settings(extractor=scope.second), db)
            nothing = np.zeros(1, np.float32)
            self.judges.append((scope.second, second, nothing, scope.second_threshold))

    def draw(self, identity: Ints, code: Floats, gaze: Floats) -> Drawn:
        """The mix of the donors `identity` (k,) with a code (7,) and a gaze (2,)."""
        mesh = bent(code, self.canonical) * np.float32(_SIZE)
        who = nobody(self.canonical.shape)
        surrogate = self._generator.generate(identity, who, mesh, gaze)
        return Drawn(portrait(surrogate, self.canonical, _SIZE), surrogate.shape * _SIZE)

    def read(self, drawn: Drawn) -> tuple[Floats, Floats]:
        """The code (7,) and the gaze (2,) that mesh and iris find in the picture."""
        mesh, _ = self._mesh.follow(drawn.picture, drawn.mesh.astype(np.float32))
        refined, gaze = self._iris.look(drawn.picture, mesh)
        return codes(frontal(refined[None], self.canonical.shape))[0], gaze

    def features(self, drawn: list[Drawn], extractor: Extractor, mean: Floats) -> Floats:
        """(n, d) centred features of length 1."""
        rows = []
        for one in drawn:
            mesh = one.mesh.astype(np.float32)
            face = Faces.of([bounds(mesh)], [landmarks_of(mesh)[:, :2]], None, [mesh], [1.0])
            rows.append(extractor.extract(one.picture, face)[0])
        return centred(np.stack(rows), mean)


def measure(donors: Database, scope: Scope, db: Path) -> list[Measure]:
    """Identity under expression, distance from donors, and whether expressions arrive."""
    rng = np.random.default_rng(scope.seed)
    studio, picked = Studio(donors, scope, db), mixes(donors, scope.faces, scope.seed)
    calm, ahead = np.array(EXPRESSIONS["neutral"], np.float32), np.zeros(2, np.float32)
    still = [studio.draw(mix, calm, ahead) for mix in picked]
    codes_asked = np.stack([_any_code(rng) for _ in picked])
    gazes_asked = rng.uniform(-1, 1, (len(picked), 2)).astype(np.float32) * np.array(_GAZE)
    moved = [
        studio.draw(mix, code, gaze.astype(np.float32))
        for mix, code, gaze in zip(picked, codes_asked, gazes_asked, strict=True)
    ]
    single = {row: studio.draw(np.array([row]), calm, ahead) for row in np.unique(picked).tolist()}
    result = []
    for name, extractor, mean, same in studio.judges:
        own, other = (studio.features(faces, extractor, mean) for faces in (still, moved))
        alone = dict(
            zip(single, studio.features(list(single.values()), extractor, mean), strict=True)
        )
        held = (own * other).sum(axis=1) >= same
        result += _identity(
            name,
            own,
            held,
            picked,
            np.stack([np.stack([alone[r] for r in m]) for m in picked]),
            same,
        )
        members = {
            n: m[picked].mean(axis=1) > 0.5
            for n, m in groups(donors.faces.likeness, donors.faces.skin).items()
        }
        result.append(
            worst(
                f"same under expression ({name})",
                {n: held[m] for n, m in members.items() if m.sum() >= _FEWEST},
            )
        )
    return result + _expression(studio, moved, codes_asked, gazes_asked)


def _any_code(rng: np.random.Generator) -> Floats:
    """(7,) a calm face on its way to one of EXPRESSIONS, its eyes opened at will."""
    calm = np.array(EXPRESSIONS["neutral"], np.float32)
    goal = np.array(EXPRESSIONS[str(rng.choice(_MOVING))], np.float32)
    code = calm + (goal - calm) * np.float32(rng.uniform(0, _FURTHEST))
    code[5:] = rng.uniform(*_LIDS)
    return code


def _identity(
    name: str, own: Floats, held: Floats, picked: Ints, donors: Floats, same: float
) -> list[Measure]:
    """`own` (n, d) and `donors` (n, k, d) features; `held` (n,) same person when moved."""
    apart = np.einsum("nd,nkd->nk", own, donors) < same
    alike = own @ own.T
    common = (picked[:, None, :, None] == picked[None, :, None, :]).any(axis=(2, 3))
    strangers = alike[~common] >= same
    return [
        Measure(
            f"same person under expression ({name})",
            f"{held.mean():.1%}",
            f"≥ {_SAME:.0%}",
            bool(held.mean() >= _SAME),
        ),
        Measure(
            f"mix and each of its donors differ ({name})",
            f"{apart.mean():.1%}",
            f"≥ {_SAME:.0%}",
            bool(apart.mean() >= _SAME),
        ),
        Measure(
            f"mixes without a common donor taken for one ({name})",
            f"{strangers.mean():.2%}",
            f"≤ {_STRANGERS:.1%}",
            bool(strangers.mean() <= _STRANGERS),
        ),
    ]


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
