"""librdkafka's producer: brokers, topic, codec; on standard input a key and a value per line, in base64."""

import base64
import sys

from confluent_kafka import Producer

brokers, topic, codec = sys.argv[1:]
failures: list[str] = []
producer = Producer(
    {
        "bootstrap.servers": brokers,
        "compression.codec": codec,
        "linger.ms": 1000,
        "partitioner": "murmur2_random",
    }
)
for line in sys.stdin:
    key, value = (base64.b64decode(part) for part in line.split())
    producer.produce(
        topic,
        key=key,
        value=value,
        on_delivery=lambda error, _: failures.append(str(error)) if error else None,
    )
left = producer.flush(30)
if failures or left:
    sys.exit(f"{left} records were not sent; {failures}")
