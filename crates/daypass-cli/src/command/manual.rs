//! `daypass completions` and `daypass man`.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use daypass::{Error, printable};

use crate::emit::to_stdout;
use crate::report::unwritable;

pub(crate) fn completions(mut cli: Command, shell: Shell) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut cli, "daypass", &mut text);
    to_stdout(&text)
}

pub(crate) fn man(cli: Command, folder: Option<&Path>) -> Result<(), Error> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(cli)
            .render(&mut page)
            .map_err(|error| unwritable("stdout", &error))?;
        return to_stdout(&page);
    };
    let shown = printable(&folder.to_string_lossy());
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(cli, folder))
        .map_err(|error| unwritable(&shown, &error))
}
