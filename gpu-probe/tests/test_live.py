"""From serving threads to events: whatever happens, and wherever the process ends, the books add up."""

import shutil

import pytest
from conftest import Recorder
from fake_gpu import FakeGpu, Host
from fake_nvml import FakeNvml
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.journal import entries
from gpu_probe.journal import file as journals
from gpu_probe.journal import rows as row_module
from gpu_probe.live.metering import Metering
from gpu_probe.live.service import Service
from gpu_probe.live.unit import Unit
from gpu_probe.nvml import find_device
from gpu_probe.session import KnownLabels
from gpu_probe.sharing import make_policy

MS = 1_000_000
META = {
    "policy": "fitted-hinge",
    "coefficients": None,
    "operator": "operator",
    "cold_start": True,
    "record": None,
}
LABELS = KnownLabels().get(tenant_id="t", project_id="p", user_id=None, model="m", model_version="1")


@pytest.fixture(autouse=True, scope="module")
def few_rows_are_compared_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_module, "_FEW_ROWS", 0)
        yield


class Engine:
    """One process's use of one GPU, all of it on a clock that the test moves."""

    def __init__(self, folder, sensor=True, segment_bytes=1 << 16, **meta):
        self.host = Host()
        self.nvml = FakeNvml()
        power = find_device("GPU-1234", 0, self.nvml) if sensor else None
        self.gpu = FakeGpu(self.host, drift_ppm=40, power=power)
        self.unit = Unit(self.gpu, folder, self.host, 0, 1, {**META, **meta}, segment_bytes)
        self.open = {}
        self.closed = []
        self.next = 0
        self.work = 0
        self.steps = 0

    def open_session(self, prompt):
        number, self.next = self.next, self.next + 1
        self.open[number] = 0
        fields = (
            f'"session":{number},"at_ns":{self.host.now},"prompt_tokens":{prompt},"session_id":"s{number}"'
        )
        self.unit.journal.append(entries.text_entry(entries.OPENED, f"{{{fields},{LABELS}}}"))

    def close_session(self, number, outcome):
        del self.open[number]
        self.closed.append(number)
        self.unit.clock.announce()
        self.unit.journal.append(entries.closed_entry(number, self.host.now, outcome, None))

    def step(self, stream, length, new, compiles=False):
        self.gpu.current = stream
        step = self.unit.clock.begin()
        self.gpu.work(length)
        self.gpu.compiled += compiles
        self.host.now += 20_000
        rows = []
        for number in self.open:
            self.open[number] += new
            rows.append((number, new, self.open[number]))
        if self.closed and length % 7 == 0:
            rows.append((self.closed[-1], 1, 1))
        self.unit.clock.end(step, entries.Manifest(*(zip(*rows) if rows else ((), (), ()))))
        self.work += length
        # A cold step of nobody is the operator's alone.
        self.steps += bool(rows) or not compiles

    def tick(self):
        self.host.now += 3 * MS
        self.nvml.energy_mj += 2000
        self.unit.read_power()
        self.unit.tick()


ACTIONS = st.one_of(
    st.tuples(st.just("open"), st.integers(0, 30)),
    st.tuples(st.just("close"), st.sampled_from(["ok", "timeout", "cancelled", "error"])),
    st.tuples(
        st.just("step"),
        st.integers(0, 2),
        st.integers(0, 40 * MS),
        st.integers(0, 9),
        st.integers(0, 9).map(lambda n: n == 0),
    ),
    st.tuples(st.just("wait"), st.integers(0, 20_000 * MS)),
    st.tuples(st.just("tick")),
    st.tuples(st.just("span"), st.integers(0, 2000 * MS)),
    st.tuples(st.just("capture elsewhere"), st.booleans()),
    st.tuples(st.just("memory"), st.integers(0, 1 << 30)),
    st.tuples(st.just("poll")),
    st.tuples(st.just("clock"), st.integers(-7200 * 10**6, 7200 * 10**6)),
)


