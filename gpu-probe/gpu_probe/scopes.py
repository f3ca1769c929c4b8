"""The blocks in which a probe measures. Not made by hand: ``Probe`` gives them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any

from .device.clock import StepClock
from .device.live_step import LiveStep
from .journal.entries import NO_ROWS, Manifest
from .outcome import outcome_of
from .protocol import Row, SessionHandle
from .registry import Holder, Registry, Rows
from .session import Session

# In place of rows: the operator's own use.
OPERATORS: Sequence[Row] = []


class StepScope:
    """One engine step."""

    __slots__ = ("_registry", "_rows", "_token")

    def __init__(self, registry: Registry, rows: Rows) -> None:
        self._registry = registry
        # The engine may change its list while the step runs.
        self._rows = rows if rows is None or callable(rows) else tuple(rows)
        self._token: Token[Holder | None] | None = None

    def __enter__(self) -> None:
        registry = self._registry
        if registry.holder.get() is not None:
            block = _step_of_block(registry, self._rows)
            if isinstance(block, StepScope):
                self._token, block._token = block._token, None
            return
        unit = registry.unit()
        if unit is not None:
            if registry.busy is not None:
                registry.busy.begin(registry.resolve(self._rows))
            self._token = registry.holder.set((unit, unit.clock.begin()))

    def __exit__(self, *_: object) -> None:
        token = self._token
        if token is None:
            return
        holder = self._registry.holder
        held = holder.get()
        holder.reset(token)
        self._token = None
        if held is None:
            return
        unit, step = held
        if step is None:
            return
        registry = self._registry
        manifest = NO_ROWS
        try:
            rows = registry.resolve(self._rows)
            if registry.busy is not None:
                step.busy_ns = registry.busy.known(rows)
            manifest = registry.manifest(unit, rows)
        finally:
            # An error in the caller's rows is the caller's; the step is nobody's then, and over.
            unit.clock.end(step, manifest)
        if registry.busy is not None:
            registry.busy.end()
            # The first of its size was looked into itself.
            step.busy_ns = registry.busy.known(rows)


class SpreadScope:
    """A step, or the operator's own use, of a model that lies over all devices of this process: each is
    timed."""

    __slots__ = ("_begin", "_held", "_registry", "_rows", "_token")

    def __init__(self, registry: Registry, rows: Rows, begin: Callable[[StepClock], LiveStep | None]) -> None:
        self._registry = registry
        self._rows = rows
        self._begin = begin
        self._held: list[Holder] = []
        self._token: Token[Holder | None] | None = None

    def __enter__(self) -> None:
        registry = self._registry
        if registry.holder.get() is not None:
            block = _step_of_block(registry, self._rows)
            if isinstance(block, SpreadScope):
                self._held, self._token, block._token = block._held, block._token, None
            return
        units = registry.units()
        if units:
            self._held = [(unit, self._begin(unit.clock)) for unit in units]
            self._token = registry.holder.set(self._held[0])

    def __exit__(self, *_: object) -> None:
        if self._token is None:
            return
        registry = self._registry
        registry.holder.reset(self._token)
        self._token = None
        is_operators = self._rows is OPERATORS
        manifests: list[Manifest | None] = [None if is_operators else NO_ROWS] * len(self._held)
        try:
            if not is_operators:
                rows = registry.resolve(self._rows)
                manifests = [registry.manifest(unit, rows) for unit, _ in self._held]
        finally:
            for (unit, step), manifest in zip(self._held, manifests):
                if step is not None:
                    if is_operators:
                        unit.note_memory()
                    unit.clock.end(step, manifest)


class SpanScope:
    """The operator's own use of the GPU: loading, warming up. Steps inside are part of it."""

    __slots__ = ("_labels", "_registry", "_token")

    def __init__(self, registry: Registry, phase: str, model: str, model_version: str) -> None:
        self._registry = registry
        self._labels = (phase, model, model_version)
        self._token: Token[Holder | None] | None = None

    def __enter__(self) -> None:
        registry = self._registry
        unit = registry.unit()
        if unit is not None and registry.holder.get() is None:
            self._token = registry.holder.set((unit, unit.clock.begin_span(*self._labels)))

    def __exit__(self, *_: object) -> None:
        token = self._token
        if token is None:
            return
        held = self._registry.holder.get()
        self._registry.holder.reset(token)
        self._token = None
        if held is not None and held[1] is not None:
            held[0].note_memory()
            held[0].clock.end(held[1], None)


