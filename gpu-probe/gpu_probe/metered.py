"""Each call of a function as a session."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .scopes import SessionScope

Function = TypeVar("Function", bound=Callable[..., Any])


def metered(session: Callable[..., SessionScope], labels: dict[str, Any]) -> Callable[[Function], Function]:
    """What ``Probe.metered`` gives. ``session`` is ``Probe.session``."""

    def scope(arguments: Any, options: Any) -> SessionScope:
        values = {
            name: value(*arguments, **options) if callable(value) else value for name, value in labels.items()
        }
        return session(**values)

    def decorate(function: Function) -> Function:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def call_async(*arguments: Any, **options: Any) -> Any:
                async with scope(arguments, options):
                    return await function(*arguments, **options)

            return call_async  # type: ignore[return-value]

        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            with scope(arguments, options):
                return function(*arguments, **options)

        return call  # type: ignore[return-value]

    return decorate
