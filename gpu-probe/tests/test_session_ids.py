"""Two sessions never share an event id, whatever ids their callers give."""

import pytest
from watched import LABELS, MS, Watched

from gpu_probe import registry

OTHER = {**LABELS, "tenant_id": "bank"}


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def by_tenant(events):
    return {
        tenant: [event for event in events if event["tenant_id"] == tenant] for tenant in ("acme", "bank")
    }


def test_an_id_that_is_open_gets_the_number_and_each_tenant_pays_its_own(watched):
    first = watched.probe.open_session(**LABELS, session_id="same")
    second = watched.probe.open_session(**OTHER, session_id="same")
    assert (first.session_id, second.session_id) == ("same", f"same-{second.number}")
    for session, length in ((first, 2), (second, 5)):
        with watched.probe.step([(session, 1, 1)]):
            watched.gpu.work(length * MS)
    for session in (first, second):
        session.close()
    events = watched.end()
    assert len({event["event_id"] for event in events}) == len(events)
    times = {t: sum(event["gpu_time_ns"] for event in mine) for t, mine in by_tenant(events).items()}
    assert times == {"acme": 2 * MS, "bank": 5 * MS}


def test_rows_named_by_the_id_are_the_first_ones(watched):
    first = watched.probe.open_session(**LABELS, session_id="same")
    watched.probe.open_session(**OTHER, session_id="same")
    with watched.probe.step([("same", 1, 1)]):
        watched.gpu.work(MS)
    assert by_tenant(watched.end())["acme"][-1]["gpu_time_ns"] == MS and not first.closed


def test_labels_that_are_no_clean_text_cost_no_exception_and_stay_apart(watched):
    """The processor refuses control characters: their events would be nobody's bill."""
    for raw in ("s\x851", "s\x852", "s\ud800"):
        session = watched.probe.open_session(**{**LABELS, "user_id": raw}, session_id=raw)
        with watched.probe.step([(raw, 1, 1)]):
            watched.gpu.work(MS)
        session.close()
    events = watched.end()
    for field in ("session_id", "user_id"):
        texts = {event[field] for event in events}
        assert len(texts) == 3 and all(text.startswith("s?") and text.isprintable() for text in texts)
    assert sum(event["gpu_time_ns"] for event in events) == 3 * MS, "rows are found by the caller's own id"


def test_an_id_used_again_within_a_millisecond_is_no_copy(watched):
    """Neither has GPU time: both end when they are closed, in one millisecond or in two."""
    for labels in (LABELS, OTHER) * 50:
        watched.probe.open_session(**labels, session_id="again").close("cancelled")
    events = watched.end()
    assert len({event["event_id"] for event in events}) == len(events) == 100
    assert len({event["session_id"] for event in events}) == 100


@pytest.mark.parametrize("text", ["s" * 128, "ü" * 64, "s" * 127 + "-"])
def test_a_long_id_keeps_its_number_within_the_schemas_bound(watched, text):
    ids = [watched.probe.open_session(**LABELS, session_id=text).session_id for _ in range(12)]
    assert len(set(ids)) == 12 and max(len(each.encode()) for each in ids) <= 128
    assert all(each.endswith(f"-{number}") for number, each in enumerate(ids) if number)


def test_an_id_that_looks_numbered_is_nobodys_copy(watched):
    probe = watched.probe
    ids = [probe.open_session(**LABELS, session_id=text).session_id for text in ("a-2", "a", "a")]
    assert ids[:2] == ["a-2", "a"] and len(set(ids)) == 3


def test_an_id_that_was_forgotten_and_comes_again_is_another_session(watched, monkeypatch):
    """The same batch by its ids, of which an earlier one is remembered."""
    monkeypatch.setattr(registry, "_REMEMBERED", 2)
    for labels, length in ((LABELS, 2), (OTHER, 5)):
        batch = [watched.probe.open_session(**labels, session_id=text) for text in ("a", "b")]
        assert [session.session_id for session in batch] == ["a", "b"]
        for _ in range(2):
            with watched.probe.step([("a", 1, 1), ("b", 1, 1)]):
                watched.gpu.work(length * MS)
        for session in batch:
            session.close()
        for _ in range(2):
            watched.probe.open_session(**LABELS).close()
    times = {t: sum(event["gpu_time_ns"] for event in mine) for t, mine in by_tenant(watched.end()).items()}
    assert times == {"acme": 4 * MS, "bank": 10 * MS}
