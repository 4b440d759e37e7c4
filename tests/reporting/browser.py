"""A Chromium that a test clicks through, over its debugging protocol."""

import itertools
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClientConnection, websocket_connect


class Page:
    """One open page."""

    def __init__(self, socket: WebSocketClientConnection, loop: IOLoop) -> None:
        self._socket, self._loop, self._numbers = socket, loop, itertools.count(1)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        number = next(self._numbers)

        async def ask() -> dict[str, Any]:
            await self._socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                answer = json.loads(await self._socket.read_message() or "null")
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    return answer["result"]  # type: ignore[no-any-return]

        return self._loop.run_sync(ask, timeout=30)  # type: ignore[no-any-return]

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until the expression is true."""
        deadline = time.monotonic() + 20
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"never true: {script}"
            time.sleep(0.05)

    def press(self, key: str, *, text: str = "") -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "")

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.command("Input.insertText", text=text)


@contextmanager
def open_page(chromium: str, page: Path, folder: Path) -> Iterator[Page]:
    """Open a file; downloads go to ``folder``."""
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"]
    profile = folder / "profile"
    with open(folder / "chromium.log", "wb") as log:
        process = subprocess.Popen(
            [chromium, *words, f"--user-data-dir={profile}", "--window-size=1200,900", page.as_uri()],
            stdout=log,
            stderr=log,
        )
    loop = IOLoop(make_current=False)
    try:
        port = _port(profile / "DevToolsActivePort", process)
        socket = loop.run_sync(lambda: websocket_connect(_address(port), max_message_size=1 << 26), timeout=30)
        opened = Page(socket, loop)
        opened.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        opened.wait_for("location.protocol === 'file:' && document.readyState === 'complete'")
        yield opened
        loop.run_sync(partial(_close, socket))
    finally:
        process.kill()
        process.wait()
        loop.close()


async def _close(socket: WebSocketClientConnection) -> None:
    """Within the loop: what a close sends needs one, and another test may have left this thread without."""
    socket.close()


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text().strip()):
        assert process.poll() is None, "Chromium ended by itself"
        assert time.monotonic() < deadline, "Chromium opens no debugging port"
        time.sleep(0.05)
    return int(file.read_text().splitlines()[0])


def _address(port: int) -> str:
    deadline = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
            pages = [target for target in json.load(answer) if target["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < deadline, "Chromium shows no page"
        time.sleep(0.05)
