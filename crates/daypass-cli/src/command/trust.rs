//! `daypass trust`.

use daypass::Error;

use crate::cli::Trust;
use crate::context::{Context, Loudness};
use crate::report;

pub(crate) fn run(context: &Context, args: &Trust) -> Result<(), Error> {
    let path = match &context.directory {
        Some(directory) => directory.join(&args.file),
        None => args.file.clone(),
    };
    let trusted = daypass::trust_file(&context.env, &path)?;
    if context.loudness > Loudness::Quiet {
        let shown = daypass::printable(&trusted.to_string_lossy());
        report::line(&format!("trusts {shown} as it is now; a change needs your trust again"));
    }
    Ok(())
}
