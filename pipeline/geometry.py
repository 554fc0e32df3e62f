"""Points, boxes and triangles: similarity fits, Procrustes means, and warps from mesh to mesh."""

from typing import Any, Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints

_FLAT: Final = np.float32(1e-6)


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
    centre, goal = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - centre).astype(np.float64), (target - goal).astype(np.float64)
    spread = float((a * a).sum())
    if spread == 0:
        raise ValueError(f"source points coincide at {centre.tolist()}: no alignment")
    u, d, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    linear = (u * sign) @ vt * (float((d * sign).sum()) / spread)
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
    return np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)]).astype(np.float32)


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
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int) + 1
    return max(int(x1), 0), max(int(y1), 0), min(int(x2), size[0]), min(int(y2), size[1])


def rasterise(points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """Which triangle covers each pixel: (h, w) rows of `triangles`, -1 outside.

    `points` is (p, 2) or (p, 3) px; with a depth, triangles that face the camera lie over those
    turned away, and nearer ones (lower z) over farther ones. `size` is (width, height).
    """
    order = _far_to_near(points[triangles]) if points.shape[1] == 3 else np.arange(len(triangles))
    rows, places = _filled(points[:, :2][triangles[order]], size)
    cover = np.full(size[0] * size[1], -1, np.int64)
    cover[places] = order[rows]
    return cover.reshape(size[1], size[0])


def _far_to_near(corners: Floats) -> Ints:
    """The order in which to draw triangles (t, 3, 3): those turned away first, then by depth."""
    (ax, bx, cx), (ay, by, cy), depths = corners.transpose(2, 1, 0)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    facing = (area > 0) == (np.median(area) > 0)
    return np.lexsort((-depths.sum(axis=0), facing))


def _filled(corners: Floats, size: tuple[int, int]) -> tuple[Ints, Ints]:
    """All pixels of triangles (t, 3, 2), one after the other: row of the triangle, flat place.

    Row by row from edge to edge, and half a pixel beyond, so that no gap is left between two.
    """
    (top, middle, low), (x1, x2, x3) = _downwards(corners)
    first = np.clip(np.ceil(top), 0, size[1]).astype(np.int64)
    last = np.clip(np.floor(low), -1, size[1] - 1).astype(np.int64)
    triangle, row = _runs(first, np.maximum(last - first + 1, 0))
    down = row - top[triangle]
    across = ((x3 - x1) / np.maximum(low - top, _FLAT))[triangle] * down + x1[triangle]
    upper = (x2 - x1) / np.maximum(middle - top, _FLAT)
    lower = (x3 - x2) / np.maximum(low - middle, _FLAT)
    down = row - middle[triangle]
    other = np.where(down < 0, upper[triangle], lower[triangle]) * down + x2[triangle]
    left = np.clip(np.ceil(np.minimum(across, other) - 0.5), 0, size[0]).astype(np.int64)
    right = np.clip(np.floor(np.maximum(across, other) + 0.5), -1, size[0] - 1).astype(np.int64)
    run, place = _runs(row * size[0] + left, np.maximum(right - left + 1, 0))
    return triangle[run], place


def _downwards(corners: Floats) -> tuple[Floats, Floats]:
    """(3, t) y and x of the corners of triangles (t, 3, 2), the uppermost first."""
    order = np.argsort(corners[..., 1], axis=1)
    x, y = (np.take_along_axis(corners[..., axis], order, axis=1).T for axis in (0, 1))
    return np.ascontiguousarray(y), np.ascontiguousarray(x)


def _runs(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Whole numbers from each of the starts on, one run after the other, and whose run each is."""
    ends = np.cumsum(lengths)
    run = np.repeat(np.arange(len(starts)), lengths)
    return run, np.arange(len(run)) + np.repeat(starts - ends + lengths, lengths)


def mapping(
    source: Floats, target: Floats, triangles: Ints, size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """For each pixel of a picture of `size` the place in the source picture it shows.

    Piecewise affine from `target` (p, 2 or 3) to `source` (p, 2 or 3) points, px. Two (h, w)
    maps for cv2.remap; -1 where no triangle lies.
    """
    cover = rasterise(target, triangles, size)
    corners = source[:, :2][triangles]
    affine = _affines(target[:, :2][triangles], corners)
    # A pixel on the edge of a sliver, as between closed lips, would be carried far beyond it.
    table = np.full((2, 5, len(triangles) + 1), -1, np.float32)  # the last: where no triangle lies
    table[:, :3, :-1] = affine.transpose(1, 2, 0)
    table[:, 3, :-1], table[:, 4, :-1] = corners.min(axis=1).T, corners.max(axis=1).T
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]
    maps = []
    for by_x, by_y, rest, low, high in table:
        place = by_x.take(cover, mode="wrap") * x
        place += by_y.take(cover, mode="wrap") * y
        place += rest.take(cover, mode="wrap")
        np.maximum(place, low.take(cover, mode="wrap"), out=place)
        np.minimum(place, high.take(cover, mode="wrap"), out=place)
        maps.append(place)
    return maps[0], maps[1]


def _affines(source: Floats, target: Floats) -> Floats:
    """(t, 2, 3) affine maps that carry each of t triangles (t, 3, 2) onto its twin."""
    (x, y), goals = (t.transpose(2, 1, 0).astype(np.float64) for t in (source, target))
    across, down = x[1:] - x[0], y[1:] - y[0]
    area = across[0] * down[1] - across[1] * down[0]
    flat = np.abs(area) < _FLAT
    inverse = np.where(flat, 0.0, 1 / np.where(flat, 1.0, area))
    rows = []
    for goal in goals:
        edges = goal[1:] - goal[0]
        by_x = (edges[0] * down[1] - edges[1] * down[0]) * inverse
        by_y = (edges[1] * across[0] - edges[0] * across[1]) * inverse
        rows.append([by_x, by_y, goal[0] - by_x * x[0] - by_y * y[0]])
    return np.array(rows, np.float32).transpose(2, 0, 1)


def warp(
    image: Image | Floats, source: Floats, target: Floats, triangles: Ints, size: tuple[int, int]
) -> tuple[Any, Floats]:
    """`image` carried from mesh to mesh, and where it lands: (h, w, c) and (h, w) of 0 or 1.

    The first has the dtype of `image`.
    """
    map_x, map_y = mapping(source, target, triangles, size)
    moved = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved, (map_x > -1).astype(np.float32)


def barycentric(corners: Floats) -> Floats:
    """(h, w, 3) shares of a triangle's corners (h, w, 3, 2) px that add up to the pixel's place."""
    height, width = corners.shape[:2]
    y, x = np.mgrid[:height, :width]
    origin, edges = corners[:, :, 0], corners[:, :, 1:] - corners[:, :, :1]
    at = np.stack([x, y], axis=-1) - origin
    det = edges[..., 0, 0] * edges[..., 1, 1] - edges[..., 0, 1] * edges[..., 1, 0]
    det = np.where(np.abs(det) < 1e-6, 1.0, det)
    b = (at[..., 0] * edges[..., 1, 1] - at[..., 1] * edges[..., 1, 0]) / det
    c = (at[..., 1] * edges[..., 0, 0] - at[..., 0] * edges[..., 0, 1]) / det
    return np.stack([1 - b - c, b, c], axis=-1).astype(np.float32)
