"""Over HTTP every record arrives, whatever the gateway answers, and the log forgets only what was taken."""

import random
import ssl
import subprocess

import pytest
from gateway import Gateway

from gpu_probe.publish import Delivery, HttpError, HttpPublisher
from gpu_probe.publish.multi_status import read_multi_status
from gpu_probe.wal import Wal


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def wal(tmp_path):
    with Wal(tmp_path / "wal") as wal:
        yield wal


@pytest.fixture
def gateway():
    gateway = Gateway()
    yield gateway
    gateway.close()


def publisher(url, time, **options):
    return HttpPublisher(url, clock=time, pause=time.pause, **options)


def fill(wal, count):
    for number in range(count):
        wal.append(number.to_bytes(16, "big"), b"message %d" % number)


def messages(count):
    return [b"message %d" % number for number in range(count)]


def deliver(wal, gateway, timeout_s=600, **options):
    time = Time()
    http = publisher(gateway.url, time, **options)
    delivery = Delivery(wal, http)
    delivery.send()
    left = delivery.finish(timeout_s)
    http.close()
    return left, time


def test_all_arrive_in_batches_over_one_connection(wal, gateway):
    fill(wal, 1200)
    left, time = deliver(wal, gateway, token="secret")
    assert (left, wal.acknowledged, time.pauses) == (0, 1200, [])
    assert gateway.taken == messages(1200)
    path, headers, _ = gateway.requests[0]
    assert path == "/v1/records"
    assert headers["Authorization"] == "Bearer secret"
    assert len(headers["Idempotency-Key"]) == 64
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("bad", [401, 403, 404, 408, 429, 500, 503, 302, "drop", "garbage"])
def test_what_fails_is_sent_again(wal, gateway, bad):
    gateway.answers = [bad, bad]
    fill(wal, 3)
    left, time = deliver(wal, gateway)
    assert (left, wal.acknowledged, gateway.taken) == (0, 3, messages(3))
    assert len(time.pauses) == 2
    assert time.pauses[0] < time.pauses[1]


def test_an_answer_that_was_lost_makes_the_same_copies(wal, gateway):
    gateway.answers = ["lost"]
    fill(wal, 3)
    left, _ = deliver(wal, gateway)
    assert (left, gateway.taken) == (0, messages(3) * 2)
    keys = {headers["Idempotency-Key"] for _, headers, _ in gateway.requests}
    assert len(keys) == 1


def test_retry_after_is_kept(wal, gateway):
    gateway.answers = [(429, {"Retry-After": "77"})]
    fill(wal, 1)
    _, time = deliver(wal, gateway)
    assert time.pauses == [77]


def test_pauses_grow_to_half_a_minute_and_no_more(wal):
    closed = Gateway()
    closed.close()
    fill(wal, 1)
    left, time = deliver(wal, closed)
    assert (left, wal.acknowledged) == (1, 0)
    assert max(time.pauses) <= 30
    assert 20 <= len(time.pauses) <= 60


def test_a_batch_too_large_is_halved_and_grows_again(wal, gateway):
    gateway.answers = [lambda batch: 413 if len(batch) > 100 else 200] * 8
    fill(wal, 1000)
    left, _ = deliver(wal, gateway)
    assert left == 0
    assert gateway.taken == messages(1000)


def test_the_one_record_that_is_refused_is_named_and_kept(wal, gateway):
    gateway.answers = [lambda batch: 400 if b"message 5" in batch else 200] * 50
    fill(wal, 9)
    with pytest.raises(HttpError, match=r"refused a record with 400: because"):
        deliver(wal, gateway)
    assert gateway.taken == messages(5)
    with Wal(wal._folder.parent / "other") as other:
        fill(other, 1)  # the publisher itself is not broken by it


def test_207_is_read_per_record_and_only_the_others_are_sent_again(wal, gateway):
    gateway.answers = [[202, 503, 202, 429, 204], [202, 500]]
    fill(wal, 5)
    left, time = deliver(wal, gateway)
    assert (left, wal.acknowledged, len(time.pauses)) == (0, 5, 2)
    assert sorted(gateway.taken) == messages(5) and len(gateway.requests) == 3


