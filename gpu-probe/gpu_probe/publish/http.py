"""Publishes to a gateway over HTTP.

``POST`` of a batch to one URL, ``Content-Type: application/vnd.meterhouse.records``. The body is the
records one after the other::

    u32 length, little endian | message

where a message is an Avro single-object record (C3 01, fingerprint, body), the very bytes that go to Kafka.
Its key is not sent: it is the record's first field, the 16 bytes from offset 10. ``Idempotency-Key`` is the
SHA-256 of the body. 200, 201, 202 and 204 say that the gateway has every record of the batch for good; 207
says it of each record (publish/multi_status.py). Binary, because base64 in JSON would cost a third more bytes
and a decode of what the gateway passes on unread.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import random
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .delivery import PublishError
from .multi_status import MULTI_STATUS, read_multi_status

CONTENT_TYPE = "application/vnd.meterhouse.records"
BATCH_RECORDS = 500
BATCH_BYTES = 1024 * 1024
_BACK_OFF_S = 0.2
_BACK_OFF_MAX_S = 30.0
_LENGTH = struct.Struct("<I")
# Of the whole batch. A proxy's 203 or 206 is not the gateway's word.
_TAKEN = (200, 201, 202, 204)
# A batch of one record that meets one of these is refused for good; of more, it is sent in halves.
_REFUSED = (400, 413, 422)
_ANSWER_BYTES = 2048
# 500 records with a reason each.
_MULTI_STATUS_BYTES = 1024 * 1024
log = logging.getLogger(__name__)


class HttpError(PublishError):
    """The gateway refused a record for good, or the URL cannot be used."""


class _Message(NamedTuple):
    value: bytes
    received: Callable[[], None]


class HttpPublisher:
    """``token_file`` is read again at every attempt, so that a token can be rotated.

    ``ca_file`` are the authorities to trust beside none of the system's.

    Everything but a refusal (no answer, 401, 403, 404, 408, 429, 5xx) is tried again with growing pauses,
    up to 30 s or what ``Retry-After`` says: a gateway that is wrongly set up holds events back, it loses
    none.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        token_file: str | Path | None = None,
        ca_file: str | None = None,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HttpError(f"{url!r} is not an http or https URL")
        self._parts = parts
        self._token = token
        self._token_file = token_file
        self._timeout_s = timeout_s
        self._clock = clock
        self._pause = pause
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None
        self._pid: int | None = None
        self._waiting: deque[_Message] = deque()
        self._batch_max = BATCH_RECORDS
        self._failures = 0
        self._not_before = 0.0
        self.last_error: str | None = None

    def send(self, key: bytes, value: bytes, received: Callable[[], None]) -> None:
        self._waiting.append(_Message(value, received))

    def poll(self) -> None:
        """Posts what waits, unless it is pausing after a failure.

        Raises HttpError for a record that was refused.
        """
        while self._waiting and self._clock() >= self._not_before and self._post():
            pass

    def flush(self, timeout_s: float) -> int:
        until = self._clock() + timeout_s
        while self._waiting:
            self.poll()
            left = until - self._clock()
            if not self._waiting or left <= 0:
                break
            self._pause(max(0.0, min(self._not_before - self._clock(), left)))
        return len(self._waiting)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self) -> bool:
        """Sends one batch; whether it was received or refused in part, so that the next can follow at
        once."""
        batch = self._batch()
        body = b"".join(_LENGTH.pack(len(message.value)) + message.value for message in batch)
        try:
            status, text, retry_after = self._exchange(body)
        except (OSError, http.client.HTTPException) as error:
            self._back_off(f"{type(error).__name__}: {error}", None)
            return False
        if status in _TAKEN:
            for _ in batch:
                self._waiting.popleft().received()
            self._went_well()
            return True
        if status == MULTI_STATUS:
            return self._read_each(batch, text, retry_after)
        if status in _REFUSED:
            if len(batch) == 1:
                raise HttpError(f"the gateway refused a record with {status}: {text}")
            self._batch_max = len(batch) // 2
            return True
        self._back_off(f"{status} {text}", retry_after)
        return False

    def _read_each(self, batch: list[_Message], text: str, retry_after: float | None) -> bool:
        """What was taken goes, the others stay. Raises HttpError where one of them is refused for good."""
        statuses = read_multi_status(text, len(batch))
        if statuses is None:
            self._back_off(f"207 without a status for each of {len(batch)} records", retry_after)
            return False
        left: list[_Message] = []
        for message, status in zip(batch, statuses):
            self._waiting.popleft()
            if status in _TAKEN:
                message.received()
            else:
                left.append(message)
        self._waiting.extendleft(reversed(left))
        for status in statuses:
            if status in _REFUSED:
                raise HttpError(f"the gateway refused a record with {status}: {text[:_ANSWER_BYTES]}")
        if left:
            self._back_off(f"207: {len(left)} of {len(batch)} records were not taken", retry_after)
            return False
        self._went_well()
        return True

    def _went_well(self) -> None:
        self._failures = 0
        self._batch_max = min(BATCH_RECORDS, self._batch_max * 2)
        self.last_error = None

    def _batch(self) -> list[_Message]:
        batch: list[_Message] = []
        size = 0
        for message in self._waiting:
            size += len(message.value)
            if batch and (len(batch) >= self._batch_max or size > BATCH_BYTES):
                break
            batch.append(message)
        return batch

    def _exchange(self, body: bytes) -> tuple[int, str, float | None]:
        connection = self._connect()
        target = self._parts.path or "/"
        if self._parts.query:
            target += f"?{self._parts.query}"
        connection.request("POST", target, body, self._headers(body))
        answer = connection.getresponse()
        size = _MULTI_STATUS_BYTES if answer.status == MULTI_STATUS else _ANSWER_BYTES
        text = answer.read(size).decode("utf-8", "replace").strip()
        if answer.will_close or answer.read(1):
            self.close()
        return answer.status, text, _seconds(answer.getheader("Retry-After"))

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": CONTENT_TYPE, "Idempotency-Key": hashlib.sha256(body).hexdigest()}
        token = self._token
        if self._token_file is not None:
            token = Path(self._token_file).read_text(encoding="utf-8").strip()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _connect(self) -> http.client.HTTPConnection:
        # A fork's child must not write into its parent's connection.
        if self._connection is None or self._pid != os.getpid():
            self._pid = os.getpid()
            host, port = self._parts.hostname or "", self._parts.port
            if self._tls is None:
                self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
            else:
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=self._timeout_s, context=self._tls
                )
        return self._connection

    def _back_off(self, error: str, retry_after: float | None) -> None:
        with contextlib.suppress(OSError):
            self.close()
        if self.last_error is None:
            log.warning("the gateway does not take events, they are kept: %s", error)
        self.last_error = error
        pause = min(_BACK_OFF_MAX_S, _BACK_OFF_S * 2.0 ** min(self._failures, 20))
        # Many probes come back at once when a gateway does.
        pause *= 0.5 + random.random() / 2
        self._failures += 1
        self._not_before = self._clock() + max(pause, min(retry_after or 0.0, 10 * _BACK_OFF_MAX_S))


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
