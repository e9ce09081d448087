//! What the faults that edit a header or a token answer put there.

use serde::{Deserialize, Serialize};

/// What `Retry-After` says (RFC 9110 10.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetryAfter {
    /// That many seconds.
    Seconds(u64),
    /// The HTTP-date that many seconds from the sandbox's now; negative is past.
    Date(i64),
    /// This text; left out when it can't be a header.
    Raw(String),
}

/// What `expires_in` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiresIn {
    /// Not there.
    Absent,
    /// `null`.
    Null,
    /// The right number, as a string.
    Text,
    /// The right number and a half.
    Float,
    /// 0.
    Zero,
    /// -3600.
    Negative,
    /// `1e300`.
    Huge,
    /// An integer of 40 digits.
    HugeInteger,
    /// This JSON text, unchecked.
    Raw(String),
}

/// What `access_token` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenText {
    /// Has a line feed and a second line.
    Newline,
    /// Has a double and a single quote.
    Quote,
    /// Has `$(...)`.
    Dollar,
    /// Has a backtick and a backslash.
    Backtick,
    /// Has a space.
    Space,
    /// Begins a line with `::add-mask::`.
    AddMask,
    /// Has NUL, ESC and DEL.
    Control,
    /// Has letters outside ASCII.
    NonAscii,
    /// 70 KiB of letters.
    Long,
    /// Is empty.
    Empty,
    /// Is a JSON number.
    NotAString,
    /// Is this text.
    Custom(String),
}
