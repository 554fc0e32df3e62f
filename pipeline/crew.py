"""Threads that work beside each other on one file, and hand on what they made in its order.

OpenVINO, OpenCV and FFmpeg let other threads run meanwhile. What is handed on does not depend on
how many threads there are: each piece of work is given all that it needs, and results keep their
order. Queues are short, so that memory does not grow. Whatever goes wrong in a thread is raised
where its result was to be taken. With one core everything happens in the caller's thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from pipeline import networks

_FARTHEST: Final = 16  # items
_BEFOREHAND: Final = 2  # more pieces of work than threads, so that none waits for the next

T = TypeVar("T")
R = TypeVar("R")
Taken = TypeVar("Taken", contravariant=True)


class Taker(Protocol[Taken]):
    """Whatever takes one thing after the other, as a writer takes frames."""

    def write(self, item: Taken, /) -> None: ...


class Crew:
    """As many threads as there are cores for this process, or as many as are told."""

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads or networks.cores()
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def all(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """What `work` makes of each item; the first error in their order is raised."""
        some = list(items)
        if self.threads == 1 or len(some) < 2:
            return [work(item) for item in some]
        return list(self._pool("all").map(work, some))

    def soon(self, work: Callable[[], object]) -> None:
        """Have `work` done beforehand, whose result somebody will ask for again, with its errors.

        With one core nothing happens.
        """
        if self.threads > 1:
            self._pool("soon").submit(work)

    @contextmanager
    def ahead(
        self, items: Iterator[T], work: Callable[[T], R], every: int = 1
    ) -> Iterator[Iterator[R]]:
        """What `work` makes of each item, made while those before are used.

        `items` are taken one by one, in a thread of their own; `work` may be done on several at
        once. Where only one in `every` items is much work, more of them are under way at a time.
        """
        if self.threads == 1:
            yield map(work, items)
            return
        slots = min(every * self.threads, max(_FARTHEST, self.threads)) + _BEFOREHAND
        feeding = _Feeding(items, lambda item: self._pool("ahead").submit(work, item), slots)
        try:
            yield feeding.results()
        finally:
            feeding.stop()

    @contextmanager
    def behind(self, taker: Taker[T]) -> Iterator[Taker[T]]:
        """Gives what it takes to `taker`, in a thread; all of it was taken when the block ends.

        What goes wrong there is raised by a later `write`, or where the block ends.
        """
        if self.threads == 1:
            yield taker
            return
        passing = _Passing(taker, self.depth)
        try:
            yield passing
        except BaseException:
            passing.drop()
            raise
        passing.finish()

    @property
    def depth(self) -> int:
        """How many items may be under way."""
        return self.threads + _BEFOREHAND

    def _pool(self, name: str) -> ThreadPoolExecutor:
        if name not in self._pools:
            self._pools[name] = ThreadPoolExecutor(self.threads, f"facesurrogate-{name}")
        return self._pools[name]


class _Feeding(Generic[T, R]):
    """Takes items and orders the work on them, as far ahead as there are `slots`."""

    def __init__(self, items: Iterator[T], order: Callable[[T], Future[R]], slots: int) -> None:
        self._items, self._order = items, order
        self._slots, self._stopped = threading.Semaphore(slots), False
        self._ordered: queue.SimpleQueue[Future[R] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="facesurrogate-ahead", daemon=True)
        self._thread.start()

    def results(self) -> Iterator[R]:
        """In the order of the items."""
        while (future := self._ordered.get()) is not None:
            result = future.result()
            del future  # it would keep the result
            yield result
            self._slots.release()

    def stop(self) -> None:
        """No further item is taken; afterwards nobody works on any."""
        self._stopped = True
        self._slots.release()
        self._thread.join()
        while not self._ordered.empty():
            future = self._ordered.get()
            if future is not None and not future.cancel():
                wait([future])

    def _run(self) -> None:
        try:
            self._feed()
        except BaseException as error:
            failed: Future[R] = Future()
            failed.set_exception(error)
            self._ordered.put(failed)
        finally:
            self._ordered.put(None)

    def _feed(self) -> None:
        try:
            while self._slots.acquire() and not self._stopped:
                try:
                    item = next(self._items)
                except StopIteration:
                    break
                self._ordered.put(self._order(item))
                del item
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()


class _Passing(Generic[T]):
    """Writes in a thread of its own what it is given."""

    def __init__(self, taker: Taker[T], slots: int) -> None:
        self._taker, self._slots = taker, threading.Semaphore(slots)
        self._given: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name="facesurrogate-behind", daemon=True)
        self._thread.start()

    def write(self, item: T, /) -> None:
        """Raises what went wrong with an item before."""
        self._slots.acquire()
        if self._error is not None:
            raise self._error
        self._given.put((item,))

    def finish(self) -> None:
        """All that was given is written. Raises what went wrong."""
        self._given.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        """What was given and is not yet written is left out."""
        self._dropped = True
        self._given.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (given := self._given.get()) is not None:
            if self._error is None and not self._dropped:
                try:
                    self._taker.write(given[0])
                except BaseException as error:
                    self._error = error
            del given
            self._slots.release()
