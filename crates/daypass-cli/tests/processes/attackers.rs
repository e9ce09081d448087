//! x
pub(crate) const NOBODY: u32 = 65534;

pub(crate) fn require_root() {
    assert!(rustix::process::geteuid().is_root(), "acting as another user needs root: use sudo");
}
