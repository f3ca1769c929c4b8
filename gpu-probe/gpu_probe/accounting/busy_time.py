"""The busy time of pieces, and what of the card's work is nobody's, from ticks of its activity counter."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from ..busy import BusySplitter, Tick, Use
from ..device.interface import ActivitySample
from .axis import Piece, Step
from .minute import Minute
from .session import INFERENCE

# From here on a power of two of tokens is four classes.
_MANY_TOKENS = 16


class Listener(Protocol):
    """Takes the pieces whose busy time is final, in order of time."""

    def piece_settled(self, piece: Piece) -> None: ...


class BusyTime:
    """Takes pieces and ticks; tells the listener when a piece's busy time is final.

    What the pieces get and what is booked as unmetered adds up to the ticks. ``minute_at`` gives the
    minute of an instant, ``next_edge`` the first edge of a minute after one. Annotated here is what a
    checkpoint keeps.
    """

    splitter: BusySplitter
    _waiting: deque[Piece]

    def __init__(
        self,
        start_ns: int,
        listener: Listener,
        minute_at: Callable[[int], Minute],
        next_edge: Callable[[int], int],
    ) -> None:
        self.splitter = BusySplitter(self, 0)
        # The splitter counts from here: so a recording is split in the same way whenever it is played.
        self._origin_ns = start_ns
        self._listener = listener
        self._minute_at = minute_at
        self._next_edge = next_edge
        self._waiting = deque()

    @property
    def waiting(self) -> Iterable[Piece]:
        """Pieces of which only busy time is not final."""
        return self._waiting

    @property
    def settled(self) -> int:
        """An instant before which all busy time is final."""
        return self.splitter.settled + self._origin_ns

    def add(self, piece: Piece) -> None:
        """A piece is over. One that was not measured explains nothing."""
        step = piece.step
        if step.sessions:
            cls, kin = classes_of(step)
            begin, end = piece.begin - self._origin_ns, piece.end - self._origin_ns
            piece.use = Use(cls, begin, end, step.end - step.begin, kin)
            self.splitter.add(piece.use)

    def wait(self, piece: Piece) -> None:
        """The rest of a piece is final: it goes to the listener with its busy time."""
        self._waiting.append(piece)

    def read(self, sample: ActivitySample) -> None:
        begin, end = sample.begin_ns - self._origin_ns, sample.end_ns - self._origin_ns
        self.splitter.read(Tick(begin, end, sample.busy_ns, sample.quality))

    def settle(self, until: int) -> None:
        """All pieces that begin before ``until`` are known."""
        self.splitter.settle(until - self._origin_ns)
        self._give_out()

    def stop(self, at: int) -> None:
        """No more ticks and no more pieces."""
        self.splitter.stop(at - self._origin_ns)
        self._give_out()

    def tick_split(self, tick: Tick) -> None:
        """Books what is nobody's, and how well the time is known, by minute."""
        begin, end = (edge + self._origin_ns for edge in self.splitter.lag.window(tick))
        at, given = begin, 0
        while at < end:
            edge = min(end, self._next_edge(at))
            minute = self._minute_at(at)
            upto = tick.unmetered_ns * (edge - begin) // (end - begin)
            minute.unmetered_ns += upto - given
            if tick.quality == "counter":
                minute.counted_ns += edge - at
            elif tick.quality == "sampled":
                minute.sampled_ns += edge - at
            at, given = edge, upto

    def expect(self, piece: Piece) -> int | None:
        """The busy time of a piece that waits, by what steps of its class took; None where unknown."""
        use = piece.use
        if use is None:
            return 0
        if use.cls not in self.splitter.rates.by_class:
            return None
        rate = self.splitter.rates.known(use.cls)
        length = use.end - use.begin
        expected = round(rate.busy_ns * length / max(1, use.whole_ns))
        return min(length, expected) if rate.grown else None

    def _give_out(self) -> None:
        while self._waiting and self._waiting[0].end <= self.settled:
            self._listener.piece_settled(self._waiting.popleft())


def classes_of(step: Step) -> tuple[str, str]:
    """Steps of a class keep the card busy for about as long: the model, prefill or decode, and the number of
    rows, of tokens and of tokens in the context, each in steps that grow with it. Its kin are the steps of
    the model with as many tokens, in powers of two."""
    first = step.sessions[0]
    if first.phase != INFERENCE:
        cls = f"{first.phase} {first.model}"
        return cls, cls
    phase = "prefill" if any(work.prefill for work in step.works) else "decode"
    tokens = sum(work.new_tokens for work in step.works)
    context = sum(work.context_tokens for work in step.works)
    sizes = f"{len(step.works).bit_length()}-{_size(tokens)}-{context.bit_length() // 2}"
    return f"{phase} {sizes} {first.model}", f"{phase} {tokens.bit_length()} {first.model}"


def _size(tokens: int) -> int:
    """Grows with the tokens: by four per power of two, where they are many by one for each quarter of it."""
    bits = tokens.bit_length()
    return 4 * bits + (tokens >> bits - 3) % 4 if tokens >= _MANY_TOKENS else 4 * bits
