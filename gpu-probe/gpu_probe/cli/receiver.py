"""The options that say where records are sent, for the commands that send."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from ..publish import HttpPublisher, KafkaPublisher, Publisher
from .failure import Failure


def add_receiver_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--brokers", metavar="HOST:PORT,…", help="Kafka")
    parser.add_argument("--topic", default="gpu-time-events")
    parser.add_argument(
        "--kafka-option-file",
        metavar="FILE",
        help="librdkafka options, one name=value per line: TLS and SASL; a file because it holds secrets",
    )
    parser.add_argument("--url", help="a gateway that takes records over HTTP, instead of Kafka")
    parser.add_argument(
        "--token-file", metavar="FILE", help="bearer token for --url; default: METERHOUSE_GATEWAY_TOKEN"
    )
    parser.add_argument(
        "--ca-file", metavar="FILE", help="authorities to trust for --url; default: the system's"
    )
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="S", help="how long to wait for the receiver"
    )


def publisher_maker(options: argparse.Namespace) -> Callable[[], Publisher] | None:
    """Makes publishers to the receiver that the options name, None where they name none."""
    if options.brokers and options.url:
        raise Failure("events go either to --brokers or to --url, not to both")
    if options.brokers:
        return lambda: kafka_publisher(options)
    return (lambda: http_publisher(options)) if options.url else None


def kafka_publisher(options: argparse.Namespace) -> KafkaPublisher:
    extra: dict[str, str] = {}
    if options.kafka_option_file:
        with open(options.kafka_option_file, encoding="utf-8") as file:
            for line in file:
                name, equals, value = line.strip().partition("=")
                if equals and not name.startswith("#"):
                    extra[name.strip()] = value.strip()
    return KafkaPublisher(options.brokers, options.topic, extra)


def http_publisher(options: argparse.Namespace) -> HttpPublisher:
    token = None if options.token_file else os.environ.get("METERHOUSE_GATEWAY_TOKEN")
    return HttpPublisher(options.url, token, options.token_file, options.ca_file)
