//! The agent, which holds the credentials and hands out tokens on a unix socket, and the gateway,
//! which puts tokens on the requests of programs that don't know daypass.

#![forbid(unsafe_code)]
