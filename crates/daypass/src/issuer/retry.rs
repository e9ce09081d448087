//! stub
use super::IssuerErrorClass;
use std::time::Duration;
pub(crate) enum Next {
    After(Duration),
    GiveUp,
}
pub(crate) fn next_attempt(
    class: IssuerErrorClass,
    attempt: u32,
    left: Duration,
    jitter: f64,
) -> Next {
    let d = match class {
        IssuerErrorClass::Transient => Duration::from_millis(200 << attempt.min(4)).mul_f64(jitter),
        IssuerErrorClass::Throttled(d) => d.unwrap_or(Duration::from_secs(1)),
        _ => return Next::GiveUp,
    };
    if d < left { Next::After(d) } else { Next::GiveUp }
}
