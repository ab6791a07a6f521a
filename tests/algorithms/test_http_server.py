"""The server around a model, at the level of HTTP: a child process with a handler that says what it got."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

SERVER = """
import socket, sys, time
from algorithms.http_messages import Limits, Response
from algorithms.http_server import run

def answer(request):
    if request.body.startswith(b"sleep"):
        time.sleep(float(request.body[5:10]))
    if request.body.startswith(b"large"):
        return Response(200, b"text/plain", b"z" * int(request.body[5:]))
    told = f"{request.method} {request.path} {len(request.body)} {request.body[:5].decode()}"
    return Response(200, b"text/plain", told.encode())

run(answer, Limits(2_000_000, 1.0), "127.0.0.1", int(sys.argv[1]))
"""


class Served:
    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(self.port)])
        for _ in range(500):
            try:
                self.connect().close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("the server did not start")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@pytest.fixture
def served() -> Iterator[Served]:
    started = Served()
    yield started
    started.process.kill()
    started.process.wait()


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def read(connection: socket.socket) -> tuple[int, http.client.HTTPMessage, bytes]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers, answer.read()


def test_requests_sent_without_waiting_are_answered_in_order(served: Served) -> None:
    slow = b"sleep 0.3 " + b"x" * 1_100_000  # large: worked on in a thread, while the next has arrived
    with served.connect() as connection:
        connection.sendall(post("/a", slow) + post("/b?x=1", b"2") + post("/c", b"3"))
        stream = connection.makefile("rb")
        lines = _answers(stream, 3)
    assert lines == [f"POST /a {len(slow)} sleep", "POST /b 1 2", "POST /c 1 3"]


def test_all_answers_are_written_before_the_connection_is_closed(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(post("/a", b"1") + post("/b", b"2", "Connection: close") + post("/c", b"3"))
        stream = connection.makefile("rb")
        assert _answers(stream, 2) == ["POST /a 1 1", "POST /b 1 2"]
        assert stream.read() == b""


def _answers(stream: object, count: int) -> list[str]:
    found = []
    for _ in range(count):
        length = 0
        while line := stream.readline().strip():  # type: ignore[attr-defined]
            name, _, value = line.partition(b": ")
            if name == b"content-length":
                length = int(value)
        found.append(stream.read(length).decode())  # type: ignore[attr-defined]
    return found


def test_others_are_answered_while_a_large_request_is_worked_on(served: Served) -> None:
    with served.connect() as slow, served.connect() as other:
        slow.sendall(post("/slow", b"sleep 1.0 " + b"x" * 1_100_000))
        other.sendall(post("/ping", b""))
        assert read(other)[2] == b"POST /ping 0 "
        slow.settimeout(0.01)
        with pytest.raises(TimeoutError):
            slow.recv(1)


def test_a_body_is_asked_for_where_the_client_waits_to_be_asked(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert read(connection)[2] == b"POST / 3 abc"


def test_too_large_a_body_is_refused_and_the_connection_goes_on(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(post("/", b"x" * 3_000_000))
        status, _, body = read(connection)
        assert status == 413
        assert "3000000 bytes or more, but at most 2000000" in json.loads(body)["error"]
        connection.sendall(post("/", b"next"))
        assert read(connection)[2] == b"POST / 4 next"


def test_too_large_a_body_is_refused_before_it_is_sent(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n")
        connection.settimeout(0.8)  # less than a body may take
        status, headers, body = read(connection)
        assert (status, headers["connection"]) == (413, "close")
        assert "3000000 bytes or more, but at most 2000000" in json.loads(body)["error"]
        assert connection.recv(1) == b""


@pytest.mark.slow
def test_a_body_is_not_late_while_it_is_not_read(served: Served) -> None:
    slow = b"sleep 1.3 " + b"x" * 1_100_000  # worked on for longer than a body may take
    with served.connect() as connection:
        connection.sendall(post("/slow", slow) + post("/next", b"y" * 900_000))
        lines = _answers(connection.makefile("rb"), 2)
    assert lines == [f"POST /slow {len(slow)} sleep", "POST /next 900000 yyyyy"]


@pytest.mark.slow
def test_the_rest_of_a_body_has_its_time_once_it_is_read_again(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(post("/slow", b"sleep 0.2 " + b"x" * 1_100_000) + post("/next", b"1234")[:-1])
        stream = connection.makefile("rb")
        assert _answers(stream, 1) == ["POST /slow 1100010 sleep"]
        assert stream.readline() == b"HTTP/1.1 408 Request Timeout\r\n"


@pytest.mark.slow
def test_a_body_is_not_late_while_the_client_leaves_answers_unread(served: Served) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", served.port))
        sent = post("/", b"large 9000000") + post("/next", b"y" * 900_000)
        sender = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
        sender.start()
        time.sleep(1.3)  # longer than a body may take
        first, second = _answers(connection.makefile("rb"), 2)
        sender.join(10)
    assert (len(first), second) == (9_000_000, "POST /next 900000 yyyyy")


def test_the_answer_to_head_has_no_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"HEAD /ping HTTP/1.1\r\n\r\n" + b"HEAD / HTTP/1.1\r\nA: " + b"x" * 70_000)
        connection.sendall(b"\r\n\r\n" + post("/", b"next"))
        stream = connection.makefile("rb")
        for status, length in ((200, len("HEAD /ping 0 ")), (431, None)):
            assert int(stream.readline().split()[1]) == status
            told = http.client.parse_headers(stream)["content-length"]
            assert length is None or int(told) == length
        assert _answers(stream, 1) == ["POST / 4 next"]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (b"GET /ping HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200, b"GET /ping 0 "),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 200, b"CONNECT a:1 0 "),
        (post("/a", b"12", "Connection: upgrade", "Upgrade: h2c"), 400, b"a body is not read after Upgrade"),
    ],
)
def test_who_would_leave_http_gets_one_answer_and_the_end(
    served: Served, sent: bytes, status: int, said: bytes
) -> None:
    with served.connect() as connection:
        connection.sendall(sent)
        found, headers, body = read(connection)
        assert (found, headers["connection"]) == (status, "close")
        assert said in body
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"not http at all\r\n\r\n", 400, "this is not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", 431, "the headers have"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1,", 408, "did not arrive in 1 seconds"),
    ],
)
@pytest.mark.slow
def test_what_is_no_request_is_refused_with_the_reason(
    served: Served, sent: bytes, status: int, reason: str
) -> None:
    with served.connect() as connection:
        connection.sendall(sent)
        found, _, body = read(connection)
    assert found == status
    assert reason in json.loads(body)["error"]
    with served.connect() as connection:
        connection.sendall(post("/", b"next"))
        assert read(connection)[0] == 200


def test_an_http_1_0_client_gets_its_answer_and_the_end(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
        status, headers, body = read(connection)
        assert (status, body) == (200, b"GET /ping 0 ")
        assert headers["connection"] == "close"
        assert connection.recv(1) == b""


def test_sigterm_lets_the_request_under_way_be_answered(served: Served) -> None:
    with served.connect() as connection, served.connect() as idle:
        connection.sendall(post("/", b"sleep 0.5 " + b"x" * 1_100_000))
        time.sleep(0.2)
        served.process.send_signal(signal.SIGTERM)
        status, headers, _ = read(connection)
        assert (status, headers["connection"]) == (200, "close")
        assert idle.recv(1) == b""
    assert served.process.wait(timeout=10) == 0


def test_heads_that_come_again_are_answered_as_the_first_was(served: Served) -> None:
    """The second and later ones are not parsed: every way in which they arrive gives the same answers."""
    for _ in range(2):
        with served.connect() as connection:
            stream = connection.makefile("rb")
            for body in (b"1", b"2", b"3"):
                connection.sendall(post("/a?x=1", body))
                assert _answers(stream, 1) == [f"POST /a 1 {body.decode()}"]
            connection.sendall(post("/a?x=1", b"4") + post("/a?x=1", b"5"))
            assert _answers(stream, 2) == ["POST /a 1 4", "POST /a 1 5"]
            whole = post("/a?x=1", b"6")
            for cut in (3, len(whole) - 1):
                connection.sendall(whole[:cut])
                time.sleep(0.05)
                connection.sendall(whole[cut:])
                assert _answers(stream, 1) == ["POST /a 1 6"]
            connection.sendall(post("/a?x=1", b"7"))
            assert _answers(stream, 1) == ["POST /a 1 7"]
            connection.sendall(post("/a?x=1", b"8", "Connection: close"))
            assert _answers(stream, 1) == ["POST /a 1 8"]
            assert not stream.read()
