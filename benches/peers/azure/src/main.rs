//! A hit of azure_identity's `ClientSecretCredential`, on one thread and on two that share it.
//! Its HTTP client is replaced by an answer in memory.

#[path = "../../../../crates/daypass/benches/support/threads.rs"]
mod threads;

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};

const TENANT: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Debug)]
struct InMemory;

#[async_trait::async_trait]
impl HttpClient for InMemory {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = format!(
            r#"{{"access_token":"{:0>1081}","token_type":"Bearer","expires_in":3600,"ext_expires_in":3600}}"#,
            1
        );
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body.into_bytes()))
    }
}

/// A hit waits for nothing but a lock, so there is no runtime whose cost would count.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = ClientSecretCredentialOptions::default();
    options.client_options.transport = Some(Transport::new(Arc::new(InMemory)));
    let secret = Secret::new("secret");
    let credential: Arc<dyn TokenCredential> =
        ClientSecretCredential::new(TENANT, "client".into(), secret, Some(options))?;
    let hit = || {
        let scopes = ["https://api.example.com/.default"];
        black_box(ready(credential.get_token(&scopes, None)).is_ok());
    };
    let (one, two) = (threads::nanos_each(1, 500, hit), threads::nanos_each(2, 500, hit));
    println!("azure_identity, get_token(): {one:.1} ns, {two:.1} ns");
    Ok(())
}
