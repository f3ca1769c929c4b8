"""Shapley values of batches of 16 and 32 rows: batches are built up row by row in balanced orders, and every
prefix is timed as a step of the synthetic 7B decoder, all rows' attention in one kernel as in engines.

python gpu-probe/bench/permutations.py --out permutations.json --cases coalitions-large.json [--seconds 150]

Steps are launched ahead and timed with CUDA events, twice each or ``--replays`` times. With fewer
``--layers`` than 32 there is time for more permutations: layers are alike, so rows' parts of a step are too.
Prefixes come in a drawn order, with one and the same prefix again and again between them, by which drift of
the clock is taken out. ``--cases`` is a coalitions file (gpu-probe/traces/README.md).
"""

import bisect
import gc
import itertools
import json
import random
import statistics
import time
from pathlib import Path

import torch
from part import Part, options, percent, shown, within
from prefix_steps import CONTEXT_MAX, LAYERS, TOKENS_MAX, Steps, Timer

from gpu_probe.fitting import judge_sampled, read_permutations
from gpu_probe.fitting.permutations import balanced_orders
from gpu_probe.sharing import make_policy

PERMUTATIONS, REPLAYS = 12, 2
WHOLE_REPLAYS, SENTINEL_EVERY = 20, 40
# A prefix that takes so much longer than a larger one of its order was held up by the host.
STALL = 1.2
KINDS = (("decode", 16), ("decode", 32), ("mixed", 16), ("mixed", 32), ("prefill", 16), ("prefill", 32))


