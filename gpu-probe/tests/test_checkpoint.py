"""A checkpoint is read as it was written or not at all, and reading it runs nothing."""

import json
import logging
import os
import pickle
import zlib
from collections.abc import Iterator

import pytest
from conftest import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st
from test_live import ACTIONS, MS, Engine, perform

from gpu_probe.fitting import Refit
from gpu_probe.journal import Place
from gpu_probe.live import checkpoint, snapshot
from gpu_probe.live.books import Books
from gpu_probe.live.checkpoint import CheckpointError, Contents, read_checkpoint, write_checkpoint
from gpu_probe.live.metering import Metering, UnreadableJournal
from gpu_probe.live.service import Service

# A field that comes, goes or changes its type asks for the next version here and in checkpoint.py.
FIELDS_OF = {b"GPCKP07": "3045762fe8939a8b"}
# What the parts have that reading makes anew.
REBUILT = {
    "Books": {"terms", "listener"},
    "Translator": {"_handlers"},
    "GpuMeter": {"_info", "_operator", "_refit", "_handlers"},
    "Booking": {"_info", "_policy", "_refit", "_output", "past"},
    "Axis": {"_listener"},
    "EnergySplit": {"_listener", "_minute_at", "_next_edge", "_bare_idle_mw"},
    "BusyTime": {"_listener", "_minute_at", "_next_edge", "_origin_ns"},
    "BusySplitter": {"_listener"},
    "Refit": set(),
}


class Scene:
    """A journal in the middle of its life, with a step, a span and readings under way, and its reader."""

    def __init__(self, folder, **meta):
        self.engine = Engine(folder, **meta)
        for number in range(3):
            self.engine.open_session(number)
        for length in (5 * MS, 7 * MS, 90 * MS):
            self.engine.step(0, length, 1)
            self.engine.tick()
        self.engine.close_session(1, "ok")
        self.engine.step(1, 50 * MS, 2)
        self.engine.unit.clock.begin_span("warmup", "m", "1")
        self.folder = self.engine.unit.journal.folder
        metering = Metering(self.folder, Recorder())
        metering.poll()
        metering._checkpoint()
        self.books = metering._books
        metering.close()
        self.path = self.folder / "checkpoint"

    def document(self):
        return json.loads(self.path.read_bytes().partition(b"\n")[2])

    def put(self, document):
        """A file that is whole, and of this version."""
        body = json.dumps(document).encode()
        self.path.write_bytes(checkpoint._head(body) + body)

    def read(self):
        return read_checkpoint(self.folder, Recorder())


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path, refit=True)


def test_the_fields_that_are_kept_are_those_of_the_version():
    assert {checkpoint.VERSION: snapshot.fingerprint(Contents)} == FIELDS_OF, (
        "what a checkpoint holds has changed: give checkpoint.VERSION the next number, and the table here "
        "its fingerprint. Now:\n" + "\n".join(snapshot.describe(Contents))
    )


def test_nothing_of_the_books_is_forgotten(scene):
    """Every attribute is declared, and so kept, or among those that are made anew."""
    parts = list(parts_of(scene.books))
    assert {type(part).__name__ for part in parts} == set(REBUILT)
    for part in parts:
        declared = set(type(part).__annotations__)
        assert set(vars(part)) == declared | REBUILT[type(part).__name__], type(part)


def parts_of(part) -> Iterator[object]:
    yield part
    for name in type(part).__annotations__:
        if type(getattr(part, name)).__name__ in REBUILT:
            yield from parts_of(getattr(part, name))


@settings(max_examples=30)
@given(st.lists(ACTIONS, max_size=40))
def test_what_is_read_is_what_was_written(tmp_path_factory, actions):
    engine = Engine(tmp_path_factory.mktemp("same"), refit=True)
    perform(engine, actions)
    metering = Metering(engine.unit.journal.folder, Recorder())
    metering.poll()
    write_checkpoint(metering.folder, Place(3, 8), metering._books)
    place, books = read_checkpoint(metering.folder, Recorder())
    assert place == Place(3, 8) and books.terms == metering._books.terms
    assert snapshot.take(books) == snapshot.take(metering._books)
    metering.close()


