import numpy as np
import pytest

from pipeline.lessons import PARTNERS, partners


def rows(count, faces, mouths):
    angle = np.linspace(0, 1, count)
    looks = np.column_stack([np.cos(angle), np.sin(angle)])
    code = np.arange(count, dtype=np.float32)[::-1, None] ** 2
    mask = [np.isin(np.arange(count), list(who)) for who in (faces, mouths)]
    return looks, code, *mask


def test_faces_are_mixed_with_faces_of_like_looks():
    found = partners(*rows(6, {0, 1, 3, 5}, {2, 4, 5}))
    assert found.shape == (6, 2)
    assert found[0].tolist() == [1, 3]
    assert found[5].tolist() == [3, 1]


def test_mouths_are_mixed_with_mouths_of_like_codes():
    found = partners(*rows(6, {0, 1, 3, 5}, {2, 4, 5}))
    assert found[4].tolist() == [5, 2]
    assert found[2].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("count", "faces", "mouths"),
    [(2, {0, 1}, set()), (5, {0, 1, 2, 3}, {4}), (40, set(range(40)), {3}), (30, {0, 9}, {1, 2})],
)
def test_no_row_is_its_own_partner_nor_twice_anothers(count, faces, mouths):
    found = partners(*rows(count, faces, mouths))
    assert 1 <= found.shape[1] <= PARTNERS
    for row in sorted(faces | mouths):
        assert row not in found[row]
        assert len(set(found[row].tolist())) == found.shape[1]
