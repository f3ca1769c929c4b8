"""Rows as differences say what rows in full say, whatever an engine runs and whatever is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.device.live_step import LiveStep
from gpu_probe.journal import RowWriter, entries
from gpu_probe.journal import rows as module
from gpu_probe.journal.entries import UNNAMED, Manifest
from gpu_probe.live.launches import Manifests

MS = 1_000_000


def launch(number, stream, at_ns, is_announced=False):
    step = LiveStep(number, stream, at_ns, 0)
    step.host_end_ns, step.is_announced = at_ns, is_announced
    return step


class Page:
    """Takes entries while there is room, and reads them as a translator does."""

    def __init__(self):
        self.room = True
        self.kinds = []
        self.bytes = 0
        self.read = {}
        self._manifests = Manifests()

    def append(self, body):
        if not self.room:
            return False
        self.bytes += len(body)
        kind, launch = entries.decode(body)
        self.kinds.append(kind)
        find = self._manifests.keep if kind == entries.ROWS else self._manifests.find
        self.read[launch.start.step] = (launch.start, launch.is_announced, find(launch))
        return True


@pytest.fixture(autouse=True, scope="module")
def few_rows_are_compared_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW_ROWS", 0)
        yield


def manifest(*rows):
    return Manifest(*zip(*rows)) if rows else Manifest((), (), ())


def decode(start, length, rows=3):
    """Steps of a batch in which each context grows by a token."""
    return [manifest(*((session, 1, start + at) for session in range(rows))) for at in range(length)]


def write(steps, pause_ns=MS, page=None):
    page = page or Page()
    writer = RowWriter(page.append)
    for step, rows in enumerate(steps):
        writer.write(launch(step, 0, step * pause_ns), rows)
    return page


def test_a_running_batch_is_written_once_and_then_repeated():
    steps = decode(100, 200, rows=64)
    page = write(steps)
    assert page.kinds == [entries.ROWS] + [entries.REPEAT] * 199
    assert [rows for _, _, rows in page.read.values()] == steps
    assert page.bytes < 200 * 64


def test_rows_are_written_anew_after_256_steps_and_after_a_second():
    kinds = write(decode(1, 600)).kinds
    assert [at for at, kind in enumerate(kinds) if kind == entries.ROWS] == [0, 257, 514]
    kinds = write(decode(1, 25), pause_ns=100 * MS).kinds
    assert [at for at, kind in enumerate(kinds) if kind == entries.ROWS] == [0, 10, 20]


def test_a_runner_and_its_sampler_take_turns_without_writing_anew():
    """The sampler's rows compute nothing: their tokens were counted in the runner's."""
    steps = []
    for rows in decode(10, 20):
        steps += [rows, rows._replace(new_tokens=(0, 0, 0))]
    page = write(steps)
    assert page.kinds.count(entries.ROWS) == 2
    assert [rows for _, _, rows in page.read.values()] == steps


def test_one_row_out_of_step_is_enough_to_write_anew():
    batch = decode(100, 2)
    for at in range(3):
        for column in ("sessions", "new_tokens", "context_tokens"):
            odd = list(getattr(batch[1], column))
            odd[at] += 7
            steps = [batch[0], batch[1]._replace(**{column: tuple(odd)})]
            page = write(steps)
            assert page.kinds == [entries.ROWS] * 2, (at, column)
            assert page.read[1][2] == steps[1]


def test_rows_that_found_no_room_are_never_repeated():
    page = Page()
    writer = RowWriter(page.append)
    steps = decode(5, 6)
    for step, rows in enumerate(steps):
        page.room = step != 0
        writer.write(launch(step, 0, step), rows)
    assert page.kinds == [entries.ROWS] + [entries.REPEAT] * 4
    assert {step: rows for step, (_, _, rows) in page.read.items()} == dict(enumerate(steps[1:], 1))


def test_few_rows_are_written_in_full_and_never_named(monkeypatch):
    monkeypatch.setattr(module, "_FEW_ROWS", 8)
    steps = decode(1, 20, rows=8)
    page = Page()
    writer = RowWriter(page.append)
    for step, rows in enumerate(steps):
        writer.write(launch(step, 0, step), rows)
    assert page.kinds == [entries.ROWS] * 20 and [rows for _, _, rows in page.read.values()] == steps
    assert entries.decode(entries.rows_entry(launch(1, 0, 2), UNNAMED, steps[0])).value.manifest == UNNAMED
    assert write(decode(1, 20, rows=9)).kinds == [entries.ROWS] + [entries.REPEAT] * 19


def test_rows_that_the_journal_does_not_hold_are_an_error_and_not_somebody_elses():
    (repeat,) = [entries.decode(entries.repeat_entry(launch(7, 0, 1), 3, 1)).value]
    with pytest.raises(ValueError, match="step 7 has the rows of manifest 3, which is not there"):
        Manifests().find(repeat)


NUMBERS = st.integers(-(2**63), 2**63 - 1)
TOKENS = st.one_of(st.integers(0, 3), st.integers(0, 2**40), NUMBERS)
WILD = st.lists(st.tuples(NUMBERS, TOKENS, TOKENS), max_size=5).map(lambda rows: manifest(*rows))


@st.composite
def batches(draw):
    """Steps of a batch that rows join and leave, with prompts in chunks, pauses and a disk without room."""
    rows, steps, session = [], [], 0
    for _ in range(draw(st.integers(0, 40))):
        action = draw(
            st.sampled_from(["decode"] * 4 + ["join", "leave", "chunk", "sample", "wild", "swap", "shrink"])
        )
        if action == "join":
            rows.append((session, draw(st.integers(1, 900)), 900))
            session += 1
        elif action == "leave" and rows:
            rows.pop(draw(st.integers(0, len(rows) - 1)))
        elif action == "swap":
            rows = rows[::-1]
        elif action == "wild":
            steps.append((draw(WILD), True, 0))
            continue
        else:
            grown = []
            chunk = draw(st.integers(0, max(0, len(rows) - 1))) if action == "chunk" else None
            for at, (number, _, context) in enumerate(rows):
                new = 512 if at == chunk else 1
                new = {"sample": 0, "shrink": -3}.get(action, new)
                grown.append((number, max(0, new), context + new))
            rows = grown
        room = draw(st.integers(0, 9)) != 0
        steps.append((manifest(*rows), room, draw(st.sampled_from([0, MS, 400 * MS]))))
    return steps


@settings(max_examples=400)
@given(batches(), st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=40, max_size=40))
def test_what_is_read_is_what_was_written(steps, places):
    page = Page()
    writer = RowWriter(page.append)
    now, expected = 0, {}
    for step, ((rows, room, pause_ns), (stream, is_announced)) in enumerate(zip(steps, places)):
        now += pause_ns
        page.room = room
        writer.write(launch(step, stream, now, is_announced), rows)
        if room:
            expected[step] = ((step, stream, now), is_announced, rows)
    assert page.read == expected
