"""Points, boxes and triangles: similarity fits, Procrustes means, and warps from mesh to mesh."""

from math import ceil, floor
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats, Image, Ints, Mask

_FLAT: Final = 1e-6
_HALF: Final = np.float32(0.5)
_STEPS: Final = 2**15 - 1  # of depth, in which triangles are put in order

Complex = NDArray[np.complex128]


def similarity(source: Floats, target: Floats) -> Floats:
    """Least-squares rotation, scale and shift that carry `source` onto `target`.

    Points are (n, 2) pixels; the result is (2, 3), ready for cv2.warpAffine.
    In the plane Umeyama's solution (PAMI 1991, doi:10.1109/34.88573) is one
    division of complex numbers; a mirror image is never returned.
    Raises ValueError if the points of `source` coincide.
    """
    centre, goal = source.mean(axis=0), target.mean(axis=0)
    z, w = (source - centre) @ (1, 1j), (target - goal) @ (1, 1j)
    spread = np.vdot(z, z).real
    if spread == 0:
        raise ValueError(f"source points coincide at {centre.tolist()}: no similarity")
    turn = np.vdot(z, w) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, goal - linear @ centre]).astype(np.float32)


def align(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Least-squares similarity in space: `source @ linear + shift` lies on `target`.

    Points are (n, 3); `linear` is (3, 3), a rotation times a scale, `shift` (3,).
    Umeyama, PAMI 1991, eqs. 40-42 (doi:10.1109/34.88573).
    Raises ValueError if the points of `source` coincide.
    """
    a, b = source.astype(np.float64), target.astype(np.float64)
    each = np.full(len(a), 1 / len(a))
    centre, goal = each @ a, each @ b
    away = len(a) * float(centre @ centre)
    spread = float(np.vdot(a, a)) - away
    if spread <= _FLAT**2 * away:
        raise ValueError(f"source points coincide at {centre.tolist()}: no alignment")
    # For matrices of this size OpenCV is several times as quick as NumPy.
    values, u, vt = cv2.SVDecomp(a.T @ b - len(a) * centre[:, None] * goal)
    if cv2.determinant(u @ vt) < 0:  # a mirror image
        u[:, 2], values[2] = -u[:, 2], -values[2]
    linear = u @ vt * (float(values.sum()) / spread)
    return linear.astype(np.float32), (goal - centre @ linear).astype(np.float32)


def procrustes(shapes: Floats, rounds: int = 5) -> tuple[Floats, Floats]:
    """Generalised Procrustes analysis: the aligned shapes and their mean.

    `shapes` is (m, p, 3); both results are centred and the mean has unit Frobenius norm.
    Gower, Psychometrika 1975 (doi:10.1007/BF02291478).
    """
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    aligned = centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    mean = aligned[0]
    for _ in range(rounds):
        aligned = np.stack([s @ align(s, mean)[0] for s in aligned])
        mean = aligned.mean(axis=0)
        mean = mean / np.linalg.norm(mean)
    return aligned.astype(np.float32), mean.astype(np.float32)


def yaw(mesh: Floats, canonical: Floats) -> float:
    """How far a face is turned from the camera, in degrees; `mesh` (468, 3) px."""
    linear, _ = align(canonical, mesh)
    forward = linear[2] / max(float(np.linalg.norm(linear[2])), 1e-9)
    return float(np.degrees(np.arccos(np.clip(forward[2], -1.0, 1.0))))


def bounds(points: Floats) -> Floats:
    """The upright box (4,) x1 y1 x2 y2 around (n, 2 or 3) points."""
    x, y = points[:, 0], points[:, 1]
    return np.array([x.min(), y.min(), x.max(), y.max()], np.float32)


def scaled(box: Floats, factor: float) -> Floats:
    """The box grown about its own centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of (n, 4) boxes with (m, 4) boxes, (n, m) in [0, 1]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = (np.clip(q[:, 2:] - q[:, :2], 0, None).prod(axis=1) for q in (a, b))
    union = area_a[:, None] + area_b[None, :] - common
    return (common / np.maximum(union, 1e-9)).astype(np.float32)


def shared(a: Floats, b: Floats) -> Floats:
    """The share of the smaller box that (n, 4) boxes have in common with (m, 4), (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = (np.clip(q[:, 2:] - q[:, :2], 0, None).prod(axis=1) for q in (a, b))
    smaller = np.minimum(area_a[:, None], area_b[None, :])
    return (common / np.maximum(smaller, 1e-9)).astype(np.float32)


def pixels(box: Floats, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The whole pixels under a box, clipped to a picture of `size` (width, height)."""
    x1, y1, x2, y2 = box.tolist()
    right, bottom = min(ceil(x2) + 1, size[0]), min(ceil(y2) + 1, size[1])
    return max(floor(x1), 0), max(floor(y1), 0), right, bottom


def rasterise(points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """Which triangle covers each pixel: (h, w) rows of `triangles`, -1 outside.

    `points` is (p, 2) or (p, 3) px; with a depth, triangles that face the camera lie over those
    turned away, and nearer ones (lower z) over farther ones. `size` is (width, height).
    """
    return _covered(_corners(points, triangles), points, triangles, size)


def _corners(points: Floats, triangles: Ints) -> Complex:
    """(3, t) the corners of the triangles as complex numbers x + iy: one array for both axes."""
    plane = np.empty(len(points), np.complex128)
    plane.real, plane.imag = points[:, 0], points[:, 1]
    return plane.take(triangles.T)


def _covered(corners: Complex, points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """What `rasterise` gives, of corners (3, t) that are already looked up."""
    order = _drawn(corners, points, triangles, size)
    return np.append(order, -1).take(_uppermost(corners.take(order, axis=1), size))


def _drawn(corners: Complex, points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """Which triangles of corners (3, t) may be seen, in the order in which to draw them."""
    reach = _reaching(corners, size)
    if points.shape[1] == 2:
        return np.flatnonzero(reach)
    order = _far_to_near(corners, points[:, 2].take(triangles.T))
    return order if reach.all() else order[reach.take(order)]


def _uppermost(corners: Complex, size: tuple[int, int]) -> Ints:
    """(h, w) the last of the triangles (3, t) that covers a pixel, t where none does."""
    rows, places = _filled(corners, size)
    cover = np.full(size[0] * size[1], corners.shape[1], np.int64)
    cover[places] = rows
    return cover.reshape(size[1], size[0])


def _reaching(corners: Complex, size: tuple[int, int]) -> Mask:
    """(t,) which triangles of corners (3, t) may cover a pixel of a picture of `size`."""
    low, high = _ends(corners)
    across = (high.real >= -1) & (low.real <= size[0])
    return np.asarray(across & (high.imag >= -1) & (low.imag <= size[1]))


def _ends(corners: Complex) -> Complex:
    """(2, t) the least and the largest x and y of triangles (3, t)."""
    ends = np.empty((2, corners.shape[1]), np.complex128)
    for given, part in ((corners.real, ends.real), (corners.imag, ends.imag)):
        a, b, c = given
        np.minimum(np.minimum(a, b), c, out=part[0])
        np.maximum(np.maximum(a, b), c, out=part[1])
    return ends


def _far_to_near(corners: Complex, depths: Floats) -> Ints:
    """The order in which to draw triangles (3, t): those turned away first, then by depth."""
    across, down = corners[1] - corners[0], corners[2] - corners[0]
    facing = across.real * down.imag - across.imag * down.real > 0
    if 2 * np.count_nonzero(facing) < len(facing):
        facing = ~facing
    away = depths[0] + depths[1] + depths[2]
    farthest = float(away.max(initial=-np.inf))
    steps = _STEPS / max(farthest - float(away.min(initial=np.inf)), _FLAT)
    order = ((farthest - away) * np.float32(steps)).astype(np.uint16)  # is sorted quickly
    order += facing.astype(np.uint16) * np.uint16(_STEPS + 1)
    return np.argsort(order, kind="stable")


def _filled(corners: Complex, size: tuple[int, int]) -> tuple[Ints, Ints]:
    """All pixels of triangles (3, t), one after the other: row of the triangle, flat place.

    Row by row from edge to edge, and half a pixel beyond, so that no gap is left between two.
    """
    edges = _edges(corners)
    first = np.maximum(np.ceil(edges[0]), 0).astype(np.int64)
    last = np.minimum(np.floor(edges[7]), size[1] - 1).astype(np.int64)
    lengths = np.maximum(last - first + 1, 0)
    row = _runs(first, lengths)
    triangle = np.repeat(np.arange(corners.shape[1]), lengths)
    top, start, long, middle, bend, upper, lower, _ = edges.take(triangle, axis=1)
    down = row.astype(np.float32)
    across = (down - top) * long + start
    down -= middle
    other = np.where(down < 0, upper, lower) * down + bend
    left = np.maximum(np.ceil(np.minimum(across, other) - _HALF), 0).astype(np.int64)
    right = np.minimum(np.floor(np.maximum(across, other) + _HALF), size[0] - 1).astype(np.int64)
    widths = np.maximum(right - left + 1, 0)
    return np.repeat(triangle, widths), _runs(row * size[0] + left, widths)


def _edges(corners: Complex) -> Floats:
    """(8, t) of triangles (3, t): y and x of the upper end of the long edge and its x a row; y and
    x of the corner beside it, the x a row of the edges above and below that; y of the lower end.
    """
    # Complex numbers are in order of their real parts, so that y comes first.
    a, b, c = corners.imag + 1j * corners.real
    low, high = np.minimum(a, b), np.maximum(a, b)
    top, rest = np.minimum(low, c), np.maximum(low, c)
    middle, bottom = np.minimum(rest, high), np.maximum(rest, high)
    edges = np.empty((8, len(top)), np.float32)
    edges[0], edges[1], edges[2] = top.real, top.imag, _slope(top, bottom)
    edges[3], edges[4] = middle.real, middle.imag
    edges[5], edges[6] = _slope(top, middle), _slope(middle, bottom)
    edges[7] = bottom.real
    return edges


def _slope(top: Complex, bottom: Complex) -> NDArray[np.float64]:
    """(t,) of the edges between points y + ix the way along x a row."""
    return np.asarray((bottom.imag - top.imag) / np.maximum(bottom.real - top.real, _FLAT))


def _runs(starts: Ints, lengths: Ints) -> Ints:
    """Whole numbers from each of the starts on, one run after the other."""
    ends = np.cumsum(lengths)
    result = np.repeat(starts - ends + lengths, lengths)
    result += np.arange(len(result))
    return result


def mapping(
    source: Floats, target: Floats, triangles: Ints, size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """For each pixel of a picture of `size` the place in the source picture it shows.

    Piecewise affine from `target` (p, 2 or 3) to `source` (p, 2 or 3) points, px. Two (h, w)
    maps for cv2.remap; -1 where no triangle lies.
    """
    places = _places(source, target, triangles, size)
    return places[..., 0], places[..., 1]


def _places(source: Floats, target: Floats, triangles: Ints, size: tuple[int, int]) -> Floats:
    """(h, w, 2) both maps of `mapping`."""
    corners = _corners(target, triangles)
    order = _drawn(corners, target, triangles, size)
    corners, goals = corners.take(order, axis=1), _corners(source, triangles.take(order, axis=0))
    cover = _uppermost(corners, size)
    table = np.full((5, len(order) + 1), -1 - 1j, np.complex64)  # the last: no triangle
    table[:2, -1] = 0
    table[:3, :-1] = _affines(corners, goals)
    # A pixel on the edge of a sliver, as between closed lips, would be carried far beyond it.
    table[3:, :-1] = _ends(goals)
    by_x, by_y, rest, low, high = (row.take(cover).view(np.float32) for row in table)
    by_x *= np.repeat(np.arange(size[0], dtype=np.float32), 2)
    by_y *= np.arange(size[1], dtype=np.float32)[:, None]
    result = by_x
    result += by_y
    result += rest
    np.maximum(result, low, out=result)
    np.minimum(result, high, out=result)
    return result.reshape(size[1], size[0], 2)


def _affines(source: Complex, target: Complex) -> Complex:
    """(3, t) affine maps x * first + y * second + third that carry each of t triangles (3, t) onto
    its twin.
    """
    across, down = source[1] - source[0], source[2] - source[0]
    area = across.real * down.imag - across.imag * down.real
    flat = np.abs(area) < _FLAT
    inverse = np.where(flat, 0.0, 1 / np.where(flat, 1.0, area))
    first, second = (target[1] - target[0]) * inverse, (target[2] - target[0]) * inverse
    by_x = first * down.imag - second * across.imag
    by_y = second * across.real - first * down.real
    return np.array([by_x, by_y, target[0] - by_x * source[0].real - by_y * source[0].imag])


def warp(
    image: Image | Floats, source: Floats, target: Floats, triangles: Ints, size: tuple[int, int]
) -> tuple[Any, Floats]:
    """`image` carried from mesh to mesh, and where it lands: (h, w, c) and (h, w) of 0 or 1.

    The first has the dtype of `image`.
    """
    places = _places(source, target, triangles, size)
    moved = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved, (places[..., 0] > -1).astype(np.float32)
