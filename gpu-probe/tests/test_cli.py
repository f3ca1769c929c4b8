"""The command line as a person or a script calls it."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from itertools import islice

import pytest
from conftest import COALITIONS, TRACE
from gateway import Gateway

from gpu_probe.cli.main import main
from gpu_probe.wal import Wal

HOUR = "2026-11-23T10:00:00Z"
HOUR_US = 1_795_428_000_000_000


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "wal"
    code = main(
        ["replay", str(TRACE), "--sink", "wal", "--wal", str(folder), "--hour-boundary-at", HOUR, "--json"]
    )
    assert code == 0
    return folder


def test_replay_ends_with_the_account(tmp_path, capsys):
    out = tmp_path / "events.jsonl"
    arguments = [
        "replay",
        str(TRACE),
        "--sink",
        "file",
        "--out",
        str(out),
        "--end-at",
        HOUR,
        "--json",
        "--progress",
    ]
    assert main([*arguments, "--tenant-operator", "platform"]) == 0
    printed = capsys.readouterr()
    account = json.loads(printed.out.splitlines()[-1])
    assert set(account) == {"sessions", "events", "totals", "gpu_time_ns", "gpu_busy_ns", "energy_uj"}
    times = {name: int(value) for name, value in account["gpu_time_ns"].items()}
    assert times.pop("physical") == sum(times.values()) == 125433947433
    assert "replayed 120 s" in printed.err
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == account["events"] + account["totals"]
    assert max(record["ended_at"] for record in records) == HOUR_US
    assert {record["tenant_id"] for record in records if record.get("phase") == "load"} == {"platform"}


def test_the_recording_crosses_the_hour_that_was_asked_for(log, capsys):
    assert main(["inspect", str(log)]) == 0
    printed = capsys.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert printed.err.strip() == "1319 gpu_time_event, 4 gpu_totals"
    ends = [record["ended_at"] for record in records]
    assert HOUR_US in ends
    assert min(ends) < HOUR_US < max(ends)
    assert all(not record["started_at"] < HOUR_US < record["ended_at"] for record in records)


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("nowhere", "is no folder"),
        ("empty", "holds no write-ahead log"),
        ("state", f"there is one in {{state}}{os.sep}wal{os.sep}0"),
    ],
)
def test_publish_of_what_is_no_log_is_an_error_and_makes_nothing(folder, told, log, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    shutil.copytree(log, tmp_path / "state" / "wal" / "0")
    assert main(["publish", str(tmp_path / folder), "--url", "http://127.0.0.1:9"]) == 1
    assert told.format(state=tmp_path / "state") in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_publish_holds_back_and_sends_later(log, tmp_path, capsys):
    pytest.importorskip("confluent_kafka", reason="the kafka extra is not installed")
    copy = tmp_path / "wal"
    copy.mkdir()
    for file in log.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    extra = tmp_path / "kafka.properties"
    extra.write_text("# a broker inside the client\ntest.mock.num.brokers=1\n")
    arguments = ["publish", str(copy), "--brokers", "localhost", "--kafka-option-file", str(extra), "--json"]
    assert main([*arguments, "--limit", "10"]) == 0
    assert main([*arguments, "--all-but", "13"]) == 0
    assert main(arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"sent": 10, "held": 1313}, {"sent": 1300, "held": 13}, {"sent": 13, "held": 0}]
    with Wal(copy) as wal:
        assert list(wal.pending()) == []


def test_events_that_found_no_room_are_told(tmp_path, capsys):
    small = tmp_path / "small.jsonl"
    with gzip.open(TRACE, "rt") as file:
        small.write_text("".join(islice(file, 500)))
    arguments = [
        "replay",
        str(small),
        "--sink",
        "file",
        "--out",
        str(tmp_path / "out"),
        "--wal-max-bytes",
        "999",
    ]
    assert main(arguments) == 1
    assert "raise --wal-max-bytes" in capsys.readouterr().err


def test_fit_and_judge(tmp_path, capsys):
    path = tmp_path / "fit.json"
    assert main(["fit", str(COALITIONS), "-o", str(path), "--version", "7"]) == 0
    assert main(["judge", str(COALITIONS), "--coefficients", str(path), "--json"]) == 0
    judged = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(judged) == {"decode", "mixed", "prefill"}
    assert max(judged.values()) <= 0.05
    assert json.loads(path.read_text())["version"] == 7


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay", "missing.jsonl"], "No such file"),
        (["replay", str(TRACE), "--sink", "kafka"], "--brokers"),
        (["replay", str(TRACE), "--sink", "http"], "--url"),
        (["replay", str(TRACE), "--sink", "wal"], "--wal"),
        (["publish", "nowhere"], "--url"),
        (["publish", "nowhere", "--brokers", "x", "--url", "http://x"], "not to both"),
        (["replay", str(TRACE), "--policy", "equal", "--coefficients", "x"], "fitted-hinge"),
        (["inspect", "missing"], "does not exist"),
        (
            ["replay", str(TRACE), "--sink", "file", "--out", "/dev/null", "--wal-max-bytes", "9999"],
            "--wal-max-bytes",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments, told, capsys):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("gpu-probe: ")


@pytest.mark.parametrize(
    "when", ["--end-at=yesterday", "--hour-boundary-at=2026-11-23T10:30:00Z", "--end-at=2026-11-23T10:00"]
)
def test_a_bad_instant_is_told(when, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["replay", str(TRACE), when])
    assert stopped.value.code == 2
    assert "is not" in capsys.readouterr().err


def test_the_module_runs_too():
    done = subprocess.run(
        [sys.executable, "-m", "gpu_probe", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("gpu-probe 0.")


def test_replay_and_publish_over_http(log, tmp_path, capsys):
    gateway = Gateway(answers=[503])
    assert main(["replay", str(TRACE), "--sink", "http", "--url", gateway.url, "--json"]) == 0
    account = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(gateway.taken) == account["events"] + account["totals"]
    copy = tmp_path / "wal"
    copy.mkdir()
    for file in log.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    gateway.taken.clear()
    assert main(["publish", str(copy), "--url", gateway.url, "--limit", "700", "--json"]) == 0
    assert main(["publish", str(copy), "--url", gateway.url, "--json"]) == 0
    gateway.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"sent": 700, "held": 623}, {"sent": 623, "held": 0}]
    assert len(gateway.taken) == 1323
