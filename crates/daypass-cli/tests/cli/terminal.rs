//! On a terminal a token is printed only on request.

use crate::world::{Cli, DAYPASS, Ran};

/// Runs `daypass` with a terminal for stdout; what it says on stderr is kept apart.
fn on_terminal(cli: &Cli, args: &str) -> Ran {
    let line = format!("{DAYPASS} {args} 2>said");
    let mut command = cli.command("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("SHELL", "/bin/sh");
    let mut output = command.output().unwrap();
    output.stderr = std::fs::read(cli.path("work/said")).unwrap();
    cli.ran(output)
}

#[test]
fn a_terminal_gets_a_line_about_the_token_instead() {
    let cli = Cli::new();
    for format in ["token", "header", "json", "env", "exec-credential"] {
        let ran = on_terminal(&cli, &format!("token --format {format}")).ok();
        assert!(!ran.stdout.contains(&cli.token()), "{format}");
        assert!(!ran.stderr.contains(&cli.token()), "{format}");
        assert_eq!(ran.stdout.trim(), "", "{format}");
    }
    insta::assert_snapshot!(on_terminal(&cli, "token").ok().shown, @r"
    daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (store)
    daypass: stdout is a terminal, so the token itself is not printed; --show prints it
    ");
}

#[test]
fn show_prints_it_there_too() {
    let cli = Cli::new();
    let ran = on_terminal(&cli, "token --show").ok();
    assert_eq!(ran.stdout, format!("{}\r\n", cli.token()));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_file_is_written_from_a_terminal_too() {
    let cli = Cli::new();
    let ran = on_terminal(&cli, "token --out token").ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let text = std::fs::read_to_string(cli.path("work/token")).unwrap();
    assert_eq!(text.trim_end(), cli.token());
}
