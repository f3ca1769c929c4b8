"""Busy time by the probe against the card's counter, which a process of its own reads over the same window.

python gpu-probe/bench/busy.py --check generate|graphs|unmetered --out busy.json [--seconds 100]
"""

import time

import torch
from measured import TALKS, Measured, Talker, install, make_llama, talk_at_once
from part import Part, options, percent, shown, within

GRAPH_ROWS, GRAPH_CONTEXT, GRAPH_LAYERS = 24, 512, 6
STEPS_PER_SESSION = 200
# About 0.4 s of matrix products at once, then as long without as makes one burst in two seconds.
BURST_S, EVERY_S = 0.4, 2.0


class Lengths:
    """Seconds of each phase; short for a dry run."""

    def __init__(self, device):
        on_card = device == "cuda"
        self.alone = 4.0 if on_card else 0.5
        self.mixed = 21.0 if on_card else 1.5
        self.graphs = 22.0 if on_card else 1.0
        self.foreign_alone = 6.0 if on_card else 1.0


def compare(part, name, found_ns, window, bound):
    """A row of the table: found against the counter."""
    truth = window["busy_ns"]
    difference = percent(found_ns, truth)
    seconds = "?" if truth is None else f"{truth / 1e9:.3f}"
    part.row(
        name,
        f"{shown(difference)} ({found_ns / 1e9:.3f} of {seconds} s)",
        f"{bound} %",
        within(difference, bound),
    )
    return difference


def balance(part, measured, bound):
    """The whole life of the probe: sessions + operator + unmetered against the counter."""
    found = measured.balance()
    found["difference_percent"] = compare(
        part, "whole: sessions + operator + unmetered", found["parts_ns"], found["counter"], bound
    )
    by_ticks = found["counter"]["busy_by_ticks_ns"]
    found["difference_by_ticks_percent"] = percent(found["parts_ns"], by_ticks)
    part.row("busy_quality", ", ".join(found["busy_quality"]))
    return found


def generate(part, device):
    """Six threads of transformers, eager: each kind alone, then on one stream, then on a stream each."""
    lengths = Lengths(device)
    model = make_llama(device)
    alone = [Talker(model, kind, device) for kind in TALKS]
    own = [Talker(model, kind, device, number, stream=True) for kind in TALKS for number in (0, 1)]
    shared = [Talker(model, kind, device, number) for kind in TALKS for number in (0, 1)]
    for talker in (*alone, *own):
        talker.warm_up()
    measured = Measured(device)
    install(measured)
    for talker in alone:
        talker.talk(measured.probe, "cold", calls=1)
    for talker in alone:
        with measured.window(f"alone-{talker.kind}"):
            talker.talk(measured.probe, f"alone-{talker.kind}", seconds=lengths.alone)
    for name, talkers in (("one-stream", shared), ("six-streams", own)):
        with measured.window(name):
            talk_at_once(talkers, measured.probe, name, seconds=lengths.mixed)
        part.document["results"][f"calls {name}"] = {talker.user: talker.calls for talker in talkers}
    measured.close()
    found = {"windows": measured.windows, "phases": {}, "per_call_ns": {}}
    for talker in alone:
        name = f"alone-{talker.kind}"
        found["per_call_ns"][talker.kind] = measured.sums(name)["busy_ns"] // talker.calls
    for name, window in measured.windows.items():
        if name != "whole":
            sums = measured.sums(name)
            difference = compare(part, f"{name}: sessions alone", sums["busy_ns"], window, 3)
            found["phases"][name] = {**sums, "difference_percent": difference}
    for name, talkers in (("one-stream", shared), ("six-streams", own)):
        found["phases"][name]["threads"] = against_alone(part, measured, name, talkers, found["per_call_ns"])
    found["balance"] = balance(part, measured, 3)
    return found


def against_alone(part, measured, project_id, talkers, per_call_ns):
    """Each thread's busy time a call beside the same kind's when it ran alone."""
    found = {}
    for talker in talkers:
        busy = measured.sums(project_id, talker.user)["busy_ns"]
        found[talker.user] = percent(busy / talker.calls, per_call_ns[talker.kind])
    known = [difference for difference in found.values() if difference is not None]
    worst = max(known, key=abs, default=None)
    part.row(
        f"{project_id}: a thread against alone, worst of {len(found)}",
        shown(worst),
        "15 %",
        within(worst, 15),
    )
    return found


class Replays:
    """Steps that keep the card busy, launched one ahead."""

    def __init__(self, device):
        self.device = device
        if device == "cuda":
            from workload import Decoder, graphed

            self.decoder = Decoder(GRAPH_LAYERS, GRAPH_ROWS, GRAPH_CONTEXT)
            graph, _ = graphed(self.decoder, GRAPH_ROWS, GRAPH_CONTEXT)
            self.launch = graph.replay
            self.passed = [torch.cuda.Event() for _ in range(2)]
        else:
            x = torch.randn(128, 128)
            self.launch = lambda: x @ x

    def run(self, probe, project_id, seconds):
        end, steps, context, sessions = time.monotonic() + seconds, 0, GRAPH_CONTEXT, []
        while time.monotonic() < end:
            if steps % STEPS_PER_SESSION == 0:
                for session in sessions:
                    session.close()
                labels = {"tenant_id": "t", "project_id": project_id, "model": "graph"}
                sessions = [probe.open_session(**labels) for _ in range(GRAPH_ROWS)]
            with probe.step([(session, 1, context) for session in sessions]):
                self.launch()
            if self.device == "cuda":
                self.passed[steps % 2].record()
                if steps:
                    self.passed[(steps - 1) % 2].synchronize()
            steps += 1
        for session in sessions:
            session.close()
        return steps


