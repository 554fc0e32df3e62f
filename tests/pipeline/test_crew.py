"""Threads that hand on work in order, stop when told, and lose no error."""

import threading
import time

import pytest

from pipeline import networks
from pipeline.crew import Crew

THREADS = [1, 2, 4]


@pytest.fixture(params=THREADS)
def crew(request):
    with Crew(request.param) as made:
        yield made


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = threading.active_count()
    yield
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.02)
    pytest.fail("a thread is still there")


def slow(number):
    """The earlier, the longer: later ones are done first where several work."""
    time.sleep(0.002 * (7 - number % 7))
    return 10 * number


def numbers(count, taken=None, fault=None):
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield number
    if fault is not None:
        raise fault


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_results_keep_their_order(crew, count):
    wanted = [10 * number for number in range(count)]
    assert crew.all(slow, range(count)) == wanted
    with crew.ahead(numbers(count), slow) as results:
        assert list(results) == wanted


def test_no_more_is_taken_than_a_few_ahead(crew):
    taken, most = [], 0
    with crew.ahead(numbers(40, taken), slow) as results:
        for used, _ in enumerate(results):
            time.sleep(0.003)
            most = max(most, len(taken) - used)
    assert most <= crew.depth + 1


def note(crew, items, work, seen):
    """Put down each result as it comes."""
    with crew.ahead(items, work) as results:
        for result in results:
            seen.append(result)


def failing(number):
    if number == 3:
        raise ValueError("three")
    return number


def test_a_fault_comes_where_its_result_was_to_be_taken(crew):
    seen = []
    with pytest.raises(ValueError, match="three"):
        note(crew, numbers(9), failing, seen)
    assert seen == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        crew.all(failing, range(9))


@pytest.mark.parametrize("fault", [MemoryError("no"), OSError("gone"), KeyboardInterrupt()])
def test_a_source_that_fails_is_told_after_what_it_gave(crew, fault):
    seen = []
    with pytest.raises(type(fault)):
        note(crew, numbers(5, fault=fault), slow, seen)
    assert seen == [0, 10, 20, 30, 40]


def test_who_stops_early_lets_the_source_close(crew):
    closed = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    source = endless()
    with crew.ahead(source, slow) as results:
        next(results)
    source.close()
    assert closed == [True]


def give(crew, writer, items):
    """Write all of them."""
    with crew.behind(writer) as taker:
        for item in items:
            taker.write(item)


class Writer:
    def __init__(self, fault_at=None):
        self.taken, self._fault_at = [], fault_at

    def write(self, item):
        if item == self._fault_at:
            raise OSError("the disk is full")
        time.sleep(0.001)
        self.taken.append(item)


def test_all_is_written_when_the_block_ends(crew):
    writer = Writer()
    give(crew, writer, numbers(25))
    assert writer.taken == list(range(25))


@pytest.mark.parametrize("at", [0, 7, 24])
def test_a_write_that_fails_is_told_at_the_latest_at_the_end(crew, at):
    writer = Writer(at)
    with pytest.raises(OSError, match="the disk is full"):
        give(crew, writer, numbers(25))
    assert writer.taken == list(range(at))


def test_after_a_fault_of_the_giver_nothing_more_is_written():
    writer = Writer()
    with Crew(2) as crew, pytest.raises(ValueError, match="mine"):
        give(crew, writer, numbers(4, fault=ValueError("mine")))
    assert writer.taken == list(range(len(writer.taken)))


def test_a_crew_is_as_large_as_it_may():
    try:
        networks.limit(3)
        assert Crew().threads == 3
    finally:
        networks.limit(0)
    assert Crew().threads == networks.usable_cores()


def test_what_is_wanted_soon_is_done_beforehand_where_there_is_a_core_for_it(crew):
    done = threading.Event()
    crew.soon(done.set)
    assert done.wait(5 if crew.threads > 1 else 0.05) == (crew.threads > 1)


def test_what_fails_beforehand_disturbs_nobody(crew):
    def fail():
        raise RuntimeError("not yet")

    crew.soon(fail)
    assert crew.all(slow, range(5)) == [0, 10, 20, 30, 40]