def draw(kind, count, rng):
    """[new tokens, context tokens] of each row."""
    prompts = {"decode": 0, "prefill": count, "mixed": max(2, count // 8)}[kind]
    rows = [
        [1, min(CONTEXT_MAX, max(64, round(rng.lognormvariate(7.5, 0.9))))] for _ in range(count - prompts)
    ]
    share = (TOKENS_MAX - count) // max(1, prompts)
    for _ in range(prompts):
        new = min(share, rng.choice((32, 64, 128, 256, 512)))
        rows.append([new, new + (rng.choice((0, 512, 2048)) if rng.random() < 0.5 else 0)])
    rng.shuffle(rows)
    return rows


def one_time(replays):
    """Of two replays the mean; the shorter where they differ, as the host can only make a step longer."""
    shortest = min(replays)
    return shortest if max(replays) > shortest * 1.02 else statistics.mean(replays)


def measure(timer, rows, permutations, replays, rng, end):
    """The permutations of one batch with all their prefixes. Raises RuntimeError where time does not do."""
    count = len(rows)
    orders = balanced_orders(count, permutations, rng)
    # The first ones of each size make kernels be loaded.
    timer.time([[rows[at] for at in orders[0][:size]] for size in range(1, count + 1)], 1)
    whole = statistics.median(timer.time([rows], WHOLE_REPLAYS)[0][1][2:])
    prefixes = [(order, size) for order in range(len(orders)) for size in range(1, count)]
    rng.shuffle(prefixes)
    sentinel = [rows[at] for at in orders[0][: count // 2]]
    batches = []
    for number, (order, size) in enumerate(prefixes):
        if number % SENTINEL_EVERY == 0:
            batches.append((None, sentinel))
        batches.append(((order, size), [rows[at] for at in orders[order][:size]]))
    # A collection of garbage would hold up the launches.
    gc.collect()
    gc.disable()
    timed = timer.time([batch for _, batch in batches], replays, end)
    gc.enable()
    kept = [(key, at, one_time(ms)) for (key, _), (at, ms) in zip(batches, timed)]
    beacons = [(at, ms) for key, at, ms in kept if key is None]
    if len(kept) < len(batches):
        raise RuntimeError(f"only {len(kept)} of {len(batches)} steps were timed in the part's seconds")
    times = {key: ms / drift(beacons, at) for key, at, ms in kept if key is not None}
    runs = [
        {
            "order": list(order),
            "ms": [*(round(times[number, size], 4) for size in range(1, count)), round(whole, 4)],
        }
        for number, order in enumerate(orders)
    ]
    kept_runs = [run for run in runs if not is_held_up(run["ms"])]
    spread = [ms for _, ms in beacons]
    return kept_runs, {
        "sentinel_ms": [round(min(spread), 4), round(max(spread), 4)],
        "permutations": len(kept_runs),
        "held_up": len(runs) - len(kept_runs),
    }


def is_held_up(prefix_ms):
    """Whether any prefix took longer than a larger one by more than times differ: rows that are added take
    nothing away. Which order it meets is the host's chance, so leaving such orders out favours no row."""
    least = prefix_ms[-1]
    for ms in reversed(prefix_ms):
        if ms > least * STALL:
            return True
        least = min(least, ms)
    return False


def drift(beacons, at):
    """How much slower than usual the card is at an instant, by the three sentinels around it."""
    place = bisect.bisect([instant for instant, _ in beacons], at)
    near = [ms for _, ms in beacons[max(0, place - 2) : place + 1]]
    return statistics.median(near) / statistics.median(ms for _, ms in beacons)


def against_graphs(timer, rows, rng):
    """The same prefixes as CUDA graphs: difference of the eager times, per cent."""
    found = []
    for size in (1, len(rows) // 4, len(rows) // 2, len(rows)):
        part = rng.sample(rows, size)
        step = timer.steps.prepare(part)
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            timer.steps.launch(step)
        eager = statistics.median(timer.time([part], 10)[0][1][2:])
        marks = [timer.mark()]
        for _ in range(10):
            graph.replay()
            marks.append(timer.mark())
        torch.cuda.synchronize()
        replayed = statistics.median([timer.ms(*pair) for pair in itertools.pairwise(marks)][2:])
        found.append(
            {"rows": size, "eager_ms": eager, "graph_ms": replayed, "percent": percent(eager, replayed)}
        )
        del graph
    return found


def main():
    given = options(
        __doc__,
        ("cases", "coalitions-large.json"),
        ("permutations", PERMUTATIONS),
        ("replays", REPLAYS),
        ("layers", LAYERS),
    )
    part = Part("permutations", given.out, given.seconds)
    rng = random.Random(11)
    kinds = KINDS if given.device == "cuda" else (("decode", 4), ("mixed", 4), ("prefill", 4))
    document = {
        "note": "milliseconds of one forward step, eager, for every prefix of each order; "
        "row = [new_tokens, context_tokens]",
        "gpu": torch.cuda.get_device_name() if given.device == "cuda" else "CPU",
        "model": "synthetic-7b",
        "layers": given.layers,
        "cases": [],
    }
    with torch.no_grad():
        timer = part.run("decoder", lambda: Timer(Steps(given.device, given.layers)))
        if timer is None:
            part.end()
        document["attention"] = timer.steps.attention.__name__.strip("_")
        part.document["results"]["decoder"] = {"attention": document["attention"]}
        # For the comparison with graphs and the judging.
        reserve_s, took_s = 12 + given.permutations / 4, {}
        for number in range(2 * len(kinds)):
            kind, count = kinds[number % len(kinds)]
            if part.left_s - reserve_s < took_s.get((kind, count), 0) * 1.1:
                continue
            rows = draw(kind, count, rng)
            begin = time.monotonic()
            end = begin + max(1.0, part.left_s - reserve_s)

            def case(kind=kind, rows=rows, end=end):
                runs, facts = measure(timer, rows, given.permutations, given.replays, rng, end)
                if runs:
                    document["cases"].append({"kind": kind, "rows": rows, "permutations": runs})
                    Path(given.cases).write_text(json.dumps(document, separators=(",", ":")))
                return facts

            part.run(f"case {number} {kind}-{count}", case)
            took_s[kind, count] = time.monotonic() - begin
        if given.device == "cuda":
            graphs = part.run("against graphs", lambda: against_graphs(timer, draw("decode", 16, rng), rng))
            worst = max((case["percent"] for case in graphs or []), key=abs, default=None)
            part.row("eager prefixes against graphs, worst", shown(worst), "0.5 %", within(worst, 0.5))
    part.run("judged", lambda: judged(part, given.cases))
    part.end()


def judged(part, path):
    cases = read_permutations(path)
    found = {
        kind: judgement._asdict()
        for kind, judgement in judge_sampled(cases, make_policy("fitted-hinge")).items()
    }
    for kind, of in found.items():
        interval = f"{of['low']:.1%} to {of['high']:.1%}, sampling error {of['sampling_error']:.1%}"
        part.row(f"fitted-hinge, {kind}", f"{of['wrong']:.1%} ({interval})", "2 %", of["wrong"] <= 0.02)
    return found


if __name__ == "__main__":
    main()
