"""VLLM's scheduler knows what its workers do not: which requests were aborted, and how many tokens a caller
got. It sends both with the requests that have finished."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

# Attributes of a scheduler and of its output. One of an instance is pickled with it, so that it reaches
# workers in other processes.
ABORTED = "gpu_probe_aborted"
TOKENS = "gpu_probe_tokens"


def patch_scheduler(scheduler: Any) -> None:
    """Wraps a Scheduler class."""
    scheduler.finish_requests = _finish(scheduler.finish_requests)
    scheduler.update_from_output = _update(scheduler.update_from_output)
    scheduler.schedule = _schedule(scheduler.schedule)


def _finish(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def finish_requests(self: Any, request_ids: Any, finished_status: Any, *more: Any, **named: Any) -> Any:
        if getattr(finished_status, "name", "") == "FINISHED_ABORTED" and request_ids is not None:
            ids = [request_ids] if isinstance(request_ids, str) else list(request_ids)
            request_ids = ids
            vars(self).setdefault(ABORTED, set()).update(ids)
        return original(self, request_ids, finished_status, *more, **named)

    return finish_requests


def _update(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def update_from_output(self: Any, *args: Any, **named: Any) -> Any:
        result = original(self, *args, **named)
        tokens: dict[str, int] = vars(self).setdefault(TOKENS, {})
        # By client; what speculation proposed and the model refused is no longer in it.
        for outputs in getattr(result, "values", tuple)():
            for output in outputs.outputs:
                made = tokens.get(output.request_id, 0) + len(output.new_token_ids)
                tokens[output.request_id] = made
        return result

    return update_from_output


def _schedule(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def schedule(self: Any, *more: Any, **named: Any) -> Any:
        output = original(self, *more, **named)
        finished = output.finished_req_ids
        aborted, tokens = vars(self).get(ABORTED), vars(self).get(TOKENS)
        if aborted:
            setattr(output, ABORTED, aborted & set(finished))
            aborted.clear()
        if tokens and finished:
            setattr(output, TOKENS, {name: tokens.pop(name) for name in finished if name in tokens})
        return output

    return schedule
