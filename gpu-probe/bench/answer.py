"""What ``session.usage()`` says at the end of a call of ``generate``, against the session's events later.

python gpu-probe/bench/answer.py --out answer.json [--seconds 40] [--device cpu]
"""

import statistics
import time

import torch
from measured import Measured, Talker, install, make_llama
from part import Part, options, percent, shown, within

AIM_PERCENT = 2
KINDS = ("short", "batch", "long")


# Of the part's seconds, for the models and the last events.
OVERHEAD_SECONDS = 36


def ask(device, seconds):
    """Sessions one after the other; of each, what it was told at its end and how long that took."""
    measured = Measured(device)
    install(measured)
    talkers = [Talker(make_llama(device), kind, device) for kind in KINDS]
    for talker in talkers:
        talker.warm_up()
    told, end = {}, time.monotonic() + seconds
    while time.monotonic() < end:
        for talker in talkers:
            with measured.probe.session(tenant_id=talker.kind, project_id="answer", model="llama") as session:
                talker.call()
                begin = time.perf_counter_ns()
                told[session.session_id] = (session.usage(), time.perf_counter_ns() - begin, talker.kind)
    measured.close()
    return measured, told


def difference(pairs):
    """Of the sums, with a 95 % interval over the sessions."""
    if len(pairs) < 2:
        return "too few"
    booked = statistics.mean(later for _, later in pairs)
    deviation = statistics.stdev(answer - later for answer, later in pairs)
    half = 1.96 * deviation / len(pairs) ** 0.5 / booked * 100
    whole = percent(sum(answer for answer, _ in pairs), sum(later for _, later in pairs))
    return f"{whole:+.2f} % ± {half:.2f} of {len(pairs)}"


def compare(part, measured, told):
    """Differences per cent of the figures that were there; the first seconds are the learning's."""
    booked = {}
    for event in measured.events:
        sums = booked.setdefault(event["session_id"], {"gpu_time_ns": 0, "gpu_busy_ns": 0})
        for name in sums:
            sums[name] += int(event[name])
    result = {"sessions": len(told), "provisional": sum(usage.provisional for usage, *_ in told.values())}
    for name in ("gpu_time_ns", "gpu_busy_ns"):
        answers = [(getattr(usage, name), booked[session][name]) for session, (usage, *_) in told.items()]
        known = [percent(answer, later) for answer, later in answers if answer is not None]
        whole = percent(
            sum(answer for answer, _ in answers if answer is not None),
            sum(later for answer, later in answers if answer is not None),
        )
        part.row(f"answer, {name}: interval", difference([(a, b) for a, b in answers if a is not None]))
        worst = max(known, key=abs) if known else None
        result[name] = {"known": len(known), "whole_percent": whole, "percents": known}
        part.row(
            f"answer, {name}: all of {len(known)}",
            shown(whole),
            f"{AIM_PERCENT} %",
            within(whole, AIM_PERCENT),
        )
        part.row(f"answer, {name}: worst", shown(worst))
        for kind in KINDS:
            of_kind = [
                (getattr(usage, name), booked[session][name])
                for session, (usage, _, its) in told.items()
                if its == kind and getattr(usage, name) is not None
            ]
            result[name][kind] = of_kind
            part.row(f"answer, {name}: {kind}", difference(of_kind))
    waits = [ns / 1e6 for _, ns, _ in told.values()]
    result["wait_ms"] = [round(wait, 2) for wait in waits]
    part.row("answer: median and longest wait, ms", f"{statistics.median(waits):.1f}, {max(waits):.1f}")
    return result


def main():
    given = options(__doc__)
    part = Part("answer", given.out, given.seconds)
    with torch.no_grad():
        asked = []

        def keep():
            asked.extend(ask(given.device, max(given.seconds * 0.4, given.seconds - OVERHEAD_SECONDS)))
            return {"sessions": len(asked[1])}

        part.run("ask", keep)
        if asked:
            part.run("compare", lambda: compare(part, *asked))
    part.end()


if __name__ == "__main__":
    main()
