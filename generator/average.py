"""What all mixes have in common that their donors do not have. Offline only.

Sharp faces that differ as people do have the same blurred mean as the people they are mixed of.
A recogniser in the loss sets mixes apart from donors; the cheapest way is one strange nose for all
of them, which that recogniser takes for many and another one for the same.
"""

from typing import Any, Final

import tensorflow as tf
from keras import ops

_FOLLOWED: Final = 0.97  # from one batch to the next
_FLOOR: Final = 1e-3


class Average:
    """Follows by how much mixes of a side differ from the blends of their donors, on average."""

    def __init__(self, side: int) -> None:
        self.change = tf.Variable(tf.zeros((side // 2, side // 2, 3)))

    def loss(self, mixed: Any, blends: Any, whole: Any) -> tuple[Any, Any]:
        """Of mixes (b, s, s, 3) and the plain blends of their donors, both in [-1, 1]: what to
        minimise, and how large (rms) the mean change is by now; `whole` (b,) is 0 for those that
        are no whole faces and count nothing.
        """
        change = ops.average_pool(mixed, 2, 2) - ops.average_pool(blends, 2, 2)
        now = followed(self.change, change, whole)
        size = ops.sqrt(ops.mean(self.change**2))
        return ops.mean(self.change * now) / (size + _FLOOR), size


def followed(mean: tf.Variable, rows: Any, whole: Any) -> Any:
    """The mean of the whole faces, `whole` (b,), of rows (b, ...), which `mean` (...) follows."""
    share = whole / ops.maximum(ops.sum(whole), 1)
    now = tf.tensordot(share, rows, 1)
    known = tf.stop_gradient(now) + (1 - ops.sum(share)) * mean
    mean.assign(mean * _FOLLOWED + known * (1 - _FOLLOWED))
    return now
