//! Whose token it is: an opened profile's, or that of an agent's answer. Nothing is made of it before
//! somebody wants to read it: most hits tell nothing.

use std::borrow::Cow;

use daypass::{AgentLabel, Opened, Profile, short_client_id};

/// What messages say about a token, and the variable that a child process gets it in.
#[derive(Clone, Copy)]
pub(crate) enum Label<'a> {
    /// This process opened the profile.
    Own { profile: &'a Profile, client_id: &'a str },
    /// An agent said so. Its texts are printable, its variable is a usual one: the codec checks that.
    Agent(&'a AgentLabel),
}

impl<'a> Label<'a> {
    pub(crate) fn of(opened: &'a Opened) -> Self {
        Self::Own { profile: &opened.profile, client_id: &opened.client_id }
    }

    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Own { profile, .. } => &profile.name,
            Self::Agent(label) => &label.name,
        }
    }

    /// The region or host.
    pub(crate) fn place(self) -> Cow<'a, str> {
        match self {
            Self::Own { profile, .. } => profile.place().into(),
            Self::Agent(label) => label.place.as_str().into(),
        }
    }

    /// The client identifier, shortened.
    pub(crate) fn client(self) -> Cow<'a, str> {
        match self {
            Self::Own { client_id, .. } => short_client_id(client_id).into(),
            Self::Agent(label) => label.client.as_str().into(),
        }
    }

    pub(crate) fn token_variable(self) -> &'a str {
        match self {
            Self::Own { profile, .. } => profile.token_variable(),
            Self::Agent(label) => &label.token_variable,
        }
    }
}
