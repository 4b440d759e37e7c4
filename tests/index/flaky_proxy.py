"""A proxy before an S3 server that loses and delays answers, cuts bodies and has errors when it is told to."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["lose answer", "cut body", "stall", "hang", "500", "503"]

_ERRORS = ("500", "503")
_PAUSES = {"stall": 1.5, "hang": 20.0}  # seconds before an answer; after a hang none comes


class FlakyProxy:
    """Faults are asked for by the method and a part of the path, and happen to so many requests."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.happened: list[str] = []
        self._faults: list[_Asked] = []
        self._lock = threading.Lock()

    def ask(self, fault: Fault, method: str, path: str, *, times: int = 1, skip: int = 0) -> None:
        """Let requests of a kind go wrong, the next ones or those after ``skip`` more.

        An error comes instead of doing what is asked for, everything else after it has been done.
        """
        self._faults.append(_Asked(fault, method, path, times, skip))

    def next_fault(self, method: str, path: str, *, answered: bool) -> Fault | None:
        """What is to happen to a request that has been ``answered``, or that comes now."""
        with self._lock:
            for asked in self._faults:
                if method != asked.method or asked.path not in path or not asked.times:
                    continue
                if answered == (asked.fault in _ERRORS):
                    continue
                if asked.skip:
                    asked.skip -= 1
                    continue
                asked.times -= 1
                self.happened.append(f"{asked.fault}: {method} {path.partition('?')[0]}")
                return asked.fault
        return None


@dataclass
class _Asked:
    fault: Fault
    method: str
    path: str
    times: int
    skip: int


@contextmanager
def flaky_proxy(target: str) -> Iterator[tuple[FlakyProxy, str]]:
    """The proxy and its address, on loopback."""
    proxy = FlakyProxy(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(proxy: FlakyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

        def _pass_on(self) -> None:
            body = self._body()
            if fault := proxy.next_fault(self.command, self.path, answered=False):
                self.close_connection = True
                self.wfile.write(f"HTTP/1.1 {fault} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                return
            server = http.client.HTTPConnection(proxy.target, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            if body or self.command in ("PUT", "POST"):
                headers["Content-Length"] = str(len(body))
            server.request(self.command, self.path, body, headers)
            answer = server.getresponse()
            data = answer.read()
            fault = proxy.next_fault(self.command, self.path, answered=True) if answer.status < 300 else None
            time.sleep(_PAUSES.get(fault or "", 0.0))
            self.close_connection = fault is not None
            if fault in ("lose answer", "hang"):
                return
            self.wfile.write(f"HTTP/1.1 {answer.status} {answer.reason}\r\n".encode())
            length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.wfile.write(f"{name}: {value}\r\n".encode())
            self.wfile.write(f"Content-Length: {length}\r\n\r\n".encode())
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if fault == "cut body" else data)

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

    return Handler
