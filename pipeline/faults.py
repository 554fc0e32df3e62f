"""How often a room failed on one face, which is no reason to give up a file."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from pipeline.errors import DeidError

T = TypeVar("T")
_counting = Lock()  # several threads count at once

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Faults:
    """How often a room failed on one face; that face is then covered by its box."""

    count: int = 0

    def guarded(self, work: Callable[[], T], otherwise: T) -> T:
        """What `work` gives, or `otherwise` where a room fails; our own errors pass."""
        try:
            return work()
        except DeidError:
            raise
        except Exception as error:
            with _counting:
                self.count += 1
            log.debug("a room failed on one face: %s", type(error).__name__)
            return otherwise
