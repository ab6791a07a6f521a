"""The router's selector returns whatever is ready; it asks often only where it was told to attend."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from local.endpoints.attentive_selector import AttentiveSelector


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize("attend", [False, True])
@pytest.mark.parametrize("delay", [0, 2e-5, 0.01])
def test_what_arrives_is_returned_however_late_it_comes(
    pair: tuple[socket.socket, socket.socket], delay: float, attend: bool
) -> None:
    near, far = pair
    with AttentiveSelector() as selector:
        selector.register(near, selectors.EVENT_READ, "container")
        for _ in range(5):
            if attend:
                selector.attend()
            sender = threading.Timer(delay, far.send, [b"x"])
            sender.start()
            ready = selector.select()
            sender.join()
            assert [(key.data, events) for key, events in ready] == [("container", selectors.EVENT_READ)]
            assert selector.found == 1
            assert near.recv(10) == b"x"


def test_it_asks_once_where_nothing_is_expected(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []
    select = selectors.DefaultSelector.select

    def counted(selector: selectors.DefaultSelector, timeout: float | None = None) -> object:
        asked.append(timeout)
        return select(selector, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", counted)
    with AttentiveSelector() as selector:
        selector.register(pair[0], selectors.EVENT_READ)
        assert selector.select(0.01) == []
        assert asked == [0.01]
        for _ in range(200):  # in vain: soon it is hardly ever tried
            selector.attend()
            assert selector.select(0.0001) == []
        before = len(asked)
        for _ in range(60):
            selector.attend()
            selector.select(0.0001)
        assert len(asked) - before < 60 + 200
        assert selector.found == 0
