"""What the splitter works with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Use:
    """A stretch [begin, end) of a step of a class, nanoseconds.

    ``whole_ns`` is the length of the step, so that (end - begin) / whole_ns of its work lies in the stretch.
    ``busy_ns`` is what the ticks gave it so far.
    """

    cls: str
    begin: int
    end: int
    whole_ns: int
    busy_ns: int = 0
    quality: str = "counter"


@dataclass(slots=True, eq=False)
class Tick:
    """The counter over [begin, end), nanoseconds: the card worked ``busy_ns`` of it. ``quality`` is counter
    or sampled."""

    begin: int
    end: int
    busy_ns: int
    quality: str = "counter"
    unmetered_ns: int = 0

    @property
    def metered_ns(self) -> int:
        """Without what was found to be nobody's."""
        return self.busy_ns - self.unmetered_ns


@dataclass(slots=True, eq=False)
class Sight:
    """How much of the steps lies in a tick, once the tick is moved by the counter's lag.

    ``steps`` is by class, in steps. ``overlap`` is 1 where the steps lie one after the other and k where k
    streams overlap all the time.
    """

    steps: dict[str, float] = field(default_factory=dict)
    overlap: float = 1.0


def busy_of_percent(percent: float, length_ns: int) -> int:
    """Busy nanoseconds of a tick whose graphics engine was active so many per cent of it.

    An idle H100 reads 0.006 to 0.009: what is below 0.02 is the counter's noise, and 0.
    """
    millionths = round(percent * 10_000)
    return 0 if millionths < 200 else min(length_ns, length_ns * millionths // 1_000_000)
