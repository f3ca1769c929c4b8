import uuid

from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.records import event_id, totals_id

NUMBERS = st.tuples(
    st.integers(0, 2**32), st.integers(0, 2**16), st.integers(0, 2**63), st.integers(0, 2**53)
)


@given(st.text(max_size=128), NUMBERS)
def test_an_event_id_is_a_uuid7_of_its_end_and_the_same_each_time(session, numbers):
    sequence, rank, start, ended_at = numbers
    first = event_id(session, sequence, rank, start, ended_at)
    read = uuid.UUID(bytes=first)
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert int.from_bytes(first[:6], "big") == ended_at // 1000
    assert first == event_id(session, sequence, rank, start, ended_at)


def test_every_input_counts():
    base = ("s", 0, 0, 1, 1_000_000)
    others = [
        ("t", 0, 0, 1, 1_000_000),
        ("s", 1, 0, 1, 1_000_000),
        ("s", 0, 1, 1, 1_000_000),
        ("s", 0, 0, 2, 1_000_000),
    ]
    assert len({event_id(*each) for each in [base, *others]}) == 5
    # the texts are told apart although they join to the same
    assert totals_id("ab", "c", "", 0, 0, 0, 0) != totals_id("a", "bc", "", 0, 0, 0, 0)


def test_the_layout_is_pinned():
    """Changing it would give every event in flight a second id."""
    assert event_id("session-1", 3, 1, 1_795_455_181_622_921_216, 1_795_455_190_000_000).hex() == PINNED


PINNED = "01a2097803f07be19d8c6913acea5a06"
