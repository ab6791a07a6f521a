"""Invocations over kept connections, at the level of HTTP: the plain ones, and what is among them."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.api import gateway
from local.api.invocation_head import read_head
from local.endpoints.attentive_selector import AttentiveSelector

PLAIN = "/endpoints/gate/invocations"


@pytest.fixture(scope="module")
def gate(yard: Any) -> Any:
    """An endpoint `gate`, which answers `gate:` and the body."""
    yard.serve("gate", variant_of(yard.model("gate")))
    return yard


def variant_of(model: str) -> dict[str, Any]:
    return {"VariantName": "A", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.fixture
def client(gate: Any) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=30) as connection:
        yield connection


def request(body: bytes, *headers: str, path: str = PLAIN, method: str = "POST") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    head = f"POST {PLAIN} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


class Stream:
    """A connection from which answers are read one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def answer(self) -> tuple[int, http.client.HTTPMessage, bytes]:
        status = int(self._file.readline().split()[1])
        headers = http.client.parse_headers(self._file)
        return status, headers, self._file.read(int(headers["content-length"]))

    def rest(self) -> bytes:
        return self._file.read()


def bodies(stream: Stream, count: int) -> list[bytes]:
    found = [stream.answer() for _ in range(count)]
    assert [status for status, _, _ in found] == [200] * count, found
    return [body for _, _, body in found]


def test_requests_sent_without_waiting_are_answered_in_order(client: socket.socket) -> None:
    client.sendall(b"".join(request(b"%d" % number) for number in range(200)))
    assert bodies(Stream(client), 200) == [b"gate:%d" % number for number in range(200)]


def test_a_request_among_plain_ones_may_be_any_other(client: socket.socket) -> None:
    client.sendall(request(b"1") + chunked(b"2") + request(b"3"))
    stream = Stream(client)
    assert bodies(stream, 3) == [b"gate:1", b"gate:2", b"gate:3"]
    client.sendall(request(b"", path="/endpoints/gate/nothing"))
    assert stream.answer()[0] == 404
    client.sendall(request(b"4"))
    assert bodies(stream, 1) == [b"gate:4"]


@pytest.mark.parametrize("piece", [1, 50, 100_000])
def test_requests_may_come_in_pieces(client: socket.socket, piece: int) -> None:
    body = b"x" * (300 if piece < 100_000 else 3_000_000)
    sent = request(b"1") + request(body) + request(b"2")
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(sent), piece):
        client.sendall(sent[start : start + piece])
    assert bodies(Stream(client), 3) == [b"gate:1", b"gate:" + body, b"gate:2"]


def test_a_client_that_reads_late_gets_all_answers(client: socket.socket) -> None:
    body = b"x" * 500_000
    sender = threading.Thread(target=client.sendall, args=(request(body) * 40,), daemon=True)
    sender.start()
    assert bodies(Stream(client), 40) == [b"gate:" + body] * 40
    sender.join(10)


