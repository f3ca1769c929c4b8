"""The probe as serving code uses it, on GPUs that a test makes up."""

import asyncio
import os
import threading
import time

import pytest
from watched import LABELS, MS, Watched


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_a_block_is_a_session(watched):
    with watched.probe.session(**LABELS, session_id="s", user_id="u", prompt_tokens=3) as session:
        assert watched.probe.current() is session
        watched.gpu.work(2 * MS)
        session.tokens_out = 7
    assert watched.probe.current() is None
    events = watched.end()
    assert sum(event["gpu_time_ns"] for event in events) == 2 * MS
    assert events[-1]["time_quality"] == "measured"
    assert (events[-1]["tenant_id"], events[-1]["user_id"], events[-1]["outcome"]) == ("acme", "u", "ok")
    assert sum(event["tokens_in"] for event in events) == 3
    assert sum(event["tokens_out"] for event in events) == 7


class OutOfMemoryError(RuntimeError):
    """As torch.cuda's."""


@pytest.mark.parametrize(
    "error, outcome",
    [
        (ValueError, "error"),
        (TimeoutError, "timeout"),
        (asyncio.CancelledError, "cancelled"),
        (GeneratorExit, "cancelled"),
        (KeyboardInterrupt, "cancelled"),
        (OutOfMemoryError, "error"),
    ],
)
def test_what_leaves_the_block_is_the_outcome_and_the_work_is_billed(watched, error, outcome):
    with pytest.raises(error), watched.probe.session(**LABELS, session_id="s"):
        watched.gpu.work(MS)
        raise error
    with watched.probe.session(**LABELS, session_id="after"):
        watched.gpu.work(MS)
    watched.end()
    assert watched.of("s") == (MS, 1, 0, outcome)
    assert watched.of("after") == (MS, 1, 0, "ok")


def test_functions_are_metered_in_both_colours(watched):
    probe, gpu = watched.probe, watched.gpu

    @probe.metered(tenant_id=lambda who: who, project_id="p", model="m")
    def plain(who):
        gpu.work(MS)
        return who.upper()

    @probe.metered(tenant_id=lambda who: who, project_id="p", model="m")
    async def waiting(who):
        await asyncio.sleep(0)
        with probe.step():
            gpu.work(2 * MS)
        return probe.current()

    assert plain("acme") == "ACME" and plain.__name__ == "plain"
    assert asyncio.run(waiting("bank")) is not None
    times = {event["tenant_id"]: event["gpu_time_ns"] for event in watched.end()}
    assert times == {"acme": MS, "bank": 2 * MS}


