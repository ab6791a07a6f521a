"""Waiting for sockets: whatever is ready is returned, whether it came before, at once or after a while."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from algorithms.eager_selector import EagerSelector


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize("delay", [0, 2e-5, 0.02])
def test_what_arrives_is_returned_however_late_it_comes(
    pair: tuple[socket.socket, socket.socket], delay: float
) -> None:
    near, far = pair
    with EagerSelector() as selector:
        selector.register(near, selectors.EVENT_READ, "client")
        for _ in range(5):  # eager waits in vain lead to waits that are not
            sender = threading.Timer(delay, far.send, [b"x"])
            sender.start()
            ready = selector.select()
            sender.join()
            assert [(key.data, events) for key, events in ready] == [("client", selectors.EVENT_READ)]
            assert near.recv(10) == b"x"


def test_a_wait_ends_after_its_time_with_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    with EagerSelector() as selector:
        selector.register(pair[0], selectors.EVENT_READ)
        assert [selector.select(timeout) for timeout in (0, 0.001, 0.001, 0)] == [[], [], [], []]


def test_an_idle_process_sleeps(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    select = selectors.DefaultSelector.select

    def counted(selector: selectors.DefaultSelector, timeout: float | None = None) -> object:
        asked.append(timeout)
        return select(selector, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", counted)
    with EagerSelector() as selector:
        selector.register(pair[0], selectors.EVENT_READ)
        assert selector.select(0.2) == []
    assert asked[-1] == 0.2
    assert len(asked) < 1000
