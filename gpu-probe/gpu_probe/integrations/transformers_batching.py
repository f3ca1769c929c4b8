"""Hugging Face transformers, continuous batching: ``generate_batch``, ``continuous_batching_context_manager``
and ``ContinuousBatchingManager``.

Written for transformers 4.57, 5.0, 5.17 and 5.24. From 5.17 (the first with a ``ModelRunner``) a step is
``ModelRunner.compute_batch``, on the stream that it computes on; before that ``_generation_step``. Which
requests are in it is read before the call, since an asynchronous batch is swapped for the next behind it.
Copies between forks, and to and from the host, are outside of it: the operator's.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ..protocol import ProbeLike, Row
from .default import get_probe
from .labels import Labels
from .streams import begun_on
from .transformers_requests import adding, caller, give_ticket, inherit, model_name, ticket_of

log = logging.getLogger(__name__)
_PACKAGE = "transformers.generation.continuous_batching"
_MARK = "_gpu_probe"


def install(probe: ProbeLike | None = None, default: Labels | None = None) -> bool:
    """Wraps continuous batching; False where this transformers has none that is known.

    Whose a request is: what ``labelled(…)`` says where it is added, else the session that is current there,
    else one of its own with the ``default`` labels.
    """
    try:
        api = importlib.import_module(f"{_PACKAGE}.continuous_api")
        requests = importlib.import_module(f"{_PACKAGE}.requests")
        scheduler = importlib.import_module(f"{_PACKAGE}.scheduler")
    except ImportError:
        return False
    if getattr(api.ContinuousBatchingManager, _MARK, False):
        return True
    meter = _Meter(probe, default or Labels())
    try:
        runner: Any = importlib.import_module(f"{_PACKAGE}.model_runner").ModelRunner
    except ImportError:
        runner = None
    _wrap(api.ContinuousBatchingManager, "add_request", meter.add_request)
    _wrap(requests.RequestState, "__init__", _init)
    for name in ("fork", "create_equivalent_initial_request"):
        _wrap(requests.RequestState, name, meter.derive)
    for name in ("update_and_check_completion", "update_with_token"):
        _wrap(requests.RequestState, name, meter.update)
    _wrap(scheduler.Scheduler, "add_waiting_request", meter.add_waiting)
    _wrap(scheduler.Scheduler, "clear_cancelled_requests", meter.clear_cancelled)
    _wrap(api.ContinuousBatchProcessor, "_handle_request_error", meter.fail)
    if hasattr(api, "OutputRouter"):
        _wrap(api.OutputRouter, "fail_and_deliver", meter.fail_and_deliver)
    if runner is not None:
        _wrap(runner, "compute_batch", meter.compute_batch)
        _wrap(runner, "run_one_warmup", meter.warmup)
    elif hasattr(api.ContinuousBatchProcessor, "_generation_step"):
        _wrap(api.ContinuousBatchProcessor, "_generation_step", meter.processor_step)
    else:
        # 4.57: the first step of a graph runs and is captured in ``warmup``, later ones are replayed.
        for name in ("_generation_step", "_graph_replay", "warmup"):
            _wrap(api.ContinuousBatchingManager, name, meter.manager_step)
    setattr(api.ContinuousBatchingManager, _MARK, True)
    return True


def _wrap(target: Any, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = getattr(target, name, None)
    if original is not None:
        setattr(target, name, functools.wraps(original)(wrapper(original)))


def _init(original: Callable[..., Any]) -> Callable[..., Any]:
    def init(state: Any, *args: Any, **named: Any) -> None:
        original(state, *args, **named)
        give_ticket(state)

    return init


class _Meter:
    """The wrappers. What goes wrong in one is logged once, and transformers goes on unmeasured."""

    def __init__(self, probe: ProbeLike | None, default: Labels) -> None:
        self._given = probe
        self._default = default
        self._failed = False
        # Requests whose id a later one has taken, by that id: they go on until the later one is computed.
        self._twins: dict[str, Any] = {}

    def add_request(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def add_request(manager: Any, *args: Any, **named: Any) -> Any:
            scope: AbstractContextManager[None] = nullcontext()
            with self._quiet():
                scope = adding(caller(self._probe(), self._default, manager.model))
            with scope:
                return original(manager, *args, **named)

        return add_request

    def add_waiting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def add_waiting_request(scheduler: Any, state: Any) -> Any:
            with self._quiet():
                # Two callers may send one request id: the first request is then dropped without a word.
                name, ticket = state.request_id, ticket_of(state)
                lost, twin = scheduler.waiting_requests.get(name), scheduler.active_requests.get(name)
                if lost is not None and ticket_of(lost) is not ticket:
                    self._end(lost, "error")
                if twin is not None and ticket_of(twin) is not ticket:
                    self._twins[name] = twin
                if ticket is not None:
                    ticket.join(self._probe(), state.request_id, _prompt_tokens(state))
            return original(scheduler, state)

        return add_waiting_request

    def clear_cancelled(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def clear_cancelled_requests(scheduler: Any) -> Any:
            before = [*scheduler.active_requests.values(), *scheduler.waiting_requests.values()]
            result = original(scheduler)
            with self._quiet():
                for state in before:
                    name = state.request_id
                    if name not in scheduler.active_requests and name not in scheduler.waiting_requests:
                        self._end(state, "cancelled")
            return result

        return clear_cancelled_requests

    def derive(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def derive(state: Any, *args: Any, **named: Any) -> Any:
            made = inherit(original(state, *args, **named), state)
            with self._quiet():
                ticket = ticket_of(made)
                if ticket is not None and made.request_id != state.request_id:
                    ticket.join(self._probe(), made.request_id, 0)
            return made

        return derive

    def update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def update(state: Any, *args: Any, **named: Any) -> Any:
            before = state.generated_len()
            finished = original(state, *args, **named)
            with self._quiet():
                ticket = ticket_of(state)
                if ticket is not None:
                    ticket.count(state.generated_len() - before)
                    if finished:
                        ticket.leave(state.request_id, "ok")
            return finished

        return update

    def fail(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request_error(processor: Any, error: Any, state: Any) -> Any:
            with self._quiet():
                self._end(state, "error")
            return original(processor, error, state)

        return handle_request_error

    def fail_and_deliver(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def fail_and_deliver(router: Any, state: Any, error: Any) -> Any:
            with self._quiet():
                self._end(state, "error")
            return original(router, state, error)

        return fail_and_deliver

    def compute_batch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def compute_batch(runner: Any, model: Any, batch_data: Any) -> Any:
            rows: list[Row] = []
            with self._quiet():
                for future in _future_states(runner.inputs_and_outputs):
                    rows += self._rows(future.state, future.query_length)
            with begun_on(_stream(runner.inputs_and_outputs), self._probe().step(rows)):
                return original(runner, model, batch_data)

        return compute_batch

    def warmup(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def run_one_warmup(runner: Any, model: Any, *args: Any, **named: Any) -> Any:
            scope = self._probe().warmup(model_name(model))
            with begun_on(_stream(runner.inputs_and_outputs), scope):
                return original(runner, model, *args, **named)

        return run_one_warmup

    def processor_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def generation_step(processor: Any, *args: Any, **named: Any) -> Any:
            with self._probe().step(self._batch(processor)):
                return original(processor, *args, **named)

        return generation_step

    def manager_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def generation_step(manager: Any, *args: Any, **named: Any) -> Any:
            processor = args[0] if args else manager.batch_processor
            with self._probe().step(self._batch(processor)):
                return original(manager, *args, **named)

        return generation_step

    def _batch(self, processor: Any) -> list[Row]:
        """The rows of a version whose batch is a list of request states."""
        rows: list[Row] = []
        with self._quiet():
            for state in processor.requests_in_batch:
                tokens = getattr(state, "tokens_to_process", None) or state.prompt_ids
                rows += self._rows(state, len(tokens))
        return rows

    def _rows(self, state: Any, new: int) -> list[Row]:
        # ``position_offset`` already counts what the step is going to compute.
        ticket, twin = ticket_of(state), self._twins.get(state.request_id)
        if twin is not None and ticket_of(twin) is not ticket:
            self._end(self._twins.pop(state.request_id), "error")
        return [] if ticket is None else ticket.rows(new, state.position_offset)

    def _end(self, state: Any, outcome: str) -> None:
        ticket = ticket_of(state)
        if ticket is not None:
            ticket.leave(state.request_id, outcome)

    def _probe(self) -> ProbeLike:
        return self._given or get_probe()

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, TypeError, KeyError, IndexError, ValueError):
            if not self._failed:
                log.exception(
                    "gpu-probe does not know this transformers' continuous batching: it runs unmeasured"
                )
            self._failed = True


def _future_states(io: Any) -> Any:
    """What is about to be computed; asynchronous batching has two sets of inputs and takes turns."""
    pairs = getattr(io, "io_pairs", None)
    return io.requests_in_batch if pairs is None else pairs[io.current_pair].host_io.requests_in_batch


def _stream(io: Any) -> AbstractContextManager[Any]:
    stream = getattr(io, "compute_stream", None)
    if stream is None:
        return nullcontext()
    import torch

    if not isinstance(stream, torch.cuda.Stream):
        return nullcontext()
    scope: AbstractContextManager[Any] = torch.cuda.stream(stream)
    return scope


def _prompt_tokens(state: Any) -> int:
    tokens = getattr(state, "initial_tokens", None)
    return len(tokens if tokens is not None else state.full_prompt_ids)
