"""Getting finished records out: encode, keep, send."""

from .delivery import Delivery, Publisher, PublishError
from .file import FilePublisher
from .http import HttpError, HttpPublisher
from .kafka import KafkaError, KafkaPublisher
from .outbox import Outbox
from .spool import Spool

__all__ = [
    "Delivery",
    "FilePublisher",
    "HttpError",
    "HttpPublisher",
    "KafkaError",
    "KafkaPublisher",
    "Outbox",
    "PublishError",
    "Publisher",
    "Spool",
]
