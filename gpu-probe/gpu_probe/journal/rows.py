"""Writes the rows of steps as differences: in a running batch each step is the last one, with every context
longer by a token."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .entries import UNNAMED, Launch, Manifest, column, repeat_entry, rows_entry

# So many of the latest manifests may be named: a reader keeps them.
MANIFESTS_KEPT = 8
# Rows so few are written in full every time: that is as short, and cheaper than to compare them.
_FEW_ROWS = 8
# A manifest is written anew after so many steps or so long: whoever looks for a step's rows reads little.
_STEPS_MAX = 256
_AGE_MAX_NS = 1_000_000_000
_SHIFT_MAX = 1 << 31


class _Written:
    """A manifest that is in the journal. ``contexts`` and ``ones`` are columns as one whole number."""

    __slots__ = ("contexts", "first", "number", "ones", "rows", "steps", "written_ns")

    def __init__(self, number: int, rows: Manifest, contexts: int, written_ns: int) -> None:
        length = len(rows.sessions)
        self.number = number
        self.rows = rows
        self.contexts = contexts
        self.first = rows.context_tokens[0]
        self.ones = int.from_bytes(column(length).pack(*(1,) * length), "little")
        self.steps = 0
        self.written_ns = written_ns


class RowWriter:
    """Appends one entry per step, as StepRows or as StepRepeat. For one thread at a time; ``append`` says
    whether there was room."""

    def __init__(self, append: Callable[[bytes], bool]) -> None:
        self._append = append
        self._next = 0
        # By stream, number of rows and the first one's new tokens: a model and its sampler take turns.
        self._written: OrderedDict[tuple[int, int, int], _Written] = OrderedDict()

    def write(self, step: Launch, rows: Manifest) -> None:
        """The rows of a step. Raises struct.error for what is not a whole number of 64 bits."""
        sessions, new_tokens, context_tokens = rows
        length = len(sessions)
        if length <= _FEW_ROWS:
            self._append(rows_entry(step, UNNAMED, rows))
            return
        contexts = int.from_bytes(column(length).pack(*context_tokens), "little")
        now_ns = step.host_end_ns
        key = (step.stream, length, new_tokens[0])
        written = self._written.get(key)
        if written is not None:
            shift = context_tokens[0] - written.first
            if (
                contexts == written.contexts + shift * written.ones
                and sessions == written.rows.sessions
                and new_tokens == written.rows.new_tokens
                and 0 <= shift < _SHIFT_MAX
                and written.number >= self._next - MANIFESTS_KEPT
                and written.steps < _STEPS_MAX
                and now_ns - written.written_ns < _AGE_MAX_NS
            ):
                written.steps += 1
                self._append(repeat_entry(step, written.number, shift))
                return
        number, self._next = self._next, self._next + 1
        kept = self._append(rows_entry(step, number, rows))
        # A negative context would carry over into the column's next number.
        if kept and min(context_tokens) >= 0:
            self._written[key] = _Written(number, rows, contexts, now_ns)
            self._written.move_to_end(key)
            if len(self._written) > MANIFESTS_KEPT:
                self._written.popitem(last=False)