def test_207_with_a_refused_record_keeps_it_and_lets_the_others_go(wal, gateway):
    gateway.answers = [[202, 422, 202]]
    fill(wal, 3)
    with pytest.raises(HttpError, match="refused a record with 422"):
        deliver(wal, gateway)
    assert gateway.taken == [b"message 0", b"message 2"]
    assert wal.acknowledged <= 1, "the log keeps what was refused"


@pytest.mark.parametrize(
    "answer",
    [
        # Of another success than the gateway's.
        *(203, 205, 206, 208, 226),
        # Of 207 where it does not speak of each record.
        *("", "because", "{}", "[]", "[202]", '{"items": [202, 202, 202]}', '{"items": null}'),
        *('[202, "202"]', "[202, null]", '[{"status": 202, "index": 0}, {"status": 202, "index": 0}]'),
        *('[{"status": 202, "index": 5}, 202]', "[202, true]", '{"error": "[202, 202]"}'),
    ],
)
def test_what_is_not_the_gateways_word_for_each_record_is_not_believed(wal, gateway, answer):
    gateway.answers = [answer]
    fill(wal, 2)
    left, time = deliver(wal, gateway)
    assert (left, gateway.taken, len(time.pauses)) == (0, messages(2), 1)


def test_207_of_a_full_batch_is_read_whole(wal, gateway):
    gateway.answers = [lambda batch: [202] * (len(batch) - 1) + [503]]
    fill(wal, 500)
    left, _ = deliver(wal, gateway)
    assert left == 0 and sorted(gateway.taken) == sorted(messages(500)) and len(gateway.requests) == 2


def test_207_may_name_its_records_by_index():
    assert read_multi_status('[{"status": 503, "index": 1}, {"status": 202, "index": 0}]', 2) == [202, 503]


def test_random_failures_lose_nothing(wal, gateway):
    rng = random.Random(7)
    choices = [200, 202, 204, 500, 503, 413, "drop", "lost", "garbage", "{}", (503, {"Retry-After": "1"})]
    choices.append(lambda batch: [rng.choice((202, 503)) for _ in batch])
    gateway.answers = [rng.choice(choices) for _ in range(300)]
    fill(wal, 3000)
    left, _ = deliver(wal, gateway, timeout_s=10_000)
    assert (left, wal.acknowledged) == (0, 3000)
    assert sorted(set(gateway.taken)) == sorted(messages(3000))


def test_the_token_is_read_again(wal, gateway, tmp_path):
    file = tmp_path / "token"
    file.write_text("old\n")
    gateway.answers = [401]
    time = Time()

    def rotate(seconds):
        file.write_text("new\n")
        time.now += seconds

    fill(wal, 1)
    http = HttpPublisher(gateway.url, token_file=file, clock=time, pause=rotate)
    delivery = Delivery(wal, http)
    delivery.send()
    assert delivery.finish(60) == 0
    assert [headers["Authorization"] for _, headers, _ in gateway.requests] == ["Bearer old", "Bearer new"]


def test_a_token_that_is_not_there_yet_is_waited_for(wal, gateway, tmp_path):
    fill(wal, 1)
    left, time = deliver(wal, gateway, timeout_s=3, token_file=tmp_path / "none")
    assert (left, gateway.requests) == (1, [])
    assert time.pauses


def test_tls_with_an_unknown_authority_sends_nothing_and_with_the_right_one_all(wal, gateway, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ],
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("openssl is not here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    gateway._server.socket = context.wrap_socket(gateway._server.socket, server_side=True)
    gateway.url = f"https://localhost:{gateway.port}/"
    fill(wal, 2)
    left, _ = deliver(wal, gateway, timeout_s=1)
    assert (left, gateway.taken) == (2, [])
    left, _ = deliver(wal, gateway, ca_file=str(certificate))
    assert (left, gateway.taken) == (0, messages(2))


@pytest.mark.parametrize("url", ["ftp://gateway/", "gateway:8080", "http://"])
def test_a_url_that_is_none_is_told(url):
    with pytest.raises(HttpError, match="not an http"):
        HttpPublisher(url)