def test_books_that_have_not_begun_are_kept_too(tmp_path):
    write_checkpoint(tmp_path, Place(1, 8), None)
    assert read_checkpoint(tmp_path, Recorder()) == (Place(1, 8), None)


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_file_is_refused(tmp_path_factory, data):
    scene = Scene(tmp_path_factory.mktemp("damaged"))
    whole = scene.path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        scene.path.write_bytes(whole[:at])
    else:
        other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
        scene.path.write_bytes(whole[:at] + bytes([other]) + whole[at + 1 :])
    with pytest.raises(CheckpointError, match="damaged or of another version"):
        scene.read()


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_the_pickle_of_an_older_version_is_left_alone_and_said_once(scene, tmp_path, caplog):
    bomb = Bomb()
    bomb.path = str(tmp_path / "went off")
    data = pickle.dumps(bomb)
    scene.path.write_bytes(b"GPCKP02\n" + zlib.crc32(data).to_bytes(4, "little") + data)
    with pytest.raises(UnreadableJournal, match="damaged or of another version"):
        Metering(scene.folder, Recorder())
    service = Service(tmp_path, Recorder())
    with caplog.at_level(logging.ERROR, "gpu_probe"):
        for _ in range(3):
            assert service.poll() == 0
    assert (service.open, service.finished, service.damaged) == (0, 0, 0)
    assert len(caplog.records) == 1 and "another version" in caplog.text
    assert scene.path.exists() and not (tmp_path / "went off").exists()


def test_a_file_with_other_fields_is_refused_though_its_version_is_the_same(scene, monkeypatch):
    monkeypatch.setattr(snapshot, "fingerprint", lambda kept: "0" * 16)
    with pytest.raises(CheckpointError, match="another version"):
        scene.read()


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("terms"),
        lambda document: document.update(terms=None),
        lambda document: document.update(books=None),
        lambda document: document.update(more=1),
        lambda document: document["place"].append(1),
        lambda document: document.update(place=[0.5, 8]),
        lambda document: document["terms"].pop(),
        lambda document: document["terms"][0].append(1),
        lambda document: document["books"].update(objects=[]),
        lambda document: document["books"]["objects"].update(Popen=[["true"]]),
        lambda document: document["books"]["objects"].pop("SessionUsage"),
        lambda document: document["books"]["objects"]["SessionUsage"][0].append(0),
        lambda document: document["books"]["objects"]["SessionUsage"][0].pop(),
        lambda document: document["books"]["objects"]["Minute"].append("minute"),
        lambda document: document["books"]["part"].pop(),
        lambda document: document["books"].update(part={}),
    ],
)
def test_fields_that_are_missing_or_unknown_are_refused(scene, change):
    document = scene.document()
    assert scene.read() is not None
    change(document)
    scene.put(document)
    with pytest.raises(CheckpointError, match="not one of gpu-probe's"):
        scene.read()


def test_a_refit_that_was_not_asked_for_is_refused(scene):
    document = scene.document()
    document["terms"][3] = False
    scene.put(document)
    with pytest.raises(CheckpointError, match="no refit to fill"):
        scene.read()


@settings(max_examples=150)
@given(st.data())
def test_a_value_of_another_type_is_refused(tmp_path_factory, data):
    scene = Scene(tmp_path_factory.mktemp("types"), refit=True)
    document = scene.document()
    places = [place for place in scalars(document["books"])]
    holder, at = data.draw(st.sampled_from(places))
    holder[at] = {"neither": "number nor text"}
    scene.put(document)
    with pytest.raises(CheckpointError, match="not one of gpu-probe's"):
        scene.read()


def scalars(node):
    """The places of plain values in lists."""
    for at, value in enumerate(node) if isinstance(node, list) else ():
        if isinstance(value, (list, dict)):
            yield from scalars(value)
        else:
            yield node, at
    for value in node.values() if isinstance(node, dict) else ():
        yield from scalars(value)


def test_a_number_of_no_object_is_refused(scene):
    document = scene.document()
    fields = list(type(scene.books.meter._booking.axis).__annotations__)
    for number in (-1, 10_000, True, 1.0):
        parts = document["books"]["part"]
        axis = parts[1][0][2]
        axis[fields.index("minute")] = number
        scene.put(document)
        with pytest.raises(CheckpointError, match="there is no Minute"):
            scene.read()


def test_what_nests_without_end_is_refused(scene):
    body = b"[" * 200_000
    scene.path.write_bytes(checkpoint._head(body) + body)
    with pytest.raises(CheckpointError):
        scene.read()


def test_another_users_file_is_refused_and_says_whose_it_is(scene, monkeypatch):
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UnreadableJournal, match=f"owned by another user .uid {owner}, this process"):
        Metering(scene.folder, Recorder())


def test_a_refit_goes_on_with_the_coefficients_that_it_had(scene):
    _, books = scene.read()
    assert isinstance(books, Books) and isinstance(books.refit, Refit)
    assert books.refit.policy.label == scene.books.refit.policy.label
    assert books.meter._booking._refit is books.refit
