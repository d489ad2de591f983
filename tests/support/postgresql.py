"""A PostgreSQL of a test's own, which can be taken away; and a way to it on which answers get lost."""

import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa


class PostgreSQL:
    """A running server."""

    def __init__(self, data: Path) -> None:
        import pgserver  # few tests need it

        self._running = pgserver.get_server(data, cleanup_mode="stop")
        self.url = self._running.get_uri().replace("postgresql://", "postgresql+psycopg://")
        self.socket = Path(sa.make_url(self.url).query["host"]) / ".s.PGSQL.5432"

    def stop(self, mode: str = "immediate") -> None:
        from pgserver._commands import pg_ctl

        pg_ctl(["-m", mode, "-w", "stop"], pgdata=self._running.pgdata, user=self._running.system_user, timeout=30)

    def start(self) -> None:
        self._running.ensure_postgres_running()

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        engine = sa.create_engine(self.url)
        try:
            with engine.begin() as connection:
                return [tuple(row) for row in connection.execute(sa.text(query), values)]
        finally:
            engine.dispose()

    def cleanup(self) -> None:
        self._running.cleanup()


@contextmanager
def own_postgresql() -> Iterator[PostgreSQL]:
    # Not pytest's own temporary directory: run by root, the server is a user of its own, who may not look in there.
    data = Path(tempfile.mkdtemp(prefix="ax_mo-postgresql-"))
    data.chmod(0o755)
    server = PostgreSQL(data / "data")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


class LossyWay:
    """Stands between a client and the server; ``lose_answer`` cuts the client off once its next COMMIT has arrived."""

    def __init__(self, server: PostgreSQL, directory: Path) -> None:
        self.url = sa.make_url(server.url).update_query_dict({"host": str(directory)}).render_as_string(False)
        self.lose_answer = False
        self.lost = 0
        self._server = server
        self._left_open: list[socket.socket] = []  # as after a cable was pulled: the server has not noticed
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for open_ in (self._listener, *self._left_open):
            open_.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server.socket))
        with client:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        server.close()
                        return
                    (server if side is client else client).sendall(data)
                    if side is client and self.lose_answer and b"COMMIT" in data:
                        server.recv(65536)  # it has committed
                        self.lose_answer = False
                        self.lost += 1
                        self._left_open.append(server)
                        return
