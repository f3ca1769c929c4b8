"""KServe: a class decorator for ``kserve.Model``.

Written for kserve 0.20 (``Model.predict(payload, headers, response_headers)``; 0.11 and later have the same
without the last); imports nothing of it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..protocol import ProbeLike
from .default import get_probe
from .labels import Labels, Resolver, from_headers, lower
from .request import request

Model = TypeVar("Model", bound=type)


def metered(
    probe: ProbeLike | None = None,
    model_version: str = "unknown",
    resolver: Resolver | None = None,
    size: Callable[[Any], int] = lambda payload: batch_size(payload),
) -> Callable[[Model], Model]:
    """``@metered()`` above a subclass of Model: ``load`` is the operator's, each ``predict`` a session of
    one step, or a step of the session that an ASGI middleware has opened."""

    def decorate(model: Model) -> Model:
        target: Any = model

        def measured(self: Any, payload: Any, headers: Mapping[str, str] | None) -> Any:
            return request(probe or get_probe(), labels_of(self, headers), max(1, size(payload)))

        def labels_of(self: Any, headers: Mapping[str, str] | None) -> Labels | None:
            known = lower(headers)
            return resolver(known) if resolver else from_headers(known, self.name, model_version)

        target.predict = _predict(target.predict, measured)
        target.load = _load(target.load, probe, model_version)
        return model

    return decorate


def batch_size(payload: Any) -> int:
    """Instances of a v1 payload, first dimension of a v2 one, else 1."""
    if isinstance(payload, Mapping):
        instances = payload.get("instances")
        return len(instances) if isinstance(instances, list) else 1
    inputs = getattr(payload, "inputs", None)
    shape = getattr(inputs[0], "shape", None) if inputs else None
    return int(shape[0]) if shape else 1


def _predict(original: Callable[..., Any], measured: Callable[..., Any]) -> Callable[..., Any]:
    # kserve asks iscoroutinefunction(self.predict), so the wrapper is what the original is.
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def predict_async(
            self: Any, payload: Any, headers: Any = None, *more: Any, **named: Any
        ) -> Any:
            with measured(self, payload, headers):
                return await original(self, payload, headers, *more, **named)

        return predict_async

    @functools.wraps(original)
    def predict(self: Any, payload: Any, headers: Any = None, *more: Any, **named: Any) -> Any:
        with measured(self, payload, headers):
            return original(self, payload, headers, *more, **named)

    return predict


def _load(original: Callable[..., Any], probe: ProbeLike | None, version: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def load(self: Any) -> Any:
        with (probe or get_probe()).warmup(self.name, version, "load"):
            return original(self)

    return load
