//! Has the linker put the functions of a hit side by side (`hot.symbols`, from `benches/layout`):
//! a process that lives for a millisecond pays mostly for the pages that it touches.
//!
//! Only the linker that comes with Rust for this target knows how; others leave it be.

#![expect(clippy::disallowed_methods, reason = "how build scripts talk")]

use std::env;
use std::path::Path;
use std::process::Command;

const LIST: &str = "hot.symbols";

fn main() {
    println!("cargo:rerun-if-changed={LIST}");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").as_deref() == Ok("release") && links_with_lld() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let list = Path::new(&folder).join(LIST);
        println!("cargo:rustc-link-arg-bins=-Wl,--symbol-ordering-file={}", list.display());
        println!("cargo:rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
    }
}

/// Whether the compiler's own lld links, as it does for this target unless told otherwise.
fn links_with_lld() -> bool {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let told = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if env::var("TARGET").as_deref() != Ok(TARGET)
        || env::var_os("RUSTC_LINKER").is_some()
        || ["linker", "fuse-ld"].iter().any(|word| told.contains(word))
    {
        return false;
    }
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    let Ok(sysroot) = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    else {
        return false;
    };
    let lld = format!("lib/rustlib/{TARGET}/bin/gcc-ld/ld.lld");
    Path::new(sysroot.trim()).join(lld).exists()
}
