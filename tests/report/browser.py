"""A headless Chromium driven through its own debugging port: open a page, ask it, click, photograph, print."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import urlopen

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--hide-scrollbars"),
    *("--enable-unsafe-swiftshader", "--disable-background-networking", "--no-first-run", "--mute-audio"),
    *("--remote-debugging-port=0", "--remote-allow-origins=*"),
)


def browser() -> str | None:
    """Return the browser of this machine; None where there is none, or no package to speak with it."""
    try:
        import websocket  # noqa: F401
    except ImportError:
        return None
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


class Chromium:
    """A browser of one page, with everything that it complained about."""

    def __init__(self, *flags: str, width: int = 1200, height: int = 900) -> None:
        self._flags, self._size = flags, (width, height)
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> Chromium:
        import websocket

        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        width, height = self._size
        self._process = subprocess.Popen(
            [browser() or "chromium", *FLAGS, *self._flags, f"--user-data-dir={self._profile.name}",
             f"--window-size={width},{height}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = Path(self._profile.name) / "DevToolsActivePort"
        self._wait(lambda: port.exists() and port.read_text().count("\n") >= 1, 60)
        where = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json"
        with urlopen(where) as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        self._socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=120)
        self._number = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)
        self._profile.cleanup()

    @staticmethod
    def _wait(ready: Any, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                msg = f"The browser was not ready within {seconds} s."
                raise TimeoutError(msg)
            time.sleep(0.05)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer; what the page logs meanwhile is kept."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(str(message["error"]))
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        found = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(found["exceptionDetails"])[:600])
        elif message.get("method") == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.complaints.append(f"{found['entry']['text']} {found['entry'].get('url', '')}"[:600])
        elif message.get("method") == "Runtime.consoleAPICalled" and found["type"] == "error":
            self.complaints.append(json.dumps(found["args"])[:600])
        elif message.get("method") == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"][:200])

    def open(self, page: Path, seconds: float = 60) -> None:
        """Open a file and wait until it is read."""
        self.ask("Page.navigate", url=page.resolve().as_uri())
        self._wait(
            lambda: self("document.readyState") == "complete" and self("location.href") != "about:blank",
            seconds,
        )

    def __call__(self, expression: str) -> Any:
        """Return the value of an expression in the page (a promise is awaited)."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 90) -> None:
        """Wait until an expression is true."""
        self._wait(lambda: bool(self(expression)), seconds)

    def picture(self, target: Path, *, whole: bool = True) -> Path:
        """Photograph the page."""
        more: dict[str, Any] = {}
        if whole:
            size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        target.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", **more)["data"]))
        return target

    def paper(self) -> bytes:
        """Print the page as its own style sheet asks, as PDF."""
        found = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(found["data"])
