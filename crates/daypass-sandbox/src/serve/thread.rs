//! A server on a thread of its own, for tests and commands without an async runtime.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{ServeError, Server};
use crate::sandbox::Sandbox;

/// A server that runs on a thread of its own. Dropping it ends it and waits for the thread.
#[derive(Debug)]
pub struct ServerThread {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    pub(super) fn start(sandbox: Sandbox) -> Result<Self, ServeError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, starting) = mpsc::sync_channel(1);
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(ServeError::Thread(error)))),
            };
            runtime.block_on(async {
                match Server::start(sandbox, (Ipv4Addr::LOCALHOST, 0).into()).await {
                    Ok(server) => {
                        drop(started.send(Ok(server.addr)));
                        // An error means that the other half was dropped: stop all the same.
                        drop(stopped.await);
                        server.shutdown().await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        };
        let thread = std::thread::Builder::new().name("daypass-sandbox".into()).spawn(body);
        let thread = thread.map_err(ServeError::Thread)?;
        let died = |_| ServeError::Thread(std::io::Error::other("it ended before it began"));
        let addr = starting.recv().map_err(died)??;
        Ok(Self { addr, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends the server with every connection, and waits for its thread.
    pub fn shutdown(self) {}
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported there.
            drop(thread.join());
        }
    }
}