def graphs(part, device):
    """CUDA graphs that keep the card busy."""
    replays = Replays(device)
    measured = Measured(device)
    replays.run(measured.probe, "cold", 0.3)
    with measured.window("graphs"):
        steps = replays.run(measured.probe, "graphs", Lengths(device).graphs)
    measured.close()
    sums, window = measured.sums("graphs"), measured.windows["graphs"]
    difference = compare(part, "graphs: sessions alone", sums["busy_ns"], window, 2)
    return {
        "steps": steps,
        "sessions": sums,
        "difference_percent": difference,
        "elapsed_percent": percent(sums["elapsed_ns"], window["busy_ns"]),
        "windows": measured.windows,
        "balance": balance(part, measured, 2),
    }


class Foreign:
    """Matrix products that no session explains, in bursts, on a stream of their own."""

    def __init__(self, device):
        self.device, self.products = device, 0
        size = 8192 if device == "cuda" else 256
        kind = torch.bfloat16 if device == "cuda" else torch.float32
        self.x = torch.randn(size, size, device=device, dtype=kind)
        self.out = torch.empty_like(self.x)
        self.stream = torch.cuda.Stream() if device == "cuda" else None
        self.burst(20)
        begin = time.monotonic()
        self.burst(50)
        self.per_burst = max(1, round(BURST_S / ((time.monotonic() - begin) / 50)))

    def burst(self, products):
        if self.stream is None:
            for _ in range(products):
                torch.matmul(self.x, self.x, out=self.out)
        else:
            with torch.cuda.stream(self.stream):
                for _ in range(products):
                    torch.matmul(self.x, self.x, out=self.out)
            self.stream.synchronize()
        self.products += products

    def run(self, seconds, every_s):
        end = time.monotonic() + seconds
        while (begin := time.monotonic()) < end:
            self.burst(self.per_burst)
            time.sleep(max(0.0, begin + every_s - time.monotonic()))


def unmetered(part, device):
    """Bursts of matrix products beside two threads that are metered."""
    lengths = Lengths(device)
    model = make_llama(device)
    talkers = [Talker(model, kind, device, stream=True) for kind in ("short", "batch")]
    for talker in talkers:
        talker.warm_up()
    foreign = Foreign(device)
    measured = Measured(device)
    foreign.products = 0
    install(measured)
    for talker in talkers:
        talker.talk(measured.probe, "cold", calls=1)
    with measured.window("sessions-alone"):
        talk_at_once(talkers, measured.probe, "sessions-alone", seconds=lengths.alone * 2)
    calls_alone = {talker.kind: talker.calls for talker in talkers}
    with measured.window("mixed"):
        talk_at_once(
            talkers,
            measured.probe,
            "mixed",
            seconds=lengths.mixed,
            beside=lambda: foreign.run(lengths.mixed, EVERY_S),
        )
    products = foreign.products
    measured.close()
    per_product = product_ns(part, device, foreign, lengths.foreign_alone)
    truth = None if per_product is None else per_product * products
    window = measured.windows["mixed"]
    found = measured.balance()["unmetered_ns"]
    difference = percent(found, truth)
    part.row(
        f"unmetered, {products} products",
        shown(difference) + ("" if truth is None else f" ({found / 1e9:.3f} of {truth / 1e9:.3f} s)"),
        "10 %",
        within(difference, 10),
    )
    sessions = measured.sums("mixed")
    counted = window["busy_ns"]
    return {
        "products": products,
        "product_ns": per_product,
        "truth_ns": truth,
        "unmetered_ns": found,
        "difference_percent": difference,
        # Where kernels of both overlap, the union is less than both alone: what is left for the foreign part.
        "counter_less_sessions_ns": None if counted is None else counted - sessions["busy_ns"],
        "sessions": {"alone": measured.sums("sessions-alone"), "mixed": sessions},
        "calls": {"alone": calls_alone, "mixed": {talker.kind: talker.calls for talker in talkers}},
        "windows": measured.windows,
        "balance": balance(part, measured, 3),
    }


def product_ns(part, device, foreign, seconds):
    """A product's busy time by the counter, without a probe and with nothing beside; as in the mix, in
    bursts."""
    from card_counter import CardCounter

    counter = CardCounter(device)
    time.sleep(0.5)
    counter.mark("begin")
    before = foreign.products
    foreign.run(seconds, EVERY_S / 2)
    time.sleep(0.4)
    counter.mark("end")
    window = counter.window("begin", "end")
    counter.close()
    part.document["results"]["products alone"] = window
    return None if window["busy_ns"] is None else window["busy_ns"] // (foreign.products - before)


CHECKS = {"generate": generate, "graphs": graphs, "unmetered": unmetered}


def main():
    given = options(__doc__, ("check", "generate"))
    part = Part(f"busy {given.check}", given.out, given.seconds)
    with torch.no_grad():
        part.run(given.check, lambda: CHECKS[given.check](part, given.device))
    part.end()


if __name__ == "__main__":
    main()
