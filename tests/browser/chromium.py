"""A headless Chromium, driven over its DevTools protocol."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.e2e.running import eventually

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESKTOP = (360, 740), (1280, 800)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0"),
)
_SECONDS = 120.0


def program() -> str | None:
    """Where a Chromium is, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Tab:
    """One page, with scripts turned off: what a person sees and does."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._loaded = 0
        self.requested: list[str] = []
        """Every address that was asked for."""
        self.complaints: list[str] = []
        """What the browser wrote to its console, refusals of the policy among it."""
        for domain in ("Page", "Network", "Log", "Runtime", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command."""
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return dict(message["result"])
            self._noted(message)

    def sized(self, size: tuple[int, int], *, dark: bool = False) -> Self:
        """Like the screen of a phone, or a larger one."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        return self

    def speaking(self, language: str) -> Self:
        """As a person with this language."""
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        return self

    def open(self, url: str) -> Self:
        """Follow a link."""
        before = self._loaded
        self.call("Page.navigate", url=url)
        self._await_load(before)
        return self

    def click(self, selector: str = "button", *, leads_on: bool = True) -> Self:
        """Click in the middle of the first such element."""
        before = self._loaded
        node = self._node(selector)
        self.call("DOM.scrollIntoViewIfNeeded", nodeId=node)
        corners = self.call("DOM.getBoxModel", nodeId=node)["model"]["border"]
        x, y = (corners[0] + corners[4]) / 2, (corners[1] + corners[5]) / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        if leads_on:
            self._await_load(before)
        return self

    def type(self, selector: str, text: str) -> Self:
        """Type into an input."""
        self.click(selector, leads_on=False)
        self.call("Input.insertText", text=text)
        return self

    def text(self, selector: str = "main") -> str:
        """What the first such element says."""
        return str(self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def value(self, expression: str) -> Any:
        """What an expression is; evaluated by the tester, not by the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def width(self) -> float:
        """How wide the content is: more than the screen means scrolling sideways."""
        return float(self.call("Page.getLayoutMetrics")["cssContentSize"]["width"])

    def screenshot(self, file: Path) -> None:
        """Take a picture."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _node(self, selector: str) -> int:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = int(self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])
        assert node, f"there is no {selector}"
        return node

    def _await_load(self, before: int) -> None:
        while self._loaded == before:
            self._noted(json.loads(self._connection.recv(timeout=_SECONDS)))

    def _noted(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Network.requestWillBeSent":
                self.requested.append(event["params"]["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(event["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(event["params"]["args"]))


class Browser:
    """A running Chromium with an empty profile."""

    def __init__(self, executable: str, profile: Path) -> None:
        self._profile = profile
        self._process = subprocess.Popen(
            [executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._port = eventually(self._found_port, seconds=60)

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A new tab."""
        url = f"http://127.0.0.1:{self._port}/json/new?about:blank"
        made = httpx.put(url, trust_env=False, timeout=_SECONDS).json()
        with connect(made["webSocketDebuggerUrl"], proxy=None, max_size=None) as connection:
            yield Tab(connection)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _found_port(self) -> int | None:
        assert self._process.poll() is None, "Chromium does not start"
        file = self._profile / "DevToolsActivePort"
        lines = file.read_text().splitlines() if file.exists() else []
        return int(lines[0]) if len(lines) > 1 else None


@contextmanager
def browsing(executable: str) -> Iterator[Browser]:
    """A browser that ends with the block, and its profile with it."""
    profile = Path(tempfile.mkdtemp(prefix="fm-browser-"))
    browser = Browser(executable, profile)
    try:
        yield browser
    finally:
        browser.close()
        shutil.rmtree(profile, ignore_errors=True)
