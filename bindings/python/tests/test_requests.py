"""The adapter for requests."""

from __future__ import annotations

import copy
import io
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

import daypass
import daypass.aiohttp
import daypass.httpx
import daypass.requests
from conftest import SOAK, World, at_once
from daypass._bearer import is_refusal


@pytest.fixture
def session(source: daypass.TokenSource) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.auth = daypass.requests.Auth(source)
    return session


def test_a_revoked_token_is_replaced_and_the_call_repeated(world: World, session: requests.Session) -> None:
    assert session.get(world.api).status_code == 200
    world.sandbox.revoke_all()
    answer = session.get(world.api)
    assert (answer.status_code, [old.status_code for old in answer.history]) == (200, [401])
    assert world.sandbox.token_requests == 2


@pytest.mark.parametrize(
    "body", [b"12345", "12345", {"a": "1"}, io.BytesIO(b"12345"), io.StringIO("12345")], ids=lambda body: type(body).__name__
)
def test_bodies_that_can_be_read_again_are_sent_whole_again(
    world: World, session: requests.Session, body: Any
) -> None:
    session.get(world.api)
    world.sandbox.revoke_all()
    answer = session.post(world.sandbox.url + "/api/echo", data=body, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["body_bytes"] == (3 if isinstance(body, dict) else 5)


def test_a_file_is_sent_again_from_where_it_stood(world: World, session: requests.Session) -> None:
    session.get(world.api)
    world.sandbox.revoke_all()
    file = io.BytesIO(b"12345")
    file.seek(2)
    assert session.post(world.sandbox.url + "/api/echo", data=file, timeout=5).json()["body_bytes"] == 3


def test_a_stream_that_cannot_be_sent_again_returns_its_401(world: World, session: requests.Session) -> None:
    session.get(world.api)
    world.sandbox.revoke_all()

    def stream() -> Iterator[bytes]:
        yield b"123"
        yield b"45"

    assert session.post(world.api, data=stream()).status_code == 401
    assert world.sandbox.token_requests == 1
    assert session.post(world.sandbox.url + "/api/echo", data=stream()).json()["body_bytes"] == 5
    assert world.sandbox.token_requests == 2


def test_an_api_that_refuses_every_token_gets_two_and_no_more(world: World, session: requests.Session) -> None:
    for _ in range(5):
        assert session.get(world.sandbox.url + "/api/denied").status_code == 401
    assert world.sandbox.token_requests <= 3
    assert world.sandbox.api_calls <= 10


def test_a_new_token_that_is_refused_too_slows_fetching_down(
    world: World, session: requests.Session
) -> None:
    for _ in range(2):
        assert session.get(world.sandbox.url + "/api/denied").status_code == 401
    assert world.sandbox.token_requests == 2, "no third one at once"


def test_insufficient_scope_is_no_reason_for_a_new_token(world: World, session: requests.Session) -> None:
    world.sandbox.fault("api:insufficient_scope")
    assert session.get(world.api).status_code == 403
    assert world.sandbox.token_requests == 1
    for status, challenge, refused in [
        (401, "", True),
        (401, 'Bearer error="invalid_token"', True),
        (401, 'Bearer error="insufficient_scope"', False),
        (403, "", False),
    ]:
        assert is_refusal(status, {"WWW-Authenticate": challenge}) is refused


def test_sixteen_threads_while_tokens_are_revoked(world: World, session: requests.Session) -> None:
    session.get(world.api)
    stop = threading.Event()

    def calls(index: int) -> list[int]:
        mine = requests.Session()
        mine.trust_env = False
        mine.auth = session.auth
        return [mine.get(world.api).status_code for _ in range(200 if SOAK else 20)]

    def revoking() -> None:
        while not stop.wait(0.3):
            world.sandbox.revoke_all()

    thread = threading.Thread(target=revoking)
    thread.start()
    try:
        statuses: list[int] = sum(at_once(16, calls), [])
    finally:
        stop.set()
        thread.join()
    assert statuses.count(200) >= len(statuses) * 0.9, "a token revoked just when it was replaced is passed on"


class Other(BaseHTTPRequestHandler):
    """Another host: refuses everything, and tells what it was shown."""

    seen: list[str | None] = []

    def do_GET(self) -> None:
        Other.seen.append(self.headers.get("Authorization"))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Redirect(BaseHTTPRequestHandler):
    """Redirects to the other host."""

    target = ""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", Redirect.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def redirect() -> Iterator[str]:
    """A URL that redirects to another host, which refuses every token."""
    servers = [HTTPServer(("127.0.0.1", 0), kind) for kind in (Other, Redirect)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    Other.seen.clear()
    Redirect.target = f"http://localhost:{servers[0].server_port}/"
    yield f"http://127.0.0.1:{servers[1].server_port}/"
    for server, thread in zip(servers, threads):
        server.shutdown()
        thread.join()
        server.server_close()


def test_another_host_is_never_shown_a_token(world: World, session: requests.Session, redirect: str) -> None:
    assert session.get(redirect).status_code == 401
    assert Other.seen == [None]
    assert world.sandbox.token_requests == 1


def test_another_host_gets_no_new_token_from_a_session_that_keeps_the_old_one(
    world: World, source: daypass.TokenSource, redirect: str
) -> None:
    class Keeping(requests.Session):
        def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
            pass

    session = Keeping()
    session.trust_env = False
    session.auth = daypass.requests.Auth(source)
    assert session.get(redirect).status_code == 401
    assert len(Other.seen) == 1
    assert world.sandbox.token_requests == 1


def test_tokens_go_to_named_hosts_and_over_tls(world: World, source: daypass.TokenSource) -> None:
    session = requests.Session()
    for auth, url in [
        (daypass.requests.Auth(source), "http://api.example.com/"),
        (daypass.requests.Auth(source), "http://127.evil.example/"),
        (daypass.requests.Auth(source), "http://127.0.0.1.evil.example/"),
        (daypass.requests.Auth(source), "http://localhost.evil.example/"),
        (daypass.requests.Auth(source), "ftp://127.0.0.1/"),
        (daypass.requests.Auth(source, hosts=["api.example.com"]), world.api),
    ]:
        with pytest.raises(daypass.ConfigError) as caught:
            session.prepare_request(requests.Request("GET", url, auth=auth))
        assert caught.value.code == "config.insecure_url"
    auth = daypass.requests.Auth(source, hosts=["API.example.com", "127.0.0.1"])
    for url in (world.api, "https://api.example.com/things", "https://API.EXAMPLE.com:8443/"):
        assert "Authorization" in session.prepare_request(requests.Request("GET", url, auth=auth)).headers


def test_an_answer_can_be_pickled_without_the_token_and_an_adapter_cannot(
    world: World, session: requests.Session, source: daypass.TokenSource
) -> None:
    old = source.token()
    world.sandbox.revoke_all()
    answer = session.get(world.api)
    written = pickle.dumps(answer)
    again = pickle.loads(written)
    assert again.json() == answer.json()
    assert [one.status_code for one in again.history] == [401]
    for token in (old, source.token()):
        assert token.encode() not in written
    assert again.request.headers["Authorization"] == "Bearer [hidden]"
    assert answer.request.headers["Authorization"] == f"Bearer {source.token()}"
    assert copy.deepcopy(answer.request.headers)["Authorization"] == f"Bearer {source.token()}"
    for adapter in (session.auth, daypass.httpx.Auth(source), daypass.aiohttp.Middleware(source)):
        for refused in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="can't be pickled or copied"):
                refused(adapter)
