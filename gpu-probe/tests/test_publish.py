"""From the accounting to the receiver: encoded, kept, sent, and told when it was lost."""

import io
import json

import pytest
from conftest import SCHEMAS

from gpu_probe.publish import Delivery, FilePublisher, KafkaPublisher, Spool
from gpu_probe.publish.kafka import KafkaError
from gpu_probe.records import GPU_TIME_EVENT, GPU_TOTALS, decode_single_object, from_plain
from gpu_probe.wal import Wal


def example(schema, name):
    return from_plain(schema, json.loads((SCHEMAS / schema.name / "examples" / f"{name}.json").read_text()))


EVENT = example(GPU_TIME_EVENT, "v2-valid/counter")
TOTALS = example(GPU_TOTALS, "v2-valid/minute")


class Late:
    """A receiver that acknowledges when, and in the order, the test says."""

    def __init__(self):
        self.messages = []
        self.receipts = []

    def send(self, key, value, received):
        self.messages.append((key, value))
        self.receipts.append(received)

    def poll(self):
        pass

    def flush(self, timeout_s):
        return len(self.messages)

    def close(self):
        pass


@pytest.fixture
def wal(tmp_path):
    with Wal(tmp_path / "wal") as wal:
        yield wal


def fill(wal, count):
    for number in range(count):
        wal.append(number.to_bytes(16, "big"), b"%d" % number)


def test_records_are_kept_under_their_id(wal):
    spool = Spool(wal)
    spool.event(EVENT)
    spool.totals(TOTALS)
    first, second = wal.pending()
    assert (first.key, second.key) == (EVENT["event_id"], TOTALS["totals_id"])
    assert decode_single_object(first.value) == (GPU_TIME_EVENT, EVENT)
    assert decode_single_object(second.value) == (GPU_TOTALS, TOTALS)


def test_lost_events_are_told_in_the_next_totals_that_find_room(tmp_path):
    with Wal(tmp_path, max_bytes=1000, segment_bytes=500) as wal:
        spool = Spool(wal)
        for _ in range(5):
            spool.event(EVENT)
        spool.totals(TOTALS)
        lost = spool.lost
        assert lost > 0
        wal.acknowledge(wal.end)
        spool.totals(TOTALS)
        spool.totals(TOTALS)
        told = [decode_single_object(entry.value)[1]["lost_events"] for entry in wal.pending()]
        assert told == [lost, 0]


def test_the_watermark_waits_for_the_oldest(wal):
    fill(wal, 5)
    publisher = Late()
    delivery = Delivery(wal, publisher)
    assert delivery.send() == 5
    for number in (4, 2, 1):
        publisher.receipts[number]()
    delivery.finish(0)
    assert wal.acknowledged == 0
    publisher.receipts[0]()
    delivery.finish(0)
    assert wal.acknowledged == 3
    assert [entry.position for entry in wal.pending()] == [3, 4]
    # a new start sends the third again, and the fourth that was received: its copy carries the same id
    again = Late()
    Delivery(wal, again).send()
    assert [value for _, value in again.messages] == [b"3", b"4"]


def test_the_newest_can_be_held_back_and_sent_later(wal):
    fill(wal, 5)
    publisher = Late()
    delivery = Delivery(wal, publisher)
    assert delivery.send(3) == 3
    assert delivery.send() == 2
    assert delivery.send() == 0
    assert [value for _, value in publisher.messages] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_damaged_segment_does_not_hold_the_watermark_up(tmp_path):
    with Wal(tmp_path, segment_bytes=60) as wal:
        fill(wal, 6)
    middle = sorted(tmp_path.glob("*.wal"))[1]
    middle.write_bytes(middle.read_bytes()[:12])
    with Wal(tmp_path) as wal:
        publisher = Late()
        delivery = Delivery(wal, publisher)
        sent = delivery.send()
        assert 0 < sent < 6
        for receipt in publisher.receipts:
            receipt()
        delivery.finish(0)
        assert wal.acknowledged == 6


def test_the_file_publisher_writes_the_form_of_the_examples(wal):
    spool = Spool(wal)
    spool.event(EVENT)
    file = io.StringIO()
    delivery = Delivery(wal, FilePublisher(file))
    delivery.send()
    delivery.finish(0)
    line = json.loads(file.getvalue())
    assert line.pop("type") == "gpu_time_event"
    assert line == json.loads((SCHEMAS / "gpu_time_event/examples/v2-valid/counter.json").read_text())
    assert wal.acknowledged == 1


def mock_kafka(**extra):
    """librdkafka's own broker, inside the client."""
    pytest.importorskip("confluent_kafka", reason="the kafka extra is not installed")
    return KafkaPublisher("", "gpu-time-events", {"test.mock.num.brokers": 1, **extra})


def test_kafka_acknowledges_and_the_log_is_empty(wal):
    fill(wal, 1200)
    publisher = mock_kafka()
    delivery = Delivery(wal, publisher)
    assert delivery.send() == 1200
    assert delivery.finish(30) == 0
    publisher.close()
    assert wal.acknowledged == 1200


def test_a_message_that_kafka_refuses_is_an_error_and_stays(wal):
    wal.append(bytes(16), b"x" * 2000)
    publisher = mock_kafka(**{"message.max.bytes": 1000})
    with pytest.raises(Exception, match=r"(?i)too large|size"):
        delivery = Delivery(wal, publisher)
        delivery.send()
        delivery.finish(5)
    publisher.close()
    assert wal.acknowledged == 0


def test_a_broker_that_is_away_leaves_everything_in_the_log(wal):
    pytest.importorskip("confluent_kafka", reason="the kafka extra is not installed")
    fill(wal, 3)
    publisher = KafkaPublisher("127.0.0.1:9", "gpu-time-events", {"log_level": 0})
    delivery = Delivery(wal, publisher)
    delivery.send()
    assert delivery.finish(0.2) == 3
    publisher.close()
    assert wal.acknowledged == 0


def test_without_the_client_the_error_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(KafkaError, match="pip install confluent-kafka"):
        KafkaPublisher("127.0.0.1:9", "t").send(bytes(16), b"x", lambda: None)