def test_tasks_that_take_turns_keep_their_own_session(watched):
    probe = watched.probe

    async def request(number):
        async with probe.session(**LABELS, session_id=f"r{number}") as session:
            for _ in range(3):
                await asyncio.sleep(0.001)
                assert probe.current() is session
                with probe.step():
                    watched.gpu.work(number * MS // 10)

    async def main():
        await asyncio.gather(*(request(number) for number in range(10)))

    asyncio.run(main())
    watched.end()
    assert [watched.of(f"r{number}")[:2] for number in range(10)] == [
        (3 * n * MS // 10, 3) for n in range(10)
    ]


def test_threads_on_streams_of_their_own_add_up_to_what_the_gpu_did(watched):
    probe, gpu = watched.probe, watched.gpu
    local = threading.local()
    gpu.stream = lambda: local.stream

    def serve(number):
        local.stream = number
        for at in range(25):
            with probe.session(**LABELS, session_id=f"{number}-{at}"):
                gpu.work(MS // 5, stream=number)
            if at % 5 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = probe.counts()[0]
    events = watched.end()
    assert counts["started"] == 100 and counts["missed"] == 0
    assert len({event["session_id"] for event in events}) == 100
    assert sum(event["batch_steps"] for event in events) == 100
    # overlapping streams share what they share: never more than the sum, never less than the longest stream
    assert 5 * MS <= sum(event["gpu_time_ns"] for event in events) <= 20 * MS


def test_rows_by_session_by_id_and_told_late(watched):
    probe, gpu = watched.probe, watched.gpu
    a, b = (probe.open_session(**LABELS, session_id=name, prompt_tokens=4) for name in "ab")
    with probe.step([(a, 4, 4), ("b", 4, 4), ("unknown", 1, 1)]):
        gpu.work(MS)
    with probe.step(lambda: [(a, 1, 5)]):
        gpu.work(MS)
        with probe.step([(b, 1, 5)]):
            gpu.work(MS)
    with probe.step([]):
        gpu.work(MS)
    a.close("ok", 2)
    b.close()
    watched.end()
    assert watched.of("a") == (MS // 2 + 2 * MS, 2, 2, "ok")
    assert watched.of("b") == (MS // 2, 1, 1, "ok")
    assert (
        sum(minute["unattributed_ns"] + minute["attributed_ns"] for minute in watched.output.minutes)
        == 4 * MS
    )


def test_a_session_closed_while_its_step_runs_has_all_of_it(watched):
    watched.gpu.held = True
    session = watched.probe.open_session(**LABELS, session_id="s")
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(20 * MS)
    session.close("cancelled")
    session.close("ok")
    time.sleep(0.15)
    assert watched.output.events == []
    watched.gpu.held = False
    watched.end()
    assert watched.of("s") == (20 * MS, 1, 1, "cancelled")


def test_rows_of_a_session_that_is_over_are_its_tenants_all_the_same(watched):
    session = watched.probe.open_session(**LABELS, session_id="s")
    session.close("timeout")
    with watched.probe.step([("s", 1, 1)]):
        watched.gpu.work(3 * MS)
    events = watched.end()
    late = [event for event in events if event["session_id"].startswith("s-late")]
    assert sum(event["gpu_time_ns"] for event in late) == 3 * MS
    assert {event["tenant_id"] for event in events} == {"acme"}


def test_late_work_has_an_id_of_its_own_however_long_the_first(watched):
    name = "é" * 64
    watched.probe.open_session(**LABELS, session_id=name).close()
    for _ in range(2):
        with watched.probe.step([(name, 1, 1)]):
            watched.gpu.work(MS)
    ids = {event["session_id"] for event in watched.end()}
    assert len(ids) == 3 and all(len(session.encode()) <= 128 for session in ids)


def test_what_is_open_at_the_end_is_interrupted(watched):
    session = watched.probe.open_session(**LABELS, session_id="s")
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(MS)
    watched.end()
    assert watched.of("s") == (MS, 1, 1, "interrupted")
    session.close()


def test_a_forked_child_measures_nothing_and_leaves_its_parents_books(watched):
    probe = watched.probe
    with probe.session(**LABELS, session_id="before"):
        watched.gpu.work(MS)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with probe.session(**LABELS, session_id="child"):
                watched.gpu.work(MS)
            probe.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with probe.session(**LABELS, session_id="after"):
        watched.gpu.work(MS)
    events = watched.end()
    assert {event["session_id"] for event in events} == {"before", "after"}


@pytest.mark.parametrize("field", ["tenant_id", "project_id", "model"])
def test_labels_that_cannot_be_written_are_told_at_once(watched, field):
    for value in ("", "x" * 129, None, 7):
        with pytest.raises(ValueError, match=field):
            watched.probe.open_session(**{**LABELS, field: value})
    with pytest.raises(ValueError, match="outcome"):
        watched.probe.open_session(**LABELS).close("fine")
    with pytest.raises(ValueError, match="phase"):
        watched.probe.warmup(phase="inference")
    watched.end()


def test_after_the_end_nothing_is_measured_and_nothing_raises(watched):
    watched.end()
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
    watched.probe.close()
    assert watched.output.events == []


def test_rows_that_are_no_whole_numbers_make_their_step_nobodys_and_are_logged_once(watched, caplog):
    session = watched.probe.open_session(**LABELS, session_id="s")
    for tokens in (1.5, 2**70, "1"):
        with watched.probe.step([(session, tokens, 1)]):
            watched.gpu.work(MS)
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(2 * MS)
    session.close()
    watched.end()
    assert watched.of("s") == (2 * MS, 1, 1, "ok")
    assert sum(minute["unattributed_ns"] for minute in watched.output.minutes) == 3 * MS
    assert [record.levelname for record in caplog.records if "whole tokens" in record.message] == ["ERROR"]


def test_an_error_in_a_callers_rows_is_the_callers_and_the_step_is_over(watched):
    session = watched.probe.open_session(**LABELS, session_id="s")
    with pytest.raises(KeyError), watched.probe.step(lambda: {}["rows"]):
        watched.gpu.work(MS)
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(2 * MS)
    session.close()
    watched.end()
    assert watched.of("s") == (2 * MS, 1, 1, "ok")
    assert sum(minute["unattributed_ns"] for minute in watched.output.minutes) == MS
