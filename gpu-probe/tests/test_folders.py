"""A probe's state is its user's alone."""

import os
import stat
from pathlib import Path

import pytest
from conftest import Recorder
from watched import LABELS

from gpu_probe import Probe
from gpu_probe.cli.main import main
from gpu_probe.folders import check_owner, make_folder
from gpu_probe.live.runner import StateFolder


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder):
    """Paths whose mode says more than it should."""
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}
    return [path for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)]


@pytest.mark.parametrize("accounting", ["thread", "process", "later"])
def test_what_the_probe_makes_is_for_its_user_alone(tmp_path, open_umask, accounting):
    state = tmp_path / "a" / "state"
    probe = Probe("cpu", state_dir=state, accounting=accounting, policy="equal")
    with probe.session(**LABELS):
        pass
    assert modes(tmp_path / "a") == []
    probe.close(30)
    assert len(list(state.rglob("*"))) > 2 and modes(tmp_path / "a") == []


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o750)
    make_folder(tmp_path / "x")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_another_users_state_folder_is_refused(tmp_path, monkeypatch, capsys):
    # Whoever runs the tests, root too, this is somebody else's.
    os.chown(tmp_path, 12345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for use in (StateFolder, lambda path: Probe("cpu", state_dir=path, output=Recorder())):
        with pytest.raises(PermissionError, match=f"{tmp_path} is owned by another user"):
            use(tmp_path)
    for command in ("meter", "recover"):
        assert main([command, str(tmp_path)]) == 1
        assert "is owned by another user" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_roots_folder_is_taken_and_a_missing_one_is_nobodys(tmp_path):
    # Volumes are mounted as root's.
    assert Path("/").stat().st_uid == 0
    check_owner(Path("/"))
    check_owner(tmp_path / "not there")
