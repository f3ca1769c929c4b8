"""Measured steps of a recorded trace."""

from __future__ import annotations

from ..device.replay import Trace
from ..sharing import Work
from .fit import Sample


def trace_samples(trace: Trace) -> list[Sample]:
    """Every step of the recording with its rows."""
    prompts = {line["session"]: line["prompt_tokens"] for line in trace.lines if line["t"] == "open"}
    return [
        Sample(
            tuple(
                Work(new, context, context - new < prompts[session]) for session, new, context in line["rows"]
            ),
            line["gpu_elapsed_ns"],
        )
        for line in trace.lines
        if line["t"] == "step"
    ]
