"""What a probe is not made from."""

import pytest
from conftest import Recorder

from gpu_probe import Probe


@pytest.mark.parametrize(
    "change, told",
    [
        ({"policy": "fair"}, "no sharing policy"),
        ({"busy_sampling": 1.5}, "part of the steps"),
        ({"device": "tpu"}, "device is cuda"),
        ({"accounting": "never", "output": None}, "accounting is process"),
    ],
)
def test_impossible_arguments_are_told(tmp_path, change, told):
    arguments = {"device": "cpu", "state_dir": tmp_path, "output": Recorder(), **change}
    with pytest.raises(ValueError, match=told):
        Probe(arguments.pop("device"), **arguments)
