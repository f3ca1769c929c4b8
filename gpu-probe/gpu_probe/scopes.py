"""The blocks in which a probe measures. Not made by hand: ``Probe`` gives them out."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, Type, Union

from .device.live_step import LiveStep
from .integrations.protocol import Row, SessionHandle
from .outcome import outcome_of
from .session import Session

if TYPE_CHECKING:
    from .device.clock import StepClock
    from .live.unit import Unit
    from .probe import Probe

# What a block holds while it is open: the step that has the GPU's time, where there is one.
Rows = Union[None, Sequence[Row], Callable[[], Sequence[Row]]]
Holder = Tuple["Unit", Optional[LiveStep]]
# In place of rows: the operator's own use.
OPERATORS: Sequence[Row] = []


class StepScope:
    """One engine step."""

    __slots__ = ("_probe", "_rows", "_token")

    def __init__(self, probe: Probe, rows: Rows) -> None:
        self._probe = probe
        # The engine may change its list while the step runs.
        self._rows = rows if rows is None or callable(rows) else tuple(rows)
        self._token: Optional[Token[Optional[Holder]]] = None

    def __enter__(self) -> None:
        probe = self._probe
        if probe.holder.get() is not None:
            return
        unit = probe.unit()
        if unit is not None:
            if probe.busy is not None:
                probe.busy.begin(probe.named_rows(self._rows))
            self._token = probe.holder.set((unit, unit.clock.begin()))

    def __exit__(self, *_: object) -> None:
        token = self._token
        if token is None:
            return
        holder = self._probe.holder
        held = holder.get()
        holder.reset(token)
        self._token = None
        if held is None:
            return
        unit, step = held
        if step is None:
            return
        probe = self._probe
        rows = probe.named_rows(self._rows)
        if probe.busy is not None:
            step.busy_ns = probe.busy.known(rows)
        unit.clock.end(step, probe.flat_rows(unit, rows))
        if probe.busy is not None:
            probe.busy.end()
            # The first of its size was looked into itself.
            step.busy_ns = probe.busy.known(rows)


class SpreadScope:
    """A step, or the operator's own use, of a model that lies over all devices of this process: each is
    timed."""

    __slots__ = ("_begin", "_held", "_probe", "_rows", "_token")

    def __init__(self, probe: Probe, rows: Rows, begin: Callable[[StepClock], Optional[LiveStep]]) -> None:
        self._probe = probe
        self._rows = rows
        self._begin = begin
        self._held: List[Holder] = []
        self._token: Optional[Token[Optional[Holder]]] = None

    def __enter__(self) -> None:
        probe = self._probe
        units = probe.units()
        if units and probe.holder.get() is None:
            self._held = [(unit, self._begin(unit.clock)) for unit in units]
            self._token = probe.holder.set(self._held[0])

    def __exit__(self, *_: object) -> None:
        if self._token is None:
            return
        self._probe.holder.reset(self._token)
        self._token = None
        rows = None if self._rows is OPERATORS else self._probe.named_rows(self._rows)
        for unit, step in self._held:
            if step is not None:
                if rows is None:
                    unit.note_memory()
                unit.clock.end(step, None if rows is None else self._probe.flat_rows(unit, rows))


class SpanScope:
    """The operator's own use of the GPU: loading, warming up. Steps inside are part of it."""

    __slots__ = ("_labels", "_probe", "_token")

    def __init__(self, probe: Probe, phase: str, model: str, model_version: str) -> None:
        self._probe = probe
        self._labels = (phase, model, model_version)
        self._token: Optional[Token[Optional[Holder]]] = None

    def __enter__(self) -> None:
        probe = self._probe
        unit = probe.unit()
        if unit is not None and probe.holder.get() is None:
            self._token = probe.holder.set((unit, unit.clock.begin_span(*self._labels)))

    def __exit__(self, *_: object) -> None:
        token = self._token
        if token is None:
            return
        held = self._probe.holder.get()
        self._probe.holder.reset(token)
        self._token = None
        if held is not None and held[1] is not None:
            held[0].note_memory()
            held[0].clock.end(held[1], None)


class CommunicationScope:
    """Collectives inside a step."""

    __slots__ = ("_begin", "_held")

    def __init__(self, held: Optional[Holder]) -> None:
        self._held = held
        self._begin: Any = None

    def __enter__(self) -> None:
        if self._held is not None and self._held[1] is not None:
            self._begin = self._held[0].clock.begin_communication(self._held[1])

    def __exit__(self, *_: object) -> None:
        if self._held is not None and self._held[1] is not None:
            self._held[0].clock.end_communication(self._held[1], self._begin)


class UseScope:
    """An open session as the current one of this task or thread."""

    __slots__ = ("_probe", "_session", "_token")

    def __init__(self, probe: Probe, session: SessionHandle) -> None:
        self._probe = probe
        self._session = session
        self._token: Optional[Token[Optional[SessionHandle]]] = None

    def __enter__(self) -> None:
        self._token = self._probe.using.set(self._session)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._probe.using.reset(self._token)
            self._token = None


class SessionScope:
    """A session for the length of a block, measured where the block is synchronous: between the awaits of an
    ``async with`` other requests run."""

    __slots__ = ("_labels", "_probe", "_session", "_step", "_use")

    def __init__(self, probe: Probe, labels: Any) -> None:
        self._probe = probe
        self._labels = labels
        self._session: Optional[Session] = None
        self._use: Optional[UseScope] = None
        self._step: Union[StepScope, SpreadScope, None] = None

    def __enter__(self) -> Session:
        session = self._open()
        tokens = session.prompt_tokens
        session.tokens_out = 0
        self._step = self._probe.step(((session, tokens, tokens),))
        self._step.__enter__()
        return session

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None
        self._close(error)

    async def __aenter__(self) -> Session:
        return self._open()

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._close(error)

    def _open(self) -> Session:
        session = self._session = self._probe.open_session(**self._labels)
        self._use = UseScope(self._probe, session)
        self._use.__enter__()
        return session

    def _close(self, error: Optional[BaseException]) -> None:
        if self._use is not None:
            self._use.__exit__()
        if self._session is not None:
            self._session.close(self._session.outcome or outcome_of(error))
