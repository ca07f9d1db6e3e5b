"""A client's steady load: so many new connections a second to one address, and what became of each. Standard library alone.

It runs on a machine of the lab, by itself: python3 load_program.py ADDRESS PORT RATE SECONDS FILE. It ends after SECONDS, or earlier at
SIGTERM, when the last attempts have ended, and writes what it has seen to FILE: one list an attempt.

An attempt is a TCP connection, a request and its whole answer. Attempts begin by the clock, whatever became of those before (an open
loop): a server that is slow does not lower the load. What has come is looked at before any deadline is: a process that had no processor for
a while does not take an answer that is there for none.
"""

import errno
import json
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

ANSWERED, REFUSED, UNREACHABLE, UNANSWERED, BROKEN, SILENT = range(6)
CONNECT_SECONDS = 5.0  # SYN at 0, 1 and 3 s
ANSWER_SECONDS = 30.0  # of an open connection: a server that has no processor is no fault of the network
CATCH_UP = 200  # attempts that are late begin at once, so many of them; the others are left out, and counted
POLL_SECONDS = 0.002
TOTAL_RETRANSMISSIONS = 100  # offset of tcpi_total_retrans in struct tcp_info, linux/tcp.h
ABORT = struct.pack(
    "ii", 1, 0
)  # SO_LINGER: close by RST, so that nobody keeps the connection in TIME_WAIT for a later one to run into


class Attempt:
    """One connection."""

    def __init__(self, address, host):
        self.began, self.connected, self.retransmitted, self.got = time.time(), 0.0, 0, b""
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket.settimeout(0)
        self.error = self.socket.connect_ex(address)

    def fileno(self):
        return self.socket.fileno()

    def step(self):
        """Go on as far as it goes; the outcome, or None."""
        try:
            return self._answer() if self.connected else self._connect()
        except BlockingIOError:
            return None
        except OSError:
            return BROKEN

    def _connect(self):
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return REFUSED if error == errno.ECONNREFUSED else UNANSWERED if error == errno.ETIMEDOUT else UNREACHABLE
        self.connected = time.time()
        told = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TOTAL_RETRANSMISSIONS + 4)
        self.retransmitted = struct.unpack_from("I", told, TOTAL_RETRANSMISSIONS)[0]
        self.socket.send(self.request)
        return None

    def _answer(self):
        said = self.socket.recv(65536)
        self.got += said
        head, end, body = self.got.partition(b"\r\n\r\n")
        if end:
            length = next(
                int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            if len(body) >= length:
                return ANSWERED if head.startswith(b"HTTP/1.1 200 ") else BROKEN
        return None if said else BROKEN

    def late(self, now):
        """The outcome of an attempt whose time is up, or None."""
        if not self.connected:
            return UNANSWERED if now > self.began + CONNECT_SECONDS else None
        return SILENT if now > self.connected + ANSWER_SECONDS else None

    def close(self, outcome):
        """End it; what is to be told."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.socket.close()
        return [round(self.began, 4), round(self.connected, 4), round(time.time(), 4), outcome, self.retransmitted]


class Load:
    """Attempts that are open, and what became of the others."""

    def __init__(self, target, host, rate):
        self.target, self.host, self.rate = target, host, rate
        self.poll, self.open, self.ended = select.epoll(), {}, []
        self.due = self.left_out = 0

    def begin(self, seconds):
        """Begin what is due after so many seconds."""
        late = int(seconds * self.rate) - self.due
        self.due += late
        self.left_out += max(0, late - CATCH_UP)
        for _ in range(min(late, CATCH_UP)):
            attempt = Attempt(self.target, self.host)
            if attempt.error in (0, errno.EINPROGRESS):
                self.open[attempt.fileno()] = attempt
                self.poll.register(attempt.fileno(), select.EPOLLOUT)
            else:
                self.ended.append(attempt.close(REFUSED if attempt.error == errno.ECONNREFUSED else UNREACHABLE))

    def look(self):
        """Go on where something has come; then end what is late: what had come before the look is no more to be waited for."""
        now = time.time()
        for number, _ in self.poll.poll(POLL_SECONDS):
            attempt = self.open[number]
            connecting = not attempt.connected
            outcome = attempt.step()
            if outcome is not None:
                self.end(number, outcome)
            elif connecting:
                self.poll.modify(number, select.EPOLLIN)
        for number, outcome in [(number, attempt.late(now)) for number, attempt in self.open.items()]:
            if outcome is not None:
                self.end(number, outcome)

    def end(self, number, outcome):
        """Note what became of an attempt."""
        self.poll.unregister(number)
        self.ended.append(self.open.pop(number).close(outcome))


def main(address, port, rate, seconds, file):
    family, _, _, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    load = Load(target, f"[{address}]" if family == socket.AF_INET6 else address, rate)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    began = time.monotonic()
    while load.open or not (stopped or time.monotonic() - began >= seconds):
        if not stopped and time.monotonic() - began < seconds:
            load.begin(time.monotonic() - began)
        load.look()
    file.with_suffix(".new").write_text(json.dumps({"left_out": load.left_out, "attempts": load.ended}))
    file.with_suffix(".new").replace(file)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
