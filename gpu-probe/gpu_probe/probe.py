"""The probe of a serving process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from .accounting import Output
from .device.backend import LiveBackend
from .device.backends import make_backends
from .device.busy import BusySampler
from .journal import entries
from .labels import checked_label
from .live.lifetime import follow_process
from .live.runner import Runner, make_runner
from .live.unit import Unit
from .live.units import counts_of, make_units
from .live.wall_clock import WallClock
from .live.watch import Repeating, Watch
from .metered import Function, metered
from .protocol import SessionHandle
from .registry import Registry, Rows
from .scopes import (
    OPERATORS,
    CommunicationScope,
    SessionScope,
    SpanScope,
    SpreadScope,
    StepScope,
    UseScope,
    step_scope,
)
from .session import KnownLabels, Session
from .session_token import checked_token
from .sharing import make_policy
from .sharing.coefficients import Coefficients

# The card's activity counter has a new value every 0.1 s, and wants samples a little further apart.
_WATCH_PAUSE_S = 0.11


class Probe:
    """Measures what sessions use of this process's GPUs.

    ``device`` is ``cuda`` (all visible devices), ``cuda:1``, ``cpu``, or a list of backends. ``state_dir``
    keeps the journal and, unless ``output`` takes them, the finished events until they are published
    (default: GPU_PROBE_STATE_DIR); one process at a time uses it. ``accounting`` says where the books are
    kept: in a ``process`` beside this one (serving threads never wait for its Python), in a ``thread`` here,
    which a given ``output`` implies, or ``later`` (``gpu-probe meter`` or ``recover`` on the folder).

    ``policy`` and ``coefficients`` share the steps; with ``refit`` the coefficients are fitted anew every
    hour and kept in the state folder under their label (one model per process). Cold starts go to the tenant
    ``operator``; with ``cold_start`` off only what ``warmup`` brackets. ``record`` writes a trace for
    ``gpu-probe replay``. ``rank`` and ``world_size`` default to the environment's RANK and WORLD_SIZE.
    ``spread`` is for one process whose model lies over several devices: a step is timed on all of them, not
    on the thread's current one. ``bare_idle_mw`` is what the card draws without any process, milliwatts
    (``gpu-probe doctor`` says it before a model is loaded): what an idle card draws above it is parked
    energy.

    Raises ValueError for arguments that are not possible, CudaUnavailable where there is no such device,
    OSError where the folder cannot be used. After that nothing raises because of what the GPU, the sensor or
    the disk does.
    """

    def __init__(
        self,
        device: str | Sequence[LiveBackend] = "cuda",
        *,
        state_dir: str | Path | None = None,
        output: Output | None = None,
        accounting: str = "process",
        policy: str = "fitted-hinge",
        coefficients: Coefficients | None = None,
        refit: bool = False,
        operator: str = "operator",
        cold_start: bool = True,
        record: str | Path | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        busy_sampling: float = 0.0,
        spread: bool = False,
        bare_idle_mw: int | None = None,
        meter_options: Sequence[str] = (),
    ) -> None:
        make_policy(policy, coefficients)
        if refit and policy != "fitted-hinge":
            raise ValueError(f"refit is for the policy fitted-hinge, not {policy}")
        backends = make_backends(device)
        self._numbers = count()
        self._prefix = uuid.uuid4().hex
        self._labels = KnownLabels()
        mode = "thread" if output is not None else accounting
        self._runner: Runner = make_runner(mode, state_dir, output, meter_options)
        rank = int(os.environ.get("RANK", 0)) if rank is None else rank
        world_size = int(os.environ.get("WORLD_SIZE", 1)) if world_size is None else world_size
        meta = {
            "policy": policy,
            "coefficients": None if coefficients is None else coefficients._asdict(),
            "refit": refit,
            "operator": operator,
            "cold_start": cold_start,
        }
        clock = WallClock()
        self._units: list[Unit] = make_units(
            backends, self._runner.journals, rank, world_size, meta, record, clock, bare_idle_mw
        )
        for unit in self._units:
            unit.read_power(always=True)
        busy = BusySampler(busy_sampling) if busy_sampling else None
        self._registry = Registry(self._units, spread, busy)
        self._runner.start()
        self._watch = Repeating("gpu-probe-watch", Watch(self._units, clock), _WATCH_PAUSE_S)
        follow_process(self)

    # Sessions

    def open_session(
        self,
        *,
        tenant_id: str,
        project_id: str,
        model: str,
        model_version: str = "unknown",
        user_id: str | None = None,
        session_id: str | None = None,
        prompt_tokens: int = 0,
        ticket: str | None = None,
        session_token: str | None = None,
    ) -> Session:
        """Opens a session and measures nothing by itself: its GPU time is its rows' in ``step``. For engines;
        must be closed. A ``session_id`` that another session of this probe has, or had a short while ago,
        gets the session's number as a suffix. A server in front, in another process, may ask by the
        ``ticket`` what all sessions with it have used. ``session_token`` is what a gateway signed for the
        session: its events carry it, and the processor checks it."""
        number = next(self._numbers)
        if session_id is None:
            session_id = f"{self._prefix}-{number}"
        else:
            session_id = checked_label("session_id", session_id)
        if ticket is not None:
            ticket = checked_label("ticket", ticket)
        if session_token is not None:
            session_token = checked_token(session_token)
        labels = self._labels.get(
            tenant_id=tenant_id,
            project_id=project_id,
            user_id=user_id,
            model=model,
            model_version=model_version,
        )
        prompt = int(prompt_tokens)
        hurry = self._watch.hurry
        session = Session(
            number, session_id, prompt, labels, self._close_session, hurry, ticket, session_token
        )
        self._registry.add(session)
        return session

    def session(
        self,
        *,
        tenant_id: str,
        project_id: str,
        model: str,
        model_version: str = "unknown",
        user_id: str | None = None,
        session_id: str | None = None,
        prompt_tokens: int = 0,
        session_token: str | None = None,
    ) -> SessionScope:
        """A session for a block, closed with ok, cancelled, timeout or error by what left it.

        ``with`` also measures the GPU work launched in the block on the current stream, as one step. ``async
        with`` measures nothing by itself: put ``with probe.step():`` around the calls that use the GPU.
        """
        open_session = partial(
            self.open_session,
            tenant_id=tenant_id,
            project_id=project_id,
            model=model,
            model_version=model_version,
            user_id=user_id,
            session_id=session_id,
            prompt_tokens=prompt_tokens,
            session_token=session_token,
        )
        return SessionScope(self._registry, open_session)

    def _close_session(self, session: Session, outcome: str, tokens_out: int | None) -> None:
        """What ``Session.close`` does."""
        if outcome not in entries.OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(entries.OUTCOMES)}, not {outcome!r}")
        for unit in session.close_once():
            unit.note_memory()
            # The session may be in a step that is being launched.
            unit.clock.announce()
            unit.journal.append(entries.closed_entry(session.number, unit.host_ns(), outcome, tokens_out))

    def use(self, session: SessionHandle) -> UseScope:
        """Makes an open session the current one of this task or thread; neither measures nor closes."""
        return UseScope(self._registry, session)

    def current(self) -> SessionHandle | None:
        """The current session of this task or thread."""
        return self._registry.session.get()

    # Steps

    def step(self, rows: Rows = None) -> StepScope | SpreadScope:
        """Measures the GPU work launched in the block, on the current stream, as one step.

        ``rows``: for each session in it (or its id) the tokens computed for it and the tokens in its context
        after the step; or a function that gives them, called once the work is launched, so that making them
        costs the GPU nothing. None: the current session. An empty list: nobody's, booked as unattributed. A
        step inside a step measures nothing, the outer one has it.
        """
        return step_scope(self._registry, rows)

    def communication(self) -> CommunicationScope:
        """Collectives launched in the block, on the current stream, inside a step: reported as
        communication_ns. Outside of a step: the next step does not begin where the last one ended."""
        return CommunicationScope(self._registry)

    def warmup(
        self, model: str = "unknown", model_version: str = "unknown", phase: str = "warmup"
    ) -> SpanScope | SpreadScope:
        """GPU work launched in the block is the operator's; ``phase`` is warmup or load. A model warmed up
        this way has no more cold steps but those that compile or capture."""
        if phase not in ("warmup", "load"):
            raise ValueError(f"phase is warmup or load, not {phase!r}")
        registry = self._registry
        if registry.spread:
            return SpreadScope(
                registry, OPERATORS, lambda clock: clock.begin_span(phase, model, model_version)
            )
        return SpanScope(registry, phase, model, model_version)

    def metered(self, **labels: Any) -> Callable[[Function], Function]:
        """Each call of the function is a session. Labels are those of ``session``; one that is callable is
        called with the function's arguments. A plain function is measured whole, in an ``async`` one put
        ``with probe.step():`` around the calls that use the GPU."""
        return metered(self.session, labels)

    # Its life

    def close(self, timeout_s: float = 10.0) -> None:
        """Ends watching: waits for the steps in flight, and until all is booked, at most so long. Open
        sessions end as interrupted."""
        if self._registry.closed:
            return
        self._registry.closed = True
        self._watch.stop()
        for unit in self._units:
            unit.end(timeout_s)
        self._runner.stop(timeout_s)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counts(self) -> list[dict[str, Any]]:
        """Per device: steps started, measured, missed, host_bound (launching them took most of their time);
        shared, those whose begin is the end of the step before; events in the pool; times the clock was
        anchored anew; what the wall clock was set by since the start (clock_shift_ns); stalled_s, where a
        step does not end; journal entries lost to a full disk; readings of the sensor that failed; why
        measuring ended, where it did."""
        return [counts_of(unit) for unit in self._units]

    def forked(self) -> None:
        """In a child process: its parent measures, and the GPU's context is not the child's."""
        self._registry.closed = True
        for unit in self._units:
            unit.clock.detach()
            unit.journal.detach()
        self._runner.detach()
