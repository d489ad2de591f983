"""An S3 on loopback: moto's server, in a process of its own, which can be taken away and lie."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

_SERVE = (
    "import sys, threading; from moto.server import ThreadedMotoServer; "
    "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start(); "
    "print(server.get_host_and_port()[1], flush=True); threading.Event().wait()"
)


class S3:
    """``environment`` is what clients need to find it."""

    bucket = "bucket"

    def __init__(self) -> None:
        import boto3

        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        self.client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        self.client.create_bucket(Bucket=self.bucket)

    def objects(self) -> list[str]:
        return [found["Key"] for found in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    @contextmanager
    def away(self) -> Iterator[None]:
        """It accepts connections meanwhile, and does not answer."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def clear(self) -> None:
        for key in self.objects():
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def own_s3() -> Iterator[S3]:
    """A server which the environment names."""
    server = S3()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in server.environment.items():
            environment.setenv(name, value)
        deadline = time.monotonic() + 30
        while urlopen(server.url, timeout=5).status != 200:
            assert time.monotonic() < deadline
        yield server
    server.close()
