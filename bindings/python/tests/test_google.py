"""The credentials for google-auth, in its own session."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import google.auth.transport.requests
import pytest

import daypass
import daypass.google
from conftest import World, at_once
from test_requests import redirect  # noqa: F401


def authorized(credentials: daypass.google.Credentials) -> Any:
    return google.auth.transport.requests.AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def test_a_revoked_token_is_replaced_and_the_call_repeated(world: World, source: daypass.TokenSource) -> None:
    credentials = daypass.google.Credentials(source)
    session = authorized(credentials)
    assert session.get(world.api).status_code == 200
    world.sandbox.revoke_all()
    assert session.get(world.api).status_code == 200
    assert credentials.token == source.token()
    assert credentials.valid
    assert world.sandbox.token_requests == 2


def test_threads_whose_token_was_refused_get_one_new_token(world: World, source: daypass.TokenSource) -> None:
    credentials = daypass.google.Credentials(source)
    together = threading.Barrier(16)

    def call(_: int) -> int:
        session = authorized(credentials)
        assert session.get(world.api).status_code == 200
        if together.wait() == 0:
            world.sandbox.revoke_all()
        together.wait()
        return int(session.get(world.api).status_code)

    assert set(at_once(16, call)) == {200}
    assert world.sandbox.token_requests == 2


def test_what_is_rejected_is_what_this_thread_sent(world: World, source: daypass.TokenSource) -> None:
    credentials = daypass.google.Credentials(source)
    credentials.before_request(None, "GET", world.api, {})
    source.reject(source.token())
    at_once(1, lambda _: credentials.before_request(None, "GET", world.api, {}))
    new = source.token()
    credentials.refresh(None)
    assert source.token() == new
    assert world.sandbox.token_requests == 2


def test_tokens_go_over_tls_and_credentials_are_not_pickled(source: daypass.TokenSource) -> None:
    credentials = daypass.google.Credentials(source)
    with pytest.raises(daypass.ConfigError):
        credentials.before_request(None, "GET", "http://api.example.com/", {})
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(credentials)


def test_the_401_of_a_host_that_a_redirect_leads_to_costs_no_token(
    world: World, source: daypass.TokenSource, redirect: str  # noqa: F811
) -> None:
    session = authorized(daypass.google.Credentials(source))
    assert session.get(world.api).status_code == 200
    for _ in range(3):
        assert session.get(redirect).status_code == 401
    assert world.sandbox.token_requests == 1
