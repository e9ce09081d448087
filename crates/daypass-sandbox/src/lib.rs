//! A local authorization server and protected API with faults on demand.
//!
//! Two layers. [`Sandbox`] is the core: `handle(request) -> Reply`, without sockets and without waiting, so that
//! a test with paused time acts a [`Reply`] out as it likes. [`Server`] serves a sandbox over plain HTTP on loopback.
//!
//! ```
//! use daypass_sandbox::{Endpoint, Fault, Sandbox};
//! use http::{Request, StatusCode};
//!
//! let sandbox = Sandbox::new();
//! sandbox.script(Endpoint::Token, [Fault::Status(503)]);
//! let ask = || {
//!     let request = Request::post("/oauth/token")
//!         .header("content-type", "application/x-www-form-urlencoded")
//!         .body("grant_type=client_credentials&client_id=sandbox&client_secret=sandbox-secret".into());
//!     sandbox.handle(request.expect("a valid request")).response
//! };
//! assert_eq!(ask().status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(ask().status(), StatusCode::OK);
//! assert_eq!((sandbox.token_requests(), sandbox.tokens_issued()), (2, 1));
//! ```
//!
//! | path | what |
//! | --- | --- |
//! | `POST /oauth/token`, `/token` | client credentials grant (RFC 6749 4.4) |
//! | `POST /oauth/revoke` | revocation (RFC 7009) |
//! | `GET /.well-known/oauth-authorization-server`, `.../openid-configuration` | metadata (RFC 8414) |
//! | `/api/...` | 200 for a live token, else 401 (RFC 6750); `/api/echo` for one that says so |
//! | `/api/needs/{scope}` | 403 without that scope |
//! | `/api/denied` | 401 for any token |
//! | `/api/v2/users`, `/api/v2/tokens/me` | Genesys flavour |
//! | `/_sandbox/{state,log,faults,clock,revoke-all,reset}` | control, when the builder turns it on |
//!
//! The crate shares no code with the rest of the workspace, on purpose: a shared codec would hide symmetric mistakes.

mod api;
mod builder;
mod call;
mod client;
mod clock;
mod control;
mod credentials;
mod fault;
mod form;
mod genesys;
mod log;
mod metadata;
mod oauth_error;
mod reply;
mod revocation;
mod sandbox;
mod serve;
mod token;
mod token_endpoint;

pub use builder::{Flavour, SandboxBuilder};
pub use client::{AuthMethod, Client};
pub use fault::parse::FaultError;
pub use fault::{Endpoint, ExpiresIn, Fault, PlannedFault, RetryAfter, TokenText};
pub use log::Entry;
pub use reply::{Ending, InFlight, Reply};
pub use sandbox::{Sandbox, Snapshot};
pub use serve::thread::ServerThread;
pub use serve::{ServeError, Server};
pub use token::TokenShape;
