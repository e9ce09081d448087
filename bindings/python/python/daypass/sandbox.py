"""A local authorization server and API with faults on demand, for your own tests.

    with Sandbox(lifetime=2) as sandbox:
        source = daypass.TokenSource(env=sandbox_env(sandbox, cache))

The pytest plugin has it as fixtures: `daypass_sandbox` and `daypass_genesys_sandbox`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._daypass import Sandbox

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Sandbox", "genesys_config", "sandbox_env"]

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret"


def sandbox_env(sandbox: Sandbox, cache: str | PathLike[str]) -> dict[str, str]:
    """Returns the variables that make a profile of a standard sandbox; `cache` is an absolute path."""
    return {
        "OAUTH2_TOKEN_URL": sandbox.url + "/oauth/token",
        "OAUTH2_CLIENT_ID": CLIENT_ID,
        "OAUTH2_CLIENT_SECRET": CLIENT_SECRET,
        "DAYPASS_CACHE_DIR": str(cache),
    }


def genesys_config(sandbox: Sandbox) -> str:
    """Returns a `daypass.toml` that makes a profile of a sandbox that plays Genesys Cloud."""
    return (
        '[profile.genesys]\nprovider = "genesys-cloud"\nregion = "eu-west-1"\n'
        f'token_url = "{sandbox.url}/oauth/token"\napi_url = "{sandbox.url}"\n'
        'client_id = { env = "GC_CLIENT_ID" }\nclient_secret = { env = "GC_CLIENT_SECRET" }\n'
    )
