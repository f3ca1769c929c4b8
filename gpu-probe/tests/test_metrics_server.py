"""The metrics server is this machine's alone unless it is set, and slow callers cost it nothing."""

import socket
import threading
import urllib.request

import pytest
from conftest import Recorder

from gpu_probe.exporter import Metrics, MetricsServer
from gpu_probe.exporter.server import CONNECTIONS_MAX


@pytest.fixture
def make_server():
    servers = []

    def make(**options):
        servers.append(MetricsServer(Metrics(Recorder()), 0, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def connect(server, text=b""):
    connection = socket.create_connection(("127.0.0.1", server.port), 5)
    connection.sendall(text)
    return connection


def scrape(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
        return answer.status


def handlers():
    running = [thread for thread in threading.enumerate() if thread.is_alive()]
    return [thread for thread in running if "process_request_thread" in thread.name]


def test_it_listens_on_loopback_unless_a_host_is_set(make_server):
    assert make_server()._server.server_address[0] == "127.0.0.1"
    assert make_server(host="0.0.0.0")._server.server_address[0] == "0.0.0.0"


def test_a_half_request_is_cut_after_its_time(make_server):
    server = make_server(connection_s=0.2)
    half = connect(server, b"GET /metrics HTTP/1.1\r\nHost")
    assert half.recv(1) == b"", "the server has hung up"
    for thread in handlers():
        thread.join(5)
    assert handlers() == []


def test_bytes_that_drip_in_do_not_buy_time(make_server):
    server = make_server(connection_s=0.3)
    dripping, stop = connect(server, b"GET /met"), threading.Event()

    def drip():
        while not stop.wait(0.02):
            try:
                dripping.sendall(b"r")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert dripping.recv(1) == b""
    except ConnectionResetError:
        pass
    finally:
        stop.set()
        thread.join()


def test_hundreds_of_half_requests_hold_few_threads_and_a_scrape_gets_through(make_server):
    server = make_server()
    held = [connect(server, b"GET /") for _ in range(10 * CONNECTIONS_MAX)]
    for _ in range(5):
        assert scrape(server) == 200
        assert len(handlers()) <= CONNECTIONS_MAX
    for connection in held:
        connection.close()


def test_many_scrapes_one_after_the_other_leave_no_thread(make_server):
    server = make_server()
    for _ in range(3 * CONNECTIONS_MAX):
        assert scrape(server) == 200
