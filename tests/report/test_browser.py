"""The page in a real browser: desktop and phone, light and dark, every kind of execution.

Chromium is driven through its DevTools protocol over two pipes, which needs no package: NUL-ended JSON
messages, commands on descriptor 3, answers and events on descriptor 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
NAMES = ("zero-digit", "digits", "iris", "iris-below-the-gate", "iris-broken-off", "hostile")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: `apt-get install chromium`"),
]


class Browser:
    """A headless Chromium with one tab; `events` are what it told since the last page was opened."""

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # Above 9, so that laying one of them on 3 or 4 cannot close the other.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]

        def lay() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=lay,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands, answers, *ends):
            os.close(end)
        self._unread = b""
        self._sent = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer; events on the way are kept."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._sent:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path, size: str, scheme: str) -> None:
        """Show `page` on a screen of `size`, in the colour `scheme`, until it is loaded."""
        width, height = SIZES[size]
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=size == "phone",
        )  # fmt: skip
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not self.told("Page.loadEventFired"):
            self.events.append(self._next())

    def told(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def evaluate(self, expression: str) -> Any:
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self) -> None:
        self._session = None
        self.ask("Browser.close")
        self._process.wait(20)
        os.close(self._commands)
        os.close(self._answers)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            read = os.read(self._answers, 1 << 20)
            assert read, f"chromium ended with exit code {self._process.wait(20)}"
            self._unread += read
        message, self._unread = self._unread.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(message)
        return answer


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    running = Browser(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def pages(executions: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, records in executions.items():
        (folder / f"{name}.html").write_text(records.render(), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in executions}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_page_is_shown_without_errors_or_overflow(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, size: str, scheme: str
) -> None:
    browser.open(pages[name], size, scheme)

    assert browser.evaluate("innerWidth") == SIZES[size][0]
    assert browser.evaluate("document.documentElement.scrollWidth") == SIZES[size][0], (
        "the page scrolls sideways"
    )
    assert browser.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    picture = browser.screenshot()
    assert struct.unpack(">I", picture[16:20])[0] == SIZES[size][0]
    assert browser.evaluate("document.body.scrollHeight") > 500
    (tmp_path / f"{name}-{size}-{scheme}.png").write_bytes(picture)

    errors = [
        *browser.told("Runtime.consoleAPICalled"),
        *browser.told("Runtime.exceptionThrown"),
        *browser.told("Log.entryAdded"),
    ]
    assert errors == []
    asked = [event["request"]["url"] for event in browser.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_words_stay_inside_their_boxes(
    browser: Browser, pages: dict[str, Path], name: str, size: str
) -> None:
    """No text of the graph leaves its node, and nothing but scrollable boxes is wider than the page."""
    browser.open(pages[name], size, "light")
    wide = browser.evaluate(
        """[...document.querySelectorAll('.node text')].filter(text => {
             const box = text.closest('.node').querySelector('.box').getBoundingClientRect();
             const own = text.getBoundingClientRect();
             return own.left < box.left - 1 || own.right > box.right + 1;
           }).map(text => text.textContent)"""
    )
    assert wide == []
    sticking_out = browser.evaluate(
        """[...document.querySelectorAll('body *')].filter(e =>
             !e.closest('.scroll, nav, pre, .unseen, .skip, svg') &&
             e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert sticking_out == []


@pytest.mark.parametrize("name", NAMES)
def test_nodes_of_the_graph_do_not_overlap(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], "phone", "light")
    overlapping = browser.evaluate(
        """(() => {
             const boxes = [...document.querySelectorAll('.node .box')].map(b => b.getBoundingClientRect());
             const meet = (a, b) =>
               a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
             return boxes.filter((a, i) => boxes.slice(i + 1).some(b => meet(a, b))).length;
           })()"""
    )
    assert overlapping == 0


@pytest.mark.parametrize("size", SIZES)
def test_bars_of_all_splits_have_one_scale(browser: Browser, pages: dict[str, Path], size: str) -> None:
    """The same share of train and of test is a bar of the same length."""
    browser.open(pages["zero-digit"], size, "light")
    train, test = browser.evaluate(
        "[...document.querySelector('.bars tbody tr').querySelectorAll('.bar')]"
        ".map(bar => bar.getBoundingClientRect().width)"
    )
    assert train == pytest.approx(test, rel=0.01)
    assert train > 50


def test_attacks_in_names_stay_text(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"], "desktop", "light")
    assert browser.evaluate("document.querySelectorAll('script, [onerror], img:not(.pixels)').length") == 0
    assert browser.told("Page.javascriptDialogOpening") == []