def perform(engine, actions, poll=lambda: None):
    for name, *values in actions:
        if name == "open":
            engine.open_session(*values)
        elif name == "close" and engine.open:
            engine.close_session(next(iter(engine.open)), *values)
        elif name == "step":
            engine.step(*values)
        elif name == "wait":
            engine.host.now += values[0]
        elif name == "tick":
            engine.tick()
        elif name == "span":
            span = engine.unit.clock.begin_span("warmup", "m", "1")
            engine.gpu.work(values[0])
            engine.unit.clock.end(span, None)
        elif name == "capture elsewhere":
            engine.gpu.other_captures = values[0]
        elif name == "memory":
            engine.gpu.memory_now = (values[0], values[0] // 2)
            engine.unit.note_memory()
        elif name == "clock":
            engine.unit.set_clock(values[0] * 1000)
        elif name == "poll":
            poll()
    engine.gpu.other_captures = False


def checked(account, output):
    """What must hold however a journal ends."""
    assert account.faults() == []
    assert len({event["event_id"] for event in output.events}) == len(output.events)
    for event in output.events:
        assert 0 <= event["gpu_time_ns"] <= (event["ended_at"] - event["started_at"]) * 1000


@settings(max_examples=120)
@given(st.lists(ACTIONS, max_size=50), st.booleans())
def test_time_and_energy_add_up_whatever_an_engine_does(tmp_path_factory, actions, sensor):
    folder = tmp_path_factory.mktemp("live")
    engine = Engine(folder, sensor)
    output = Recorder()
    account = Account(output)
    service = Service(folder, account)
    perform(engine, actions, service.poll)
    engine.host.now += 60_000 * MS
    engine.unit.end(1)
    service.poll()
    service.close()
    checked(account, output)
    ended = {event["session_id"] for event in output.events if event["phase"] == "inference"}
    assert {f"s{number}" for number in range(engine.next)} <= ended
    totals = output.minutes
    assert sum(minute["steps"] + minute["steps_missed"] for minute in totals) >= engine.steps
    if ("capture elsewhere", True) not in actions:
        assert not sum(minute["steps_missed"] for minute in totals)
        used = sum(minute["wall_time_ns"] - minute["idle_ns"] for minute in totals)
        # float32 milliseconds and a drifting clock
        assert used <= engine.work + 4 * MS + sum(v[0] for n, *v in actions if n == "span")
    assert service.damaged == 0 and not list(folder.iterdir()), "a journal that is booked is removed"
    shutil.rmtree(folder)


@settings(max_examples=80)
@given(st.lists(ACTIONS, max_size=40), st.integers(0, 10**6))
def test_a_journal_cut_anywhere_still_adds_up_and_bills_no_more_than_the_whole(tmp_path_factory, actions, at):
    folder = tmp_path_factory.mktemp("cut")
    engine = Engine(folder)
    perform(engine, actions)
    whole = written(folder)
    engine.unit.journal.close()
    size = sum(len(body) + 8 for body in whole)
    path = folder / engine.unit.journal.folder.name / "00000000.journal"
    with open(path, "r+b") as file:
        cut = 8 + at % (size + 1)
        file.truncate(cut)
        file.truncate(1 << 16)
    kept = written(folder)
    assert kept == whole[: len(kept)]
    output = Recorder()
    account = Account(output)
    service = Service(folder, account)
    service.poll()
    service.close()
    checked(account, output)
    opened = sum(body[0] == entries.OPENED for body in kept)
    ended = {event["session_id"] for event in output.events if event["phase"] == "inference"}
    assert {f"s{number}" for number in range(opened)} <= ended
    measured = [entries.decode(body).value for body in kept if body[0] == entries.MEASURED]
    # What the operator loaded or warmed up may be estimated; nobody else pays more than was measured.
    billed = sum(minute["attributed_ns"] for minute in output.minutes)
    assert billed <= sum(reading.elapsed_ns for reading in measured)
    shutil.rmtree(folder)


def written(folder):
    (path,) = [path for path in folder.iterdir() if path.is_dir()]
    reader = journals.JournalReader(path)
    bodies = list(reader.read())
    reader.close()
    return bodies


def records_of(output):
    return [sorted(record.items()) for record in (*output.events, *output.minutes)]


@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=40))
def test_a_recording_plays_to_the_same_events(tmp_path_factory, actions):
    folder = tmp_path_factory.mktemp("record")
    trace = folder / "trace.jsonl.gz"
    (folder / "journals").mkdir()
    engine = Engine(folder / "journals", record=str(trace))
    perform(engine, actions)
    engine.host.now += 60_000 * MS
    engine.unit.end(1)
    output = Recorder()
    service = Service(folder / "journals", output)
    service.poll()
    service.close()
    replayed = Recorder()
    device = ReplayDevice(read_trace(trace))
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), replayed))
    assert records_of(replayed) == records_of(output)
    shutil.rmtree(folder)


