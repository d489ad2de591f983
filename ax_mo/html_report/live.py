"""The page of a study, made anew as the study goes on, and served to the browsers of this machine."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from ax_mo.errors import AxMoError
from ax_mo.html_report import REPORT
from ax_mo.html_report.page import AT_THE_END, report_html
from ax_mo.html_report.update import COMING
from ax_mo.storage.snapshot import StudySnapshot

# Seconds between two pages, at least, and as a share of the time that is spent with them; curves of running trials make
# a page old after the third.
_EVERY, _SHARE, _OLD = 2.0, 0.2, 20.0

# What a browser on this machine calls it. Other names may be a way of other sites to read the page.
_NAMES = ("127.0.0.1", "localhost", "::1")


class LivePage:
    """The page as it was made last. ``read`` gives the study as it is."""

    def __init__(self, read: Callable[[], StudySnapshot], directory: Path) -> None:
        self._read = read
        self._path = directory / REPORT
        self._record: StudySnapshot | None = None
        self._made_at = float("-inf")
        self._is_fitted = False
        self.text = ""
        self.version = 0

    def refresh(self) -> None:
        """Make the page anew where there is something new; with the model's parts once no sweep runs any more.

        Raises AxMoError where the study cannot be read, and leaves the page as it is.
        """
        record = self._read()
        is_old = record.is_running and time.monotonic() - self._made_at > _OLD
        if record != self._record or is_old:
            self._record, self._is_fitted, self._made_at = record, False, time.monotonic()
            self._show(report_html(record, self._path, False, AT_THE_END if record.is_running else COMING))
        elif not record.is_running and not self._is_fitted:
            self._is_fitted = True
            self._show(report_html(record, self._path))

    def _show(self, text: str) -> None:
        self.text = text
        self.version += 1


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that has gone away is nothing to tell."""


def serve_page(read: Callable[[], StudySnapshot], directory: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve the study's page on 127.0.0.1 until Ctrl-C; ``ready`` is told its address, and port 0 is any free one.

    Raises AxMoError where the study cannot be read at first, or the port is taken.
    """
    page = LivePage(read, directory)
    try:
        server = _Server(("127.0.0.1", port), _handler(page, directory))
    except OSError as error:
        raise AxMoError(
            f"Port {port} of 127.0.0.1 cannot be had: {error.strerror}. Without --port, any free one is."
        ) from None
    with server:
        page.refresh()
        threading.Thread(target=server.serve_forever, name="ax_mo-page", daemon=True).start()
        ready(f"http://127.0.0.1:{server.server_address[1]}/")
        try:
            while True:
                began = time.monotonic()
                with suppress(AxMoError):  # its database is away, and the page stays as it is
                    page.refresh()
                time.sleep(max(_EVERY, (time.monotonic() - began) / _SHARE))
        finally:
            server.shutdown()


def _handler(page: LivePage, directory: Path) -> type[BaseHTTPRequestHandler]:
    frame = (files("ax_mo.html_report") / "live.html").read_text(encoding="utf-8")

    class Handler(BaseHTTPRequestHandler):
        """Answers a browser with the page, and with nothing else of this machine."""

        def do_GET(self) -> None:
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _NAMES:  # with any port: there are tunnels
                self._answer(HTTPStatus.FORBIDDEN, "This page is for this machine alone.", "text/plain")
                return
            found = {
                "/": (frame, "text/html"),
                "/page": (page.text, "text/html"),
                "/version": (str(page.version), "text/plain"),
            }.get(urlsplit(self.path).path)
            if found is None:
                self._answer(
                    HTTPStatus.NOT_FOUND, f"Files of trials are not served; they are in {directory}", "text/plain"
                )
            else:
                self._answer(HTTPStatus.OK, *found)

        def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
            body = text.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
