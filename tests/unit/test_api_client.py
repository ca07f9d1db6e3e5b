"""The client of the API that a renewal is measured by: its verdict, and what it calls a failure."""

import ssl
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from tests.lab.api_client import Requests, _ask, _wrong


def test_a_gap_is_between_answers_and_a_failure_is_told_with_its_moment() -> None:
    lines = [
        [100.0, 100.1, "/readyz", ""],
        [100.2, 103.2, "/a", ""],
        [103.4, 103.5, "/readyz", "500: no"],
        [103.6, 104.0, "/a", ""],
        [104.2, 104.3, "/readyz", "not ready: [-]shutdown failed: reason withheld"],
    ]
    found = Requests.of(lines)
    assert found.count == 5
    assert [(round(moment, 1), *rest) for moment, *rest in found.failures] == [(3.4, "/readyz", "500: no")]
    assert round(found.slowest, 1) == 3.0
    assert round(found.gap, 1) == 3.1
    assert str(found) == "5 requests, 1 failed, 1 not ready; slowest 3.00 s, longest gap 3.10 s"
    assert Requests.of([]) == Requests(0, (), 0, 0.0, 0.0)


def test_an_apiserver_that_says_that_it_is_not_ready_is_told_from_one_that_fails() -> None:
    said = "[+]ping ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n"
    assert _wrong("/readyz", 500, said) == "not ready: [-]shutdown failed: reason withheld"
    assert _wrong("/readyz", 500, "no backend").startswith("500: ")
    assert _wrong("/api", 500, said).startswith("500: ")
    assert _wrong("/api", 200, said) == ""


def test_who_does_not_answer_or_speaks_something_else_has_failed() -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = Thread(target=server.handle_request, daemon=True)
    thread.start()
    context = ssl.create_default_context()
    assert _ask("127.0.0.1", server.server_port, context, "/readyz").startswith("SSLError: ")
    thread.join(10)
    server.server_close()
    assert _ask("127.0.0.1", server.server_port, context, "/readyz").startswith("ConnectionRefusedError: ")
