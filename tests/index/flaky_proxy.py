"""A proxy before an S3 server that loses answers and cuts bodies when it is told to."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["lose answer", "cut body"]


class FlakyProxy:
    """Faults are asked for by the method and a part of the path, and happen to so many requests."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.happened: list[str] = []
        self._faults: list[tuple[Fault, str, str, int]] = []
        self._lock = threading.Lock()

    def ask(self, fault: Fault, method: str, path: str, *, times: int = 1) -> None:
        """Let the next requests of a kind go wrong, after the server has done what they ask for."""
        self._faults.append((fault, method, path, times))

    def next_fault(self, method: str, path: str) -> Fault | None:
        """What is to happen to a request."""
        with self._lock:
            for n, (fault, of_method, part, times) in enumerate(self._faults):
                if method == of_method and part in path and times:
                    self._faults[n] = (fault, of_method, part, times - 1)
                    self.happened.append(f"{fault}: {method} {path.partition('?')[0]}")
                    return fault
        return None


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
            server = http.client.HTTPConnection(proxy.target, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            if body or self.command in ("PUT", "POST"):
                headers["Content-Length"] = str(len(body))
            server.request(self.command, self.path, body, headers)
            answer = server.getresponse()
            data = answer.read()
            fault = proxy.next_fault(self.command, self.path) if answer.status < 300 else None
            self.close_connection = fault is not None
            if fault == "lose answer":
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
