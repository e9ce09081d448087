"""The official SDK of Genesys Cloud, which never sees an expired token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import PureCloudPlatformClientV2 as sdk
import pytest

import daypass
import daypass.genesys
from conftest import SOAK, World, at_once
from daypass.sandbox import Sandbox


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Leaves the SDK as it was: its configuration is one for the process."""
    original = sdk.ApiClient.get_http_client
    configuration = sdk.configuration.Configuration() if hasattr(sdk.configuration, "Configuration") else sdk.configuration
    host, client = configuration.host, configuration.api_client
    yield
    sdk.ApiClient.get_http_client = original
    configuration.host, configuration.api_client = host, client


@pytest.fixture
def genesys(make_world: Callable[..., World]) -> Callable[..., tuple[World, daypass.TokenSource]]:
    def make(**settings: Any) -> tuple[World, daypass.TokenSource]:
        world = make_world(flavour="genesys", **settings)
        return world, daypass.TokenSource(env=world.genesys_env())

    return make


def test_sixteen_threads_through_many_lifetimes_while_tokens_are_revoked(
    genesys: Callable[..., tuple[World, daypass.TokenSource]],
) -> None:
    world, source = genesys(lifetime=2)
    daypass.genesys.configure(sdk, source)
    seconds = 120.0 if SOAK else 9.0
    ends = time.monotonic() + seconds
    stop = threading.Event()
    revoked = 0

    def revoking() -> None:
        nonlocal revoked
        while not stop.wait(3.3):
            world.sandbox.revoke_all()
            revoked += 1

    def calls(_: int) -> int:
        api, made = sdk.UsersApi(), 0
        while time.monotonic() < ends:
            assert api.get_users(page_size=1).entities[0].name == "Sandbox User 1"
            made += 1
            time.sleep(0.05)  # sixteen threads that never pause spend a lifetime of two seconds waiting for each other
        return made

    thread = threading.Thread(target=revoking)
    thread.start()
    try:
        made = sum(at_once(16, calls))
    finally:
        stop.set()
        thread.join()
    lifetimes = seconds / 2
    print(f"soak: sdk: {made} calls, {world.sandbox.unauthorized} 401s, {world.sandbox.token_requests} token requests")
    assert made > 100 and revoked >= 2
    # Each lifetime costs one request, and each revocation one more.
    assert lifetimes - 1 <= world.sandbox.token_requests <= 2 * lifetimes + revoked + 2


def test_two_lines_from_the_environment(daypass_genesys_sandbox: Sandbox) -> None:
    daypass.genesys.configure(sdk)
    assert sdk.UsersApi().get_users().total == 60
    daypass_genesys_sandbox.revoke_all()
    assert sdk.TokensApi().get_tokens_me().o_auth_client.id == "sandbox"
    assert daypass_genesys_sandbox.token_requests == 2


def test_a_client_of_ones_own(genesys: Callable[..., tuple[World, daypass.TokenSource]]) -> None:
    world, source = genesys()
    client = sdk.ApiClient()
    for _ in range(2):
        assert daypass.genesys.configure(client, source) is client
    users = sdk.UsersApi(client)
    assert users.get_users().total == 60
    world.sandbox.revoke_all()
    assert users.get_users().total == 60
    assert (world.sandbox.token_requests, world.sandbox.unauthorized) == (2, 1)
    other_world, other_source = genesys()
    daypass.genesys.configure(sdk, other_source)
    assert users.get_users().total == 60
    assert other_world.sandbox.api_calls == 0, "its own source goes before that of the module"
    other = sdk.ApiClient(host=world.sandbox.url)
    with pytest.raises(sdk.rest.ApiException):
        sdk.UsersApi(other).get_users()


def test_a_program_that_logs_in_by_itself_goes_on_working(
    genesys: Callable[..., tuple[World, daypass.TokenSource]],
) -> None:
    world, source = genesys(lifetime=1)
    daypass.genesys.configure(sdk, source)
    client = sdk.ApiClient().get_client_credentials_token("sandbox", "sandbox-secret")
    users = sdk.UsersApi(client)
    assert users.get_users().total == 60
    time.sleep(1.1)
    assert users.get_users().total == 60


def test_an_error_that_is_no_401_is_the_sdks_own(genesys: Callable[..., tuple[World, daypass.TokenSource]]) -> None:
    world, source = genesys()
    daypass.genesys.configure(sdk, source)
    world.sandbox.fault("api:status=404*1")
    with pytest.raises(sdk.rest.ApiException) as caught:
        sdk.UsersApi().get_users()
    assert caught.value.status == 404
    assert world.sandbox.token_requests == 1
    world.sandbox.fault("api:unauthorized*2")
    with pytest.raises(sdk.rest.ApiException) as caught:
        sdk.UsersApi().get_users()
    assert caught.value.status == 401
    assert world.sandbox.token_requests == 2


def test_without_a_region_it_says_what_to_set(source: daypass.TokenSource) -> None:
    with pytest.raises(daypass.ConfigError) as caught:
        daypass.genesys.configure(sdk, source)
    assert "GC_REGION" in (caught.value.hint or "")


@pytest.mark.parametrize("region", ["eu-west-1", "eu_west_1", "mypurecloud.ie"])
def test_the_host_follows_from_the_region(region: str, tmp_path: object) -> None:
    env = {"GC_CLIENT_ID": "x", "GC_CLIENT_SECRET": "sentinel", "GC_REGION": region, "HOME": str(tmp_path)}
    client = daypass.genesys.configure(sdk, daypass.TokenSource(env=env))
    assert client.host == "https://api.mypurecloud.ie"
    assert sdk.ApiClient().host == client.host
