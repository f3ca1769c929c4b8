"""What measuring costs: the same loop with and without, in short blocks that take turns.

python gpu-probe/bench/overhead.py --out overhead.json [--budget 16] [--others 3]
"""

import argparse
import json
import random
import statistics
import time

import torch
from methods import OTHERS, Nothing, Probed
from workload import Decoder, graphed, percentile

STEPS_PER_REQUEST = 32
BLOCK_S = 0.25


class Loop:
    """Steps of one kind. ``wait`` fetches each step's tokens before the next is launched, as a simple engine
    does; without, the tokens of the step before, as an engine does that schedules ahead."""

    def __init__(self, name, launch, tokens, rows, wait):
        self.name, self.launch, self.rows, self.wait = name, launch, rows, wait
        self.host = [torch.empty(tokens.shape, dtype=tokens.dtype, pin_memory=True) for _ in range(2)]
        self.copied = [torch.cuda.Event() for _ in range(2)]

    def run(self, method, steps):
        """Seconds a step."""
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for step in range(steps):
            if step % STEPS_PER_REQUEST == 0:
                method.open(self.rows)
            with method.step():
                tokens = self.launch()
                self.host[step % 2].copy_(tokens, non_blocking=True)
            self.copied[step % 2].record()
            if self.wait:
                self.copied[step % 2].synchronize()
            elif step:
                self.copied[(step - 1) % 2].synchronize()
            if step % STEPS_PER_REQUEST == STEPS_PER_REQUEST - 1:
                method.close()
        torch.cuda.synchronize()
        return (time.perf_counter() - begin) / steps


def compare(loop, method, budget_s):
    """Paired blocks without and with, in an order drawn anew each time, for about so long."""
    none = Nothing()
    loop.run(none, STEPS_PER_REQUEST)
    steps = max(1, round(BLOCK_S / loop.run(none, STEPS_PER_REQUEST) / STEPS_PER_REQUEST)) * STEPS_PER_REQUEST
    loop.run(method, STEPS_PER_REQUEST)
    without, ratios = [], []
    end = time.perf_counter() + budget_s
    while len(ratios) < 3 or time.perf_counter() < end:
        if random.random() < 0.5:
            base = loop.run(none, steps)
            measured = loop.run(method, steps)
        else:
            measured = loop.run(method, steps)
            base = loop.run(none, steps)
        without.append(base)
        ratios.append(measured / base - 1)
    low, high = interval(ratios)
    return {
        "loop": loop.name,
        "rows": loop.rows,
        "method": method.name,
        "rounds": len(ratios),
        "steps_per_block": steps,
        "step_ms": round(statistics.median(without) * 1000, 4),
        "overhead_percent": round(statistics.median(ratios) * 100, 4),
        "interval_95_percent": [round(low * 100, 4), round(high * 100, 4)],
        "quartiles_percent": [round(percentile(ratios, part) * 100, 4) for part in (0.25, 0.75)],
    }


def interval(values, draws=2000):
    """Bootstrap interval of the median."""
    medians = [statistics.median(random.choices(values, k=len(values))) for _ in range(draws)]
    return percentile(medians, 0.025), percentile(medians, 0.975)


def host_cost(rows, times=2000):
    """What the serving thread spends on a step and a session, microseconds: before the step's work, after it,
    opening and closing."""
    probed, spent = Probed(), [0.0] * 4
    clock = time.perf_counter
    for _ in range(times // 50):
        at = clock()
        probed.open(rows)
        spent[2] += clock() - at
        for _ in range(50):
            scope = probed.step()
            begin = clock()
            scope.__enter__()
            middle = clock()
            scope.__exit__()
            spent[0] += middle - begin
            spent[1] += clock() - middle
        at = clock()
        probed.close()
        spent[3] += clock() - at
    probed.stop()
    sessions = times // 50 * rows
    names = ("before_us", "after_us", "open_us", "close_us")
    per = (times, times, sessions, sessions)
    return {"rows": rows, **{n: round(s / p * 1e6, 2) for n, s, p in zip(names, spent, per)}}


def loops():
    """Each loop with what it launches; a model is let go before the next. The sizes are for an H100."""
    for layers, sizes in ((4, [(16, 2048, "1 ms graph")]), (24, [(24, 512, "5 ms"), (56, 2048, "18 ms")])):
        decoder = Decoder(layers, sizes[-1][0], sizes[-1][1])
        for rows, context, name in sizes:
            graph, tokens = graphed(decoder, rows, context)

            def replay(graph=graph, tokens=tokens):
                graph.replay()
                return tokens

            yield Loop(f"{name}, ahead", replay, tokens, rows, wait=False)
            if rows < 56:
                yield Loop(f"{name}, waiting", replay, tokens, rows, wait=True)
        del decoder, graph, tokens, replay
        torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--budget", type=float, default=16, help="seconds for the probe in each loop")
    parser.add_argument(
        "--others", type=float, default=3, help="seconds for each other method, on loops ahead"
    )
    parser.add_argument("--only", default="", help="loops whose name has this in it")
    options = parser.parse_args()
    random.seed(1)
    # The lengths are fixed here.
    torch.backends.cuda.enable_cudnn_sdp(True)
    document = {"card": torch.cuda.get_device_name(), "torch": torch.__version__, "counts": [], "results": []}
    document["host_cost"] = [host_cost(rows) for rows in (1, 16, 64)]
    print(document["host_cost"], flush=True)
    for loop in loops():
        if options.only not in loop.name:
            continue
        probed = Probed()
        methods = [(Nothing(), options.budget / 3), (probed, options.budget)]
        if options.others and not loop.wait:
            methods += [(make(), options.others) for make in OTHERS]
        for method, budget_s in methods:
            document["results"].append(compare(loop, method, budget_s))
            print(document["results"][-1], flush=True)
            with open(options.out, "w") as file:
                json.dump(document, file)
        probed.stop()
        document["counts"].append(probed.counts)


if __name__ == "__main__":
    main()
