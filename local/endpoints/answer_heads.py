"""Answers whose heads were seen before: the same bytes mean the same, and need not be parsed again."""

from __future__ import annotations

from dataclasses import dataclass, field

_END = b"\r\n\r\n"
_LONGEST, _MOST = 1024, 256
"""Bytes of a head that is remembered, and how many are."""

_SPECIAL = frozenset({b"transfer-encoding", b"upgrade"})


@dataclass
class Answer:
    """What a container answered: status, headers by lower-case name, body."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class AnswerHeads:
    """What the heads of plain answers were parsed to: whole ones, after which the connection goes on."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Answer, int]] = {}

    def find(self, data: bytes) -> Answer | None:
        """Return the answer that `data` is, if it is one, whole, with a head that is known."""
        size = data.find(_END) + len(_END)
        known = self._known.get(data[:size])
        if known is None or len(data) - size != known[1]:
            return None
        return Answer(known[0].status, known[0].headers, data[size:])

    def learn(self, data: bytes, answer: Answer) -> None:
        """Remember the head of `data`, which was parsed to this answer; the connection goes on after it."""
        size, length = data.find(_END) + len(_END), len(answer.body)
        announced = answer.headers.get(b"content-length", b"")
        if size > _LONGEST or not announced.isdigit() or not int(announced) == length == len(data) - size:
            return
        if not _SPECIAL.isdisjoint(answer.headers):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[data[:size]] = Answer(answer.status, answer.headers), length
