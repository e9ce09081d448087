//! `daypass trust`.

use std::path::Path;

use daypass::{Code, Error};

use crate::cli::Trust;
use crate::context::{Context, Loudness};
use crate::report;

pub(crate) fn run(context: &Context, args: &Trust) -> Result<(), Error> {
    let file = match (&args.file, &context.config) {
        (Some(_), Some(_)) => {
            return Err(Error::new(Code::Usage, "two files are named")
                .with_hint("leave --config away: daypass trust FILE"));
        }
        (Some(file), None) | (None, Some(file)) => file.as_path(),
        (None, None) => Path::new("daypass.toml"),
    };
    let path = match &context.directory {
        Some(directory) => directory.join(file),
        None => file.to_owned(),
    };
    let trusted = daypass::trust_file(&context.env, &path)?;
    if context.loudness > Loudness::Quiet {
        let shown = daypass::printable(&trusted.to_string_lossy());
        report::line(&format!("trusts {shown} as it is now; a change needs your trust again"));
    }
    Ok(())
}
