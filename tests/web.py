"""A web server on loopback with the habits of real ones, good and bad: what downloads meet."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """What somebody asked for, and how much of it was sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int = 0


@dataclass
class Web:
    """What the server holds, how it behaves, and what it was asked; all may change meanwhile."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # bytes of a body after which to hang up
    statuses: list[int] = field(default_factory=list)  # to answer instead, one a request
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None  # a Content-Length that is not true
    delay: float = 0.0  # seconds before an answer
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    def address(self, name: str) -> str:
        """Where a file is."""
        return f"http://127.0.0.1:{self.port}/{name}"

    @property
    def sent(self) -> int:
        """Bytes of bodies sent in all."""
        return sum(request.sent for request in self.requests)

    def changed(self, name: str, content: bytes, etag: str) -> None:
        """Put another file at the same address."""
        self.files[name], self.etag = content, etag


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def web(self) -> Web:
        return self.server.web

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        """Answer as the switches say."""
        ask = Request(self.path, self.headers.get("Range"), self.headers.get("If-Range"))
        self.web.requests.append(ask)
        time.sleep(self.web.delay)
        status = self.web.statuses.pop(0) if self.web.statuses else 200
        content = self.web.files.get(self.path.lstrip("/"))
        if status != 200 or content is None:
            self._head(404 if status == 200 else status, 0, {})
            return
        start = self._start(ask)
        if start >= len(content) and start:
            self._head(416, 0, {"Content-Range": f"bytes */{len(content)}"})
            return
        body, extra = content[start:], {}
        if start:
            extra = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self._head(206 if start else 200, self.web.declared or len(body), extra)
        cut = self.web.cuts.pop(0) if self.web.cuts else len(body)
        ask.sent = len(body[:cut])  # before: who has read all of it may look at once
        try:
            self.wfile.write(body[:cut])
        except ConnectionError:
            ask.sent = 0
        self.close_connection = True

    def _start(self, ask: Request) -> int:
        same = ask.if_range in (self.web.etag, self.web.modified)
        if not (ask.range and self.web.ranges and (same or not self.web.heeds_if_range)):
            return 0
        return int(ask.range.removeprefix("bytes=").rstrip("-"))

    def _head(self, status: int, length: int, extra: dict[str, str]) -> None:
        tags = {"ETag": self.web.etag, "Last-Modified": self.web.modified}
        self.send_response(status)
        for name, value in {
            "Content-Length": str(length),
            **tags,
            **self.web.headers,
            **extra,
        }.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(**switches: object) -> Iterator[Web]:
    """Run a server on a free port of loopback for as long as the block lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.web = Web(**switches, port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.web
        finally:
            server.shutdown()
            thread.join()
