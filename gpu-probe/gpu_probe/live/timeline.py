"""Puts the GPU's instants on the host's axis.

The two clocks drift apart by some millionths. What ties them are two facts about each step: it did not begin
before it was sent, and it had ended when its end was read. Where a reading breaks one of them, the offset is
corrected by just that much. Lengths are never changed, and steps of one stream never overlap: under load the
axis runs on the GPU's clock, and catches up in the next gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Stream:
    """``end`` is where the latest measured step of the stream was placed to end, ``host_end`` when that step
    was sent whole; ``in_flight`` maps steps to when they were sent, in that order."""

    end: int = 0
    host_end: int = 0
    in_flight: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Timeline:
    """``settled`` is an instant before which no step that is still unmeasured will be placed."""

    settled: int
    offset: int = 0
    _streams: dict[int, Stream] = field(default_factory=dict)
    _stream_of: dict[int, int] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        return not self._stream_of

    def started(self, step: int, stream: int, host_begin_ns: int) -> None:
        held = self._streams.get(stream)
        if held is None:
            held = self._streams[stream] = Stream()
        waiting = held.in_flight
        is_late = bool(waiting) and host_begin_ns < next(reversed(waiting.values()))
        waiting[step] = host_begin_ns
        if is_late:
            # Of two threads that launched at once, the one that was done last may have begun first.
            held.in_flight = dict(sorted(waiting.items(), key=lambda sent: sent[1]))
        self._stream_of[step] = stream

    def measured(self, step: int, raw_begin_ns: int, elapsed_ns: int, submit_ns: int, read_ns: int) -> int:
        """Where the step begins."""
        stream, sent_ns = self._answer(step)
        begin = raw_begin_ns + self.offset
        late = begin + elapsed_ns - read_ns
        if late > 0:
            self.offset -= late
            begin -= late
        if begin < sent_ns:
            self.offset += sent_ns - begin
            begin = sent_ns
        begin = max(begin, self.settled)
        if sent_ns >= stream.host_end:
            begin = max(begin, stream.end)
        stream.end = max(stream.end, begin + elapsed_ns)
        stream.host_end = max(stream.host_end, sent_ns + submit_ns)
        self._settle(stream.end)
        return begin

    def missed(self, step: int, until_ns: int) -> tuple[int, int]:
        """A stretch that holds the step: from the end of the one before it to ``until_ns``."""
        stream, sent_ns = self._answer(step)
        begin = max(sent_ns, stream.end, self.settled)
        end = max(begin, until_ns)
        stream.end = end
        stream.host_end = max(stream.host_end, sent_ns)
        self._settle(end)
        return begin, end

    def advance(self, now_ns: int) -> None:
        """It is ``now_ns``: what is sent from here on begins later."""
        self._settle(now_ns)

    def _answer(self, step: int) -> tuple[Stream, int]:
        stream = self._streams[self._stream_of.pop(step)]
        return stream, stream.in_flight.pop(step)

    def _settle(self, at_most: int) -> None:
        """No unmeasured step begins before it was sent, nor before the one that it follows on its stream."""
        for stream in self._streams.values():
            if stream.in_flight:
                sent_ns = next(iter(stream.in_flight.values()))
                bound = max(sent_ns, stream.end) if sent_ns >= stream.host_end else sent_ns
                at_most = min(at_most, bound)
        self.settled = max(self.settled, at_most)
