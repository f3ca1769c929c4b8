"""Publishes to Kafka through librdkafka: idempotent, acknowledged by all in-sync replicas, keyed by the
record's id."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from .delivery import PublishError

# A parent's producers, in a fork's child: librdkafka waits for ever for its threads when it is destroyed
# there.
_inherited: list[Any] = []


class KafkaError(PublishError):
    """The broker refused a message for good, or confluent-kafka is not installed."""


class KafkaPublisher:
    """``brokers`` is host:port,host:port; ``extra`` are further librdkafka options, such as those for TLS.

    The producer is created with the first message, because librdkafka's threads do not live through a fork:
    a child that inherits this object makes its own.
    """

    def __init__(self, brokers: str, topic: str, extra: Mapping[str, Any] | None = None) -> None:
        self._topic = topic
        self._options: dict[str, Any] = {
            "bootstrap.servers": brokers,
            "client.id": "gpu-probe",
            "enable.idempotence": True,
            "acks": "all",
            # The partitioner of Java and kafkajs, so that copies of an id meet in one partition.
            "partitioner": "murmur2_random",
            # zstd and lz4 need plug-ins in kafkajs.
            "compression.type": "none",
            "linger.ms": 20,
            # librdkafka warns of what it then retries by itself, as while a broker starts.
            "log_level": 3,
            # The write-ahead log waits for the broker; giving up here would only send the same again.
            "message.timeout.ms": 0,
            "queue.buffering.max.messages": 100_000,
            **(extra or {}),
        }
        self._producer: Any = None
        self._pid: int | None = None
        self._error: str | None = None

    def send(self, key: bytes, value: bytes, received: Callable[[], None]) -> None:
        producer = self._connect()

        def delivered(error: Any, _message: Any) -> None:
            if error is None:
                received()
            else:
                self._error = str(error)

        while True:
            try:
                producer.produce(self._topic, key=key, value=value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.5)
        self._raise_refusal()

    def poll(self) -> None:
        if self._producer is not None:
            self._producer.poll(0)
            self._raise_refusal()

    def flush(self, timeout_s: float) -> int:
        """Raises KafkaError where the broker refused a message for good."""
        if self._producer is None:
            return 0
        until = time.monotonic() + timeout_s
        left = 1
        while left and self._error is None and time.monotonic() < until:
            left = self._producer.flush(min(1.0, timeout_s))
        self._raise_refusal()
        return int(left)

    def close(self) -> None:
        if self._producer is not None and self._pid != os.getpid():
            _inherited.append(self._producer)
        elif self._producer is not None:
            self._producer.purge()
            self._producer.flush(1)
        self._producer = None

    def _connect(self) -> Any:
        if self._producer is None or self._pid != os.getpid():
            try:
                from confluent_kafka import Producer
            except ImportError as error:
                raise KafkaError("Kafka needs confluent-kafka: pip install confluent-kafka") from error
            if self._producer is not None:
                _inherited.append(self._producer)
            self._producer = Producer(self._options)
            self._pid = os.getpid()
        return self._producer

    def _raise_refusal(self) -> None:
        if self._error is not None:
            raise KafkaError(f"the broker refused a message: {self._error}")