@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=60), st.integers(1, 59))
def test_a_reader_that_dies_is_followed_by_one_that_gives_the_same(tmp_path_factory, actions, at):
    """The checkpoint and what comes after it give what one reader would have given; ids tell the copies."""
    folder = tmp_path_factory.mktemp("again")
    engine = Engine(folder)
    perform(engine, actions[:at])
    first = Recorder()
    (path,) = folder.iterdir()
    metering = Metering(path, first)
    metering.poll()
    metering._checkpoint()
    metering.close()
    perform(engine, actions[at:])
    engine.host.now += 60_000 * MS
    engine.unit.end(1)
    copy = folder.parent / f"{folder.name}-whole"
    shutil.copytree(folder, copy)
    (copy / path.name / "checkpoint").unlink()
    second, alone = Recorder(), Recorder()
    for root, output in ((folder, second), (copy, alone)):
        service = Service(root, output)
        service.poll()
        service.close()
    together = {record["event_id"]: record for record in first.events + second.events}
    assert together == {record["event_id"]: record for record in alone.events}
    shutil.rmtree(folder)
    shutil.rmtree(copy)


@settings(max_examples=60)
@given(st.lists(ACTIONS, max_size=60))
def test_rows_as_differences_give_the_same_events_as_rows_in_full(tmp_path_factory, actions):
    given_out = []
    for few_rows in (0, 1 << 30):
        folder = tmp_path_factory.mktemp("rows")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(row_module, "_FEW_ROWS", few_rows)
            engine = Engine(folder)
            perform(engine, actions)
            engine.host.now += 60_000 * MS
            engine.unit.end(1)
        assert not few_rows or all(body[0] != entries.REPEAT for body in written(folder))
        output = Recorder()
        service = Service(folder, output)
        service.poll()
        service.close()
        given_out.append(records_of(output))
        shutil.rmtree(folder)
    assert given_out[0] == given_out[1]


def test_what_a_thread_launches_after_the_end_is_not_booked_and_damages_nothing(tmp_path):
    engine = Engine(tmp_path)
    engine.open_session(1)
    engine.step(0, MS, 1)
    engine.host.now += 5 * MS
    engine.unit.clock.harvest()
    engine.unit.journal.append(entries.instant_entry(entries.ENDED, engine.host.now))
    engine.step(0, MS, 1)
    engine.host.now += 5 * MS
    engine.unit.clock.harvest()
    engine.unit.journal.close()
    output = Recorder()
    service = Service(tmp_path, output)
    service.poll()
    service.close()
    assert (service.finished, service.damaged) == (1, 0)
    # Its clock is 40 millionths fast.
    assert sum(event["gpu_time_ns"] for event in output.events) == MS + 40


def test_a_probe_claims_its_card_until_it_ends(tmp_path):
    claims = tmp_path / "claims"
    claims.mkdir()
    host = Host()
    unit = Unit(FakeGpu(host, uuid="GPU-1234"), tmp_path / "journals", host, 0, 1, META, claims=claims)
    assert len(list((claims / "GPU-1234").iterdir())) == 1
    unit.tick()
    unit.end(0)
    assert list((claims / "GPU-1234").iterdir()) == []
