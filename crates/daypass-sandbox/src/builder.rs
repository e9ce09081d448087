//! How a sandbox is set up.

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::SystemTime;

use crate::call::{Settings, State};
use crate::client::{AuthMethod, Client};
use crate::clock::{self, WallClock};
use crate::sandbox::Sandbox;
use crate::token::{Noise, TokenShape};

/// Whose manners the sandbox has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// Those of the RFCs.
    #[default]
    Standard,
    /// Those of Genesys Cloud: errors are HTTP 400 with `description`, `token_type` is `bearer`, no scopes, no
    /// revocation or metadata endpoint, but `/api/v2/tokens/me`, `/api/v2/users` and a rate limit at the API.
    Genesys,
}

/// Sets up a [`Sandbox`]. The client `sandbox` with the secret `sandbox-secret` is always registered.
#[must_use]
pub struct SandboxBuilder {
    settings: Settings,
    clients: Vec<Client>,
    clock: WallClock,
}

impl SandboxBuilder {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            flavour: Flavour::Standard,
            shape: TokenShape::Opaque,
            drop_unknown_scopes: false,
            control: false,
            issuer: None,
            api_rate_limit: Some(300),
            users: 60,
            noise: Noise::System(RandomState::new()),
        };
        Self { settings, clients: Vec::new(), clock: clock::system() }
    }

    /// Sets whose manners the sandbox has.
    pub fn flavour(mut self, flavour: Flavour) -> Self {
        self.settings.flavour = flavour;
        self
    }

    /// Registers a client; one with the id of another replaces it.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Takes the time from here instead of the system clock.
    pub fn clock(mut self, clock: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the same tokens in every run. Without a seed no two processes make the same.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.noise = Noise::Seeded(seed);
        self
    }

    /// Sets what tokens look like.
    pub fn token_shape(mut self, shape: TokenShape) -> Self {
        self.settings.shape = shape;
        self
    }

    /// Leaves scopes out that the client may not have, instead of answering `invalid_scope`.
    pub fn drop_unknown_scopes(mut self, drop: bool) -> Self {
        self.settings.drop_unknown_scopes = drop;
        self
    }

    /// Lets other processes steer the sandbox under `/_sandbox/`.
    pub fn control(mut self, enabled: bool) -> Self {
        self.settings.control = enabled;
        self
    }

    /// Sets `issuer` in the metadata; else it is the URL that the request went to.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.issuer = Some(issuer.into());
        self
    }

    /// Sets how many API calls a token may make in a minute in the Genesys flavour (300), or takes the limit away.
    pub fn api_rate_limit(mut self, allowed: Option<u32>) -> Self {
        self.settings.api_rate_limit = allowed;
        self
    }

    /// Sets how many users `/api/v2/users` lists in the Genesys flavour (60).
    pub fn users(mut self, users: u64) -> Self {
        self.settings.users = users;
        self
    }

    /// Makes the sandbox.
    pub fn build(self) -> Sandbox {
        let mut default = Client::new("sandbox", "sandbox-secret");
        if self.settings.flavour == Flavour::Genesys {
            // Genesys' own clients don't form-encode the two halves.
            default =
                default.auth([AuthMethod::ClientSecretBasicRaw, AuthMethod::ClientSecretPost]);
        }
        let mut state = State::default();
        std::iter::once(default).chain(self.clients).for_each(|client| state.register(client));
        Sandbox::assemble(self.settings, state, self.clock)
    }
}

impl fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxBuilder")
            .field("flavour", &self.settings.flavour)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
