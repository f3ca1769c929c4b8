"""The Kafka options that several commands share."""

from __future__ import annotations

import argparse
from typing import Dict

from ..publish import KafkaPublisher


def add_kafka_options(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument("--brokers", required=required, metavar="HOST:PORT,…")
    parser.add_argument("--topic", default="gpu-time-events")
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="S", help="how long to wait for the brokers"
    )
    parser.add_argument(
        "--kafka-option-file",
        metavar="FILE",
        help="librdkafka options, one name=value a line: TLS and SASL; a file because it holds secrets",
    )


def kafka_publisher(options: argparse.Namespace) -> KafkaPublisher:
    extra: Dict[str, str] = {}
    if options.kafka_option_file:
        with open(options.kafka_option_file, encoding="utf-8") as file:
            for line in file:
                name, equals, value = line.strip().partition("=")
                if equals and not name.startswith("#"):
                    extra[name.strip()] = value.strip()
    return KafkaPublisher(options.brokers, options.topic, extra)
