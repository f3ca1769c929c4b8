"""What measuring ``generate`` costs: transformers, eager, with and without, in blocks that take turns.

``with its background`` also makes and closes the probe around each block with it, outside the time, so that
what its threads and its meter do in between is in the cost too.

python gpu-probe/bench/generate_cost.py --out generate.json [--seconds 60] [--device cpu]
"""

import random
import statistics
import tempfile
import time

import torch
from measured import NEW_TOKENS, TALKS, Talker, make_llama, wait_for
from overhead import interval
from part import Part, options

from gpu_probe import Probe
from gpu_probe.integrations import default, transformers

CALLS = 1
AIM_PERCENT = 0.8
SESSION = {"tenant_id": "t", "project_id": "p", "model": "llama"}


class Blocks:
    def __init__(self, device):
        from transformers.generation.utils import GenerationMixin

        self.device = device
        self.talker = Talker(make_llama(device), "short", device)
        self.talker.warm_up()
        plain = GenerationMixin.generate
        transformers.install()
        self.plain = lambda *args, **named: plain(self.talker.model, *args, **named)

    def without(self):
        """Seconds a token."""
        begin = time.perf_counter()
        for _ in range(CALLS):
            self.talker.call(self.plain)
        wait_for(self.device)
        return (time.perf_counter() - begin) / CALLS / NEW_TOKENS

    def with_probe(self, probe):
        begin = time.perf_counter()
        for _ in range(CALLS):
            with probe.session(**SESSION):
                self.talker.call()
        wait_for(self.device)
        return (time.perf_counter() - begin) / CALLS / NEW_TOKENS


def make_probe(device):
    probe = Probe(device, state_dir=tempfile.mkdtemp(prefix="gpu-probe-bench-"))
    default.set_probe(probe)
    return probe


def pairs(measure, without, end, least):
    """Ratios of pairs in an order drawn anew, until an instant; never fewer than ``least``."""
    base, ratios = [], []
    while len(ratios) < least or time.monotonic() < end:
        if random.random() < 0.5:
            first = without()
            second = measure()
        else:
            second = measure()
            first = without()
        base.append(first)
        ratios.append(second / first - 1)
    return base, ratios


def result(part, name, base, ratios, aim=None):
    low, high = interval(ratios)
    found = statistics.median(ratios)
    part.row(
        name,
        f"{found:+.2%} ({low:+.2%} to {high:+.2%}), {len(ratios)} pairs",
        "" if aim is None else f"{aim} %",
        None if aim is None else found * 100 <= aim,
    )
    return {
        "step_ms": round(statistics.median(base) * 1000, 4),
        "pairs": len(ratios),
        "overhead_percent": round(found * 100, 4),
        "interval_95_percent": [round(low * 100, 4), round(high * 100, 4)],
        "ratios": [round(ratio, 6) for ratio in ratios],
    }


def steady(part, blocks, seconds):
    """One probe all the time."""
    probe = make_probe(blocks.device)
    blocks.with_probe(probe)
    end = time.monotonic() + seconds
    base, ratios = pairs(lambda: blocks.with_probe(probe), blocks.without, end, 3)
    probe.close(30)
    return result(part, f"generate eager, rows and prompt {TALKS['short']}", base, ratios, AIM_PERCENT)


def background(part, blocks, seconds):
    """A probe for each block that is measured, none for the others."""

    def measure():
        probe = make_probe(blocks.device)
        blocks.with_probe(probe)
        spent = statistics.median(blocks.with_probe(probe) for _ in range(3))
        probe.close(10)
        return spent

    def without():
        return statistics.median(blocks.without() for _ in range(3))

    base, ratios = pairs(measure, without, time.monotonic() + seconds, 2)
    return result(part, "the same with its background", base, ratios)


def nothing(part, blocks, seconds):
    base, ratios = pairs(blocks.without, blocks.without, time.monotonic() + seconds, 3)
    return result(part, "generate, nothing against nothing", base, ratios)


def main():
    given = options(__doc__)
    random.seed(1)
    part = Part("generate_cost", given.out, given.seconds)
    with torch.no_grad():
        blocks = part.run("model", lambda: Blocks(given.device))
        part.document["results"]["model"] = "made" if blocks else part.document["results"]["model"]
        work_s = part.left_s
        part.run("steady", lambda: steady(part, blocks, work_s * 0.45))
        part.run("nothing", lambda: nothing(part, blocks, work_s * 0.12))
        part.run("background", lambda: background(part, blocks, max(0.0, part.left_s - 18)))
    part.end()


if __name__ == "__main__":
    main()
