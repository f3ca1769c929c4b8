"""What the splitter works with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Use:
    """A stretch [begin, end) of a step of a class, nanoseconds.

    ``kin`` is a coarser class, whose steps are much like these; by default the class itself. ``whole_ns`` is
    the length of the step, so that (end - begin) / whole_ns of its work lies in the stretch.
    ``busy_ns`` is what the ticks gave it so far. ``quality`` is counter; sampled where a tick of another
    quality gave some of it, or its class was still young; elapsed where nothing is known of its class.
    """

    cls: str
    begin: int
    end: int
    whole_ns: int
    kin: str = ""
    busy_ns: int = 0
    quality: str = "counter"

    def __post_init__(self) -> None:
        self.kin = self.kin or self.cls


@dataclass(slots=True, eq=False)
class Tick:
    """The counter over [begin, end), nanoseconds: the card worked ``busy_ns`` of it. ``quality`` is counter,
    sampled, or learned: the counter said nothing, and it is what the steps took at other times."""

    begin: int
    end: int
    busy_ns: int
    quality: str = "counter"
    unmetered_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether the counter said it."""
        return self.quality != "learned"

    @property
    def metered_ns(self) -> int:
        """Without what was found to be nobody's."""
        return self.busy_ns - self.unmetered_ns


@dataclass(slots=True, eq=False)
class Sight:
    """How much of the steps lies in the stretch that a tick speaks of.

    ``steps`` is by class, in steps for a stretch as long as the tick; ``kin`` is the same by coarser class.
    ``overlap`` is 1 where the steps lie one after the other and k where k
    streams overlap all the time.
    """

    steps: dict[str, float] = field(default_factory=dict)
    kin: dict[str, float] = field(default_factory=dict)
    overlap: float = 1.0
