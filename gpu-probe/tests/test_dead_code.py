"""What is unused is deleted: vulture finds what no line of the package names."""

import pytest
from imports import PACKAGE

vulture = pytest.importorskip("vulture", reason="vulture is of the test extra")

# Used from outside, each for its own reason. What is used after all must not stand here.
USED_FROM_OUTSIDE = {
    "host_bound": "Probe.counts gives all fields of Counts",
    "reanchored": "Probe.counts gives all fields of Counts",
    "shared": "Probe.counts gives all fields of Counts",
    "do_GET": "http.server calls it",
    "log_message": "http.server calls it",
    "daemon_threads": "socketserver reads it",
    "ProbeMiddleware": "for applications: docs/asgi.md",
    "VllmMiddleware": "for vLLM's command line: docs/vllm.md",
    "set_probe": "for applications whose integrations are given no probe",
    "uninstall": "for applications, the other half of install",
    "numMetrics": "NVML reads it",
    "metricId": "the same",
    "sample1": "the same",
    "sample2": "the same",
    "scores": "transformers hands it to every stopping criterion",
    "address_family": "socketserver reads it",
    "service_actions": "socketserver calls it",
    "handle_error": "socketserver calls it",
    "balanced_orders": "for bench/permutations.py, which measures in these orders",
    "damaged_segments": "for whoever opens a log: what could not be read back",
}


def unused(folder):
    found = vulture.Vulture()
    found.scavenge([str(folder)])
    return [(item.name, item.get_report()) for item in found.get_unused_code(min_confidence=60)]


def test_nothing_is_dead_but_what_is_used_from_outside():
    found = unused(PACKAGE)
    assert [report for name, report in found if name not in USED_FROM_OUTSIDE] == []
    assert set(USED_FROM_OUTSIDE) == {name for name, _ in found}, "an exception that is none any more"


def test_dead_code_is_found(tmp_path):
    lines = (
        "class A:",
        " def used(self):",
        "  self._dead = 1",
        " def spare(self):",
        "  return 2",
        "A().used()",
    )
    (tmp_path / "module.py").write_text("\n".join(lines))
    assert {name for name, _ in unused(tmp_path)} == {"_dead", "spare"}
