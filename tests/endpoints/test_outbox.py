"""The outbox of an event loop."""

from __future__ import annotations

import gc
import weakref

from local.endpoints.outbox import new_event_loop, outbox


def test_an_outbox_keeps_no_loop_that_has_ended() -> None:
    loop = new_event_loop()
    assert outbox(loop) is outbox(loop)
    ended = weakref.ref(loop)
    loop.close()
    del loop
    gc.collect()
    assert ended() is None