class CommunicationScope:
    """Collectives inside a step. Outside of one nothing is timed, but the stream may wait in them."""

    __slots__ = ("_begin", "_held", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._held: Holder | None = None
        self._begin: Any = None

    def __enter__(self) -> None:
        held = self._held = self._registry.holder.get()
        if held is not None and held[1] is not None:
            self._begin = held[0].clock.begin_communication(held[1])

    def __exit__(self, *_: object) -> None:
        held = self._held
        if held is None:
            for unit in self._registry.units():
                unit.clock.separate()
        elif held[1] is not None:
            held[0].clock.end_communication(held[1], self._begin)


class UseScope:
    """An open session as the current one of this task or thread."""

    __slots__ = ("_registry", "_session", "_token")

    def __init__(self, registry: Registry, session: SessionHandle) -> None:
        self._registry = registry
        self._session = session
        self._token: Token[SessionHandle | None] | None = None

    def __enter__(self) -> None:
        self._token = self._registry.session.set(self._session)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._registry.session.reset(self._token)
            self._token = None


def step_scope(registry: Registry, rows: Rows) -> StepScope | SpreadScope:
    """A step on the calling thread's device, or on all of them where the model is spread."""
    if registry.spread:
        return SpreadScope(registry, rows, lambda clock: clock.begin())
    return StepScope(registry, rows)


def _step_of_block(registry: Registry, rows: Rows) -> StepScope | SpreadScope | None:
    """The step of a session's block, which a step of that session's own inside it takes over: an engine
    knows better where its steps end. None where there is none, or it was taken before."""
    block = registry.block.get()
    if rows is None or callable(rows) or not isinstance(block, SessionScope):
        return None
    return block.step_for(rows)


class SessionScope:
    """A session for the length of a block, measured where the block is synchronous: between the awaits of an
    ``async with`` other requests run. The block is one step, until a step of the session is opened in it:
    that one begins where the block began, and from there on the session has the steps that are opened."""

    __slots__ = ("_block", "_open_session", "_registry", "_session", "_step", "_use")

    def __init__(self, registry: Registry, open_session: Callable[[], Session]) -> None:
        self._registry = registry
        self._open_session = open_session
        self._session: Session | None = None
        self._use: UseScope | None = None
        self._step: StepScope | SpreadScope | None = None
        self._block: Token[object] | None = None

    def __enter__(self) -> Session:
        session = self._open()
        tokens = session.prompt_tokens
        session.tokens_out = 0
        self._step = step_scope(self._registry, ((session, tokens, tokens),))
        self._step.__enter__()
        self._block = self._registry.block.set(self)
        return session

    def step_for(self, rows: Sequence[Row]) -> StepScope | SpreadScope | None:
        """The block's step, once, for rows of its session."""
        session = self._session
        step = self._step
        if session is None or all(row[0] not in (session, session.session_id) for row in rows):
            return None
        self._step = None
        if session.tokens_out == 0:
            session.tokens_out = None
        return step

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._block is not None:
            self._registry.block.reset(self._block)
            self._block = None
        if self._step is not None:
            self._step.__exit__()
            self._step = None
        self._close(error)

    async def __aenter__(self) -> Session:
        return self._open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(error)

    def _open(self) -> Session:
        session = self._session = self._open_session()
        self._use = UseScope(self._registry, session)
        self._use.__enter__()
        return session

    def _close(self, error: BaseException | None) -> None:
        if self._use is not None:
            self._use.__exit__()
        if self._session is not None:
            self._session.close(self._session.outcome or outcome_of(error))
