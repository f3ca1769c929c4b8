"""Triton Inference Server, Python backend: a class decorator for TritonPythonModel.

Written for the Python backend of Triton 24.08 (``InferenceRequest.parameters()`` since 23.06,
``is_cancelled()`` since 23.10); imports nothing of it. Start Triton with ``--http-header-forward-pattern``
(and its gRPC twin) so that the ``x-meterhouse-*`` headers arrive as request parameters.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..outcome import outcome_of
from ..protocol import ProbeLike, SessionHandle
from .default import get_probe
from .labels import UNKNOWN, Labels, clean_label, from_headers, lower

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=type)
TritonResolver = Callable[[Any], Labels | None]
"""A pb_utils.InferenceRequest to labels; None: not measured as a session."""


def metered(
    probe: ProbeLike | None = None,
    resolver: TritonResolver | None = None,
    size: Callable[[Any], int] = lambda request: 1,
) -> Callable[[Model], Model]:
    """``@metered()`` above TritonPythonModel: ``initialize`` is the operator's, each ``execute`` one step
    that its requests share by ``size`` (units of work of a request, such as rows or tokens).

    Decoupled models that answer after ``execute`` has returned open and close their sessions by hand.
    """

    def decorate(model: Model) -> Model:
        meter = _Meter(probe, resolver, size)
        original: Any = model
        initialize = getattr(original, "initialize", None)
        original.execute = meter.execute(original.execute)
        original.initialize = meter.initialize(initialize)
        return model

    return decorate


class _Meter:
    def __init__(
        self, probe: ProbeLike | None, resolver: TritonResolver | None, size: Callable[[Any], int]
    ) -> None:
        self._given = probe
        self._resolver = resolver
        self._size = size
        self._model = self._version = UNKNOWN

    def initialize(self, original: Callable[..., Any] | None) -> Callable[..., Any]:
        def initialize(model: Any, args: dict[str, str]) -> Any:
            self._model = args.get("model_name", UNKNOWN)
            self._version = args.get("model_version", UNKNOWN)
            if original is None:
                return None
            with self._probe().warmup(self._model, self._version, "load"):
                return original(model, args)

        return functools.wraps(original)(initialize) if original else initialize

    def execute(self, original: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def execute_async(model: Any, requests: Sequence[Any]) -> Any:
                batch = self._open(requests)
                with batch, self._probe().step(batch.rows):
                    return batch.note_responses(await original(model, requests))

            return execute_async

        @functools.wraps(original)
        def execute(model: Any, requests: Sequence[Any]) -> Any:
            batch = self._open(requests)
            with batch, self._probe().step(batch.rows):
                return batch.note_responses(original(model, requests))

        return execute

    def _open(self, requests: Sequence[Any]) -> _Batch:
        probe, batch = self._probe(), _Batch(requests)
        for request in requests:
            labels = self._resolver(request) if self._resolver else self._labels(request)
            size = max(1, self._size(request))
            batch.add(probe.open_session(**labels.fields()) if labels else None, size)
        return batch

    def _labels(self, request: Any) -> Labels:
        try:
            parameters = json.loads(request.parameters() or "{}")
        except (AttributeError, ValueError):
            log.warning("this Triton hands no request parameters over: the session's tenant is %r", UNKNOWN)
            parameters = {}
        labels = from_headers(lower(parameters), self._model, self._version)
        # Without a session of the gateway's, the caller's request id makes the event easy to find.
        return labels if labels.session_id else labels._replace(session_id=clean_label(request.request_id()))

    def _probe(self) -> ProbeLike:
        return self._given or get_probe()


class _Batch:
    """The sessions of one call of ``execute``; closes them when it ends."""

    def __init__(self, requests: Sequence[Any]) -> None:
        self.rows: list[Any] = []
        self._requests = requests
        self._sessions: list[SessionHandle | None] = []
        self._responses: Sequence[Any] = ()

    def add(self, session: SessionHandle | None, size: int) -> None:
        self._sessions.append(session)
        if session is not None:
            self.rows.append((session, size, size))

    def note_responses(self, responses: Any) -> Any:
        self._responses = responses or ()
        return responses

    def __enter__(self) -> _Batch:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        for index, (request, session) in enumerate(zip(self._requests, self._sessions)):
            if session is None:
                continue
            response = self._responses[index] if index < len(self._responses) else None
            if error is not None:
                session.close(outcome_of(error))
            elif _flag(request, "is_cancelled"):
                session.close("cancelled")
            else:
                session.close("error" if _flag(response, "has_error") else "ok")


def _flag(thing: Any, name: str) -> bool:
    """What a method of that name answers; False where there is none."""
    method = getattr(thing, name, None)
    return bool(method()) if callable(method) else False
