"""Seldon MLServer: a class decorator for ``mlserver.MLModel``.

Written for mlserver 1.7 (1.4 and later have ``predict_stream``); imports nothing of it. Headers reach the
model as ``parameters.headers`` of the request, in parallel workers too.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from ..protocol import ProbeLike
from .default import get_probe
from .labels import UNKNOWN, Labels, Resolver, clean_label, from_headers, lower
from .request import closing, request

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=type)


def metered(
    probe: ProbeLike | None = None,
    resolver: Resolver | None = None,
    size: Callable[[Any], int] = lambda payload: batch_size(payload),
) -> Callable[[Model], Model]:
    """``@metered()`` above a subclass of MLModel: ``load`` is the operator's, each ``predict`` a session of
    one step, each stream a session with a step for every response.

    Adaptive batching (``max_batch_size`` above 1) merges the callers' requests before the model sees them
    and keeps the headers of one: such a batch is booked to the tenant ``unknown``, never to the one whose
    headers were left.
    """

    def decorate(model: Model) -> Model:
        target: Any = model
        meter = _Meter(probe, resolver, size)
        target.load = meter.load(target.load)
        target.predict = meter.predict(target.predict)
        target.predict_stream = meter.predict_stream(target.predict_stream)
        return model

    return decorate


def batch_size(payload: Any) -> int:
    """First dimension of the first input."""
    inputs = getattr(payload, "inputs", None)
    shape = getattr(inputs[0], "shape", None) if inputs else None
    return int(shape[0]) if shape else 1


class _Meter:
    def __init__(
        self, probe: ProbeLike | None, resolver: Resolver | None, size: Callable[[Any], int]
    ) -> None:
        self._given = probe
        self._resolver = resolver
        self._size = size

    def load(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def load(model: Any) -> bool:
            if _merges(model):
                log.warning("%s: adaptive batching hides the callers; batches go to %r", model.name, UNKNOWN)
            with self._probe().warmup(model.name, model.version or UNKNOWN, "load"):
                return bool(await original(model))

        return load

    def predict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def predict(model: Any, payload: Any) -> Any:
            with request(self._probe(), self._labels(model, payload), max(1, self._size(payload))):
                return await original(model, payload)

        return predict

    def predict_stream(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def predict_stream(model: Any, payloads: AsyncIterator[Any]) -> AsyncIterator[Any]:
            first = await payloads.__anext__()
            labels = self._labels(model, first)
            responses = original(model, _with_first(first, payloads))
            measured: Any = responses if labels is None else self._steps(responses, labels)
            try:
                async for response in measured:
                    yield response
            finally:
                # A caller that leaves ends the model's work at once, and not when memory is tidied up.
                await measured.aclose()
                await responses.aclose()

        return predict_stream

    async def _steps(self, responses: Any, labels: Labels) -> AsyncIterator[Any]:
        probe = self._probe()
        current = probe.current()
        session = current or probe.open_session(**labels.fields())
        with nullcontext() if current else closing(session):
            units = 0
            while True:
                units += 1
                # The session is current only while the model works: in between the caller's task runs.
                with probe.use(session), probe.step([(session, 1, units)]):
                    try:
                        response = await responses.__anext__()
                    except StopAsyncIteration:
                        break
                yield response

    def _labels(self, model: Any, payload: Any) -> Labels | None:
        if _merges(model):
            return Labels(model=model.name, model_version=model.version or UNKNOWN)
        headers = lower(getattr(payload.parameters, "headers", None))
        if self._resolver:
            return self._resolver(headers)
        labels = from_headers(headers, model.name, model.version or UNKNOWN)
        return labels if labels.session_id else labels._replace(session_id=clean_label(payload.id))

    def _probe(self) -> ProbeLike:
        return self._given or get_probe()


def _merges(model: Any) -> bool:
    return int(getattr(model.settings, "max_batch_size", 0) or 0) > 1


async def _with_first(first: Any, others: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for payload in others:
        yield payload