@pytest.mark.slow
def test_nothing_is_lost_when_a_client_blocks_while_its_next_body_arrives(
    gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where others are served in each turn of the event loop: answers are written at its end, when the next
    # request has begun.
    monkeypatch.setattr(
        AttentiveSelector, "found", property(lambda _: 2, lambda _, found: None), raising=False
    )
    first, second = b"x" * 6_000_000, b"y" * 400_000
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", gate.port))
        begun, rest = (sent := request(second))[:150_000], sent[150_000:]
        client.sendall(request(first) + begun)
        time.sleep(0.5)  # the first answer waits for its reader
        client.sendall(rest)
        time.sleep(0.1)
        client.sendall(request(b"3"))
        time.sleep(1.2)  # longer than a body may take
        assert bodies(Stream(client), 3) == [b"gate:" + first, b"gate:" + second, b"gate:3"]


def test_many_at_once_get_each_their_own(gate: Any) -> None:
    clients = [socket.create_connection(("127.0.0.1", gate.port), timeout=30) for _ in range(50)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.sendall(request(b"%d of %d" % (number, turn)))
        for number, client in enumerate(clients):
            assert bodies(Stream(client), 1) == [b"gate:%d of %d" % (number, turn)]
    for client in clients:
        client.close()


def test_what_is_answered_together_is_answered_in_order(gate: Any) -> None:
    clients = [socket.create_connection(("127.0.0.1", gate.port), timeout=30) for _ in range(60)]
    for client in clients:
        client.sendall(request(b"sleep 0.1") + b"no request\r\n\r\n")
    for client in clients:
        stream = Stream(client)
        assert bodies(stream, 1) == [b"gate:sleep 0.1"]
        assert stream.answer()[0] == 400
        client.close()


def test_a_client_that_goes_while_it_is_answered_hurts_nobody(gate: Any, client: socket.socket) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", gate.port)) as gone:
            gone.sendall(request(b"sleep 0.1"))
    client.sendall(request(b"1"))
    assert bodies(Stream(client), 1) == [b"gate:1"]


def test_an_answer_that_cannot_be_written_ends_its_client_only(
    gate: Any, client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(client)
    client.sendall(request(b"port"))
    kept = bodies(stream, 1)
    with socket.create_connection(("127.0.0.1", gate.port), timeout=30) as other:
        monkeypatch.delitem(gateway._STATUS_LINES, 200)
        other.sendall(request(b"1"))
        assert other.recv(1) == b""
        monkeypatch.undo()
    client.sendall(request(b"port"))
    assert bodies(stream, 1) == kept  # the container's connection lives


def test_an_error_leaves_the_connection_to_the_next(client: socket.socket) -> None:
    stream = Stream(client)
    client.sendall(request(b"refuse") + request(b"1"))
    status, headers, body = stream.answer()
    assert (status, headers["x-amzn-errortype"]) == (424, "ModelError")
    assert json.loads(body)["OriginalMessage"] == "row 1 is wrong"
    assert headers["x-amzn-requestid"]
    assert bodies(stream, 1) == [b"gate:1"]


@pytest.mark.parametrize(
    ("header", "status"),
    [("Connection: close", 200), ("Origin: http://evil.example", 403), ("Expect: nothing", 200)],
)
def test_what_headers_ask_for_is_done(client: socket.socket, header: str, status: int) -> None:
    client.sendall(request(b"0") + request(b"1", header))
    stream = Stream(client)
    assert bodies(stream, 1) == [b"gate:0"]
    found, headers, _ = stream.answer()
    assert found == status
    if header == "Connection: close":
        assert headers["connection"] == "close"
        assert stream.rest() == b""


def test_another_host_is_refused(client: socket.socket) -> None:
    client.sendall(request(b"1").replace(b"Host: localhost", b"Host: evil.example"))
    assert Stream(client).answer()[0] == 403


@pytest.mark.parametrize("host", ["[", "[::1:80", "[zz]:80"])
@pytest.mark.parametrize("path", [PLAIN, PLAIN + "?"])
def test_a_host_that_is_none_is_refused(client: socket.socket, path: str, host: str) -> None:
    wrong = request(b"1", path=path).replace(b"Host: localhost", f"Host: {host}".encode())
    client.sendall(request(b"sleep 0.05") + wrong)
    stream = Stream(client)
    assert bodies(stream, 1) == [b"gate:sleep 0.05"]
    status, _, body = stream.answer()
    assert status == 403
    assert f"only programs on this machine are answered, not {host!r}" in json.loads(body)["message"]


@pytest.mark.parametrize(
    "head",
    [
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x1\r\n\r\n",
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length : 1\r\n\r\n",
        b"POST %b HTTP/1.1\r\nno header\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(client: socket.socket, head: bytes) -> None:
    client.sendall(request(b"0") + head % PLAIN.encode() + b"12")
    stream = Stream(client)
    assert bodies(stream, 1) == [b"gate:0"]
    assert stream.answer()[0] == 400


@pytest.mark.slow
def test_a_body_that_does_not_come_is_told_and_ends_the_connection(client: socket.socket) -> None:
    client.sendall(request(b"0") + request(b"1234")[:-2])
    stream = Stream(client)
    assert bodies(stream, 1) == [b"gate:0"]
    status, headers, body = stream.answer()
    assert (status, headers["connection"]) == (408, "close")
    assert "the body did not arrive within 1 seconds" in json.loads(body)["Message"]
    assert stream.rest() == b""


def test_an_endpoint_that_went_while_the_body_arrived_is_not_found(gate: Any, client: socket.socket) -> None:
    gate.serve("gone", variant_of(gate.model("gone")))
    sent = request(b"1234", path="/endpoints/gone/invocations")
    client.sendall(sent[:-1])
    time.sleep(0.1)
    endpoint = gate.service.endpoints.find("gone")
    gate.sagemaker.delete_endpoint(EndpointName="gone")
    endpoint.join()
    client.sendall(sent[-1:])
    status, _, body = Stream(client).answer()
    assert status == 400
    assert json.loads(body)["Message"] == "Endpoint gone of account 000000000000 not found."


@pytest.mark.slow
def test_who_is_not_answered_when_the_service_ends_is_told(
    open_yard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = open_yard()
    yard.serve("gate", variant_of(yard.model("gate")))
    (fleet,) = yard.service.endpoints.find("gate").router.fleets
    monkeypatch.setattr(yard.api._server.config, "timeout_graceful_shutdown", 0.2)
    address = ("127.0.0.1", yard.port)
    with (
        socket.create_connection(address, timeout=30) as gone,
        socket.create_connection(address, timeout=30) as waiting,
        socket.create_connection(address, timeout=30) as client,
    ):
        client.sendall(request(b"1"))
        stream = Stream(client)
        assert bodies(stream, 1) == [b"gate:1"]
        for each in (client, waiting, gone):
            each.sendall(request(b"sleep 20"))
        time.sleep(0.3)
        gone.close()
        yard.close()
        for told in (stream, Stream(waiting)):
            status, headers, body = told.answer()
            assert (status, headers["connection"]) == (503, "close")
            assert "the service ended before the model had answered" in json.loads(body)["Message"]
            assert told.rest() == b""
    assert fleet.under_way == 0  # of the client that had gone, too


@pytest.mark.slow
def test_the_service_ends_when_what_is_under_way_is_answered(open_yard: Any) -> None:
    yard = open_yard()
    yard.serve("gate", variant_of(yard.model("gate")))
    address = ("127.0.0.1", yard.port)
    with (
        socket.create_connection(address, timeout=30) as idle,
        socket.create_connection(address, timeout=30) as client,
    ):
        idle.sendall(request(b"1"))
        assert bodies(Stream(idle), 1) == [b"gate:1"]
        client.sendall(request(b"sleep 1"))
        closing = threading.Timer(0.3, yard.close)
        closing.start()
        status, headers, body = Stream(client).answer()
        assert (status, headers["connection"], body) == (200, "close", b"gate:sleep 1")
        assert Stream(idle).rest() == b""
        closing.join(30)


@pytest.mark.slow
def test_a_connection_that_is_idle_for_long_is_closed(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate.api._server.config, "timeout_keep_alive", 0.5)
    with socket.create_connection(("127.0.0.1", gate.port), timeout=30) as client:
        stream = Stream(client)
        for body in (b"1", b"sleep 0.8", b"2"):  # one that is waited for is not idle
            client.sendall(request(body))
            assert bodies(stream, 1) == [b"gate:" + body]
        assert stream.rest() == b""


PIECES = [
    b"POST /endpoints/gate/invocations HTTP/1.1\r\n",
    b"POST /endpoints/gate/invocations HTTP/1.0\r\n",
    b"POST /endpoints/gate/async-invocations HTTP/1.1\r\n",
    b"POST /endpoints/g%61te/invocations?x HTTP/1.1\r\n",
    b"Host: localhost\r\n",
    b"Host: evil.example\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -5\r\n",
    b"content-length:7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Authorization: AWS4-HMAC-SHA256 Credential=a/1/us-east-1/s3/aws4_request\r\n",
    b"X-Amzn-SageMaker-Target-Model: x\r\n",
    b"Accept: */*\r\n",
    b" folded\r\n",
    b"\n",
    b"\r\n",
    b"12345",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join) | st.binary(max_size=50))
@example(PIECES[0] + PIECES[4] + PIECES[6] + b"\r\n12345")
def test_only_what_is_plain_in_every_respect_is_taken_for_plain(data: bytes) -> None:
    head = read_head(data)
    if head is not None:
        lines = data[: head.size].split(b"\r\n")
        assert lines[0] == PIECES[0].strip()
        assert lines[-2:] == [b"", b""]
        assert head.endpoint == "gate"
        names = [line.partition(b":")[0].lower() for line in lines[1:-2]]
        assert set(names) <= {b"host", b"content-length", b"accept", b" folded"}
        assert names.count(b"content-length") == 1
        assert head.length in (5, 7)
        assert [line for line in lines if line.startswith(b"Host")][-1] == b"Host: localhost"
