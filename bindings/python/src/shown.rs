//! The text of a token as a Python string, made once for each token.
//!
//! A hit hands the same string out again; it is found by where the token's text lies in memory,
//! which nobody else can have while the token is kept here.

use daypass::AccessToken;
use pyo3::prelude::*;
use pyo3::types::PyString;

#[derive(Default)]
pub(crate) struct Shown(Option<(AccessToken, Py<PyString>)>);

impl Shown {
    /// Returns the text of this token.
    pub(crate) fn text(&mut self, py: Python<'_>, token: &AccessToken) -> Py<PyString> {
        match &self.0 {
            Some((shown, text)) if is_same(shown, token) => text.clone_ref(py),
            _ => {
                let text = PyString::new(py, token.secret()).unbind();
                self.0 = Some((token.clone(), text.clone_ref(py)));
                text
            }
        }
    }
}

fn is_same(one: &AccessToken, other: &AccessToken) -> bool {
    std::ptr::eq(one.header().as_bytes(), other.header().as_bytes())
}
