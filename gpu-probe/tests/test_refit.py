"""The hinge fitted anew while a model serves: better shares, one label an event, and the same books."""

import json

import pytest
from conftest import COALITIONS, TRACE, Recorder
from test_live import LABELS, Engine

from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.cli.main import main
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.fitting import Refit, judge, read_coalitions
from gpu_probe.journal import entries
from gpu_probe.live.service import Service
from gpu_probe.sharing import Coefficients, load_coefficients, make_policy, shipped_coefficients
from gpu_probe.sharing.policy import FittedHinge

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
# Of another model: all cost is by tokens.
WRONG = Coefficients(7, "other", "other", 0, 1_000_000, 0, 0, 0, 0, 0)
TRACED = read_trace(TRACE)


def play(refit):
    output = Recorder()
    account = Account(output)
    device = ReplayDevice(TRACED)
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), account, refit=refit))
    assert account.faults() == []
    return output


@pytest.fixture(scope="module")
def corrected():
    refit = Refit(WRONG, interval_ns=1)
    return refit, play(refit)


def test_wrong_coefficients_are_replaced_and_the_new_ones_hold_on_batches_never_seen(corrected):
    refit, output = corrected
    first = refit.adopted[0]
    assert (first.version, first.model) == (8, "other")
    cases = read_coalitions(COALITIONS)
    assert max(judge(cases, FittedHinge(WRONG)).values()) > 0.4
    assert max(judge(cases, FittedHinge(first)).values()) <= 0.05
    labels = {event["apportionment"] for event in output.events if event["phase"] == "inference"}
    assert {FittedHinge(WRONG).label, FittedHinge(first).label} <= labels
    assert labels <= {FittedHinge(WRONG).label, *(FittedHinge(c).label for c in refit.adopted)}


def test_a_label_holds_for_whole_minutes_and_the_same_recording_gives_the_same_events(corrected):
    _, output = corrected
    by_minute = {}
    for event in output.events:
        if event["phase"] == "inference" and event["gpu_time_ns"]:
            by_minute.setdefault(event["started_at"] // 60_000_000, set()).add(event["apportionment"])
    assert len(by_minute) >= 3 and all(len(labels) == 1 for labels in by_minute.values())
    again = play(Refit(WRONG, interval_ns=1))
    assert (again.events, again.minutes) == (output.events, output.minutes)


def test_what_is_right_already_is_left_alone():
    refit = Refit(shipped_coefficients(), interval_ns=1)
    play(refit)
    assert refit.adopted == []


def test_not_before_it_is_due_and_not_from_a_handful_of_steps():
    refit = Refit(WRONG, interval_ns=10 * MINUTE)
    play(refit)
    assert refit.adopted == []
    refit = Refit(WRONG, interval_ns=1)
    refit.minute_over(0)
    refit.minute_over(MINUTE)
    assert refit.policy.coefficients is WRONG


def test_samples_stay_few_and_spread_over_the_interval():
    refit = Refit(WRONG)
    for number in range(100_000):
        refit.note(((number, number, False),), number + 1)
    kept = [sample.elapsed_ns for sample in refit._samples]
    assert 1000 <= len(kept) <= 2048
    assert kept[0] < 1000 and kept[-1] > 99_000


def test_a_probe_keeps_what_it_fitted_under_the_label_of_its_events(tmp_path, monkeypatch):
    monkeypatch.setattr(Refit.__init__, "__defaults__", (1,))
    (tmp_path / "journals").mkdir()
    engine = Engine(tmp_path / "journals", sensor=False, cold_start=False, refit=True, segment_bytes=1 << 20)
    engine.unit.journal.append(
        entries.text_entry(
            entries.OPENED,
            f'{{"session":0,"at_ns":{engine.host.now},"prompt_tokens":0,"session_id":"s",{LABELS}}}',
        )
    )
    engine.open[0] = 0
    for number in range(1200):
        if number == 1100:
            engine.host.now += MINUTE
        # As long as its context: nothing like the shipped model.
        engine.step(0, (1 + number) * 20_000, 1)
        engine.host.now += (1 + number) * 20_000
    engine.host.now += MINUTE
    engine.unit.end(1)
    output = Recorder()
    service = Service(tmp_path / "journals", output)
    service.poll()
    service.close()
    files = list((tmp_path / "coefficients").iterdir())
    assert files
    labels = {f"fitted-hinge@{load_coefficients(path).label}" for path in files}
    assert {event["apportionment"] for event in output.events} & labels
    assert all(path.stem == load_coefficients(path).label for path in files)


def test_replay_takes_the_option(capsys):
    assert main(["replay", str(TRACE), "--refit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"] == 1136
    assert main(["replay", str(TRACE), "--refit", "--policy", "equal"]) != 0
    assert "--refit is for --policy fitted-hinge" in capsys.readouterr().err


@pytest.mark.parametrize("policy", ["equal", "tokens"])
def test_only_the_hinge_is_fitted(tmp_path, policy):
    from gpu_probe import Probe

    with pytest.raises(ValueError, match="refit is for"):
        Probe("cpu", state_dir=tmp_path, policy=policy, refit=True)
