"""Getting finished records out: encode, keep, send."""

from .file import FilePublisher
from .kafka import KafkaPublisher
from .spool import Delivery, Publisher, Spool

__all__ = ["Delivery", "FilePublisher", "KafkaPublisher", "Publisher", "Spool"]
