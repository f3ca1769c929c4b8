"""Journals that cannot be booked, and journals with gaps."""

import errno

import pytest
from conftest import Recorder
from fake_gpu import START
from test_live import MS, Engine, checked

from gpu_probe.accounting import Account
from gpu_probe.journal import entries
from gpu_probe.journal import file as journals
from gpu_probe.live.service import Service


def test_a_journal_that_cannot_be_booked_is_set_aside_and_the_others_are_not(tmp_path):
    good, bad = Engine(tmp_path), Engine(tmp_path / "other")
    good.open_session(1)
    good.step(0, MS, 1)
    bad.open_session(1)
    bad.open_session(1)
    bad.unit.journal.append(bytes([entries.OPENED]) + b"{not json")
    bad.host.now += MS
    for engine in (good, bad):
        engine.unit.end(1)
    (folder,) = (tmp_path / "other").iterdir()
    folder.rename(tmp_path / "1-1")
    (tmp_path / "other").rmdir()
    output = Recorder()
    service = Service(tmp_path, output)
    service.poll()
    service.close()
    assert (service.finished, service.damaged) == (1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["1-1.damaged"]
    assert output.events


@pytest.mark.parametrize("sensor", [True, False])
@pytest.mark.parametrize("first_again", ["tick", "step"])
def test_a_full_disk_is_time_that_is_nobodys_and_never_idle(tmp_path, monkeypatch, sensor, first_again):
    engine = Engine(tmp_path, sensor, segment_bytes=4096)
    engine.open_session(1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    reserve = journals.os.posix_fallocate
    monkeypatch.setattr(journals.os, "posix_fallocate", full)
    while not engine.unit.journal.lost:
        engine.step(0, 5 * MS, 1)
        engine.host.now += 5 * MS
    lost_at = engine.host.now
    for _ in range(5):
        engine.step(0, 50 * MS, 1)
        engine.host.now += 50 * MS
        engine.tick()
    monkeypatch.setattr(journals.os, "posix_fallocate", reserve)
    if first_again == "tick":
        engine.tick()
    engine.step(0, 5 * MS, 1)
    engine.host.now += 10 * MS
    engine.unit.end(1)
    output = Recorder()
    account = Account(output)
    service = Service(tmp_path, account)
    service.poll()
    service.close()
    checked(account, output)
    assert service.damaged == 0 and service.finished == 1
    assert account.gpu_time_ns["unattributed"] >= 5 * 53 * MS
    assert account.gpu_time_ns["idle"] <= 12 * MS
    assert account.gpu_time_ns["physical"] == engine.host.now - START
    assert account.gpu_time_ns["sessions"] > 0 and lost_at < engine.host.now
