use super::super::resolve;
use super::super::tests::{told, yours};
use super::*;

fn nothing(_: External<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    panic!("nothing outside is read for a literal or a variable")
}

fn profile(id: &str, secret: &str) -> Profile {
    let text = format!(
        "[profile.x]\ntoken_url = \"https://a.example/t\"\nclient_id = {id}\nclient_secret = {secret}\n"
    );
    resolve(&[yours(&text)], &Env::default(), None).unwrap()
}

#[test]
fn literals_and_variables_are_read_without_effects() {
    let env = Env::from_pairs([("ID", "1f2e"), ("SECRET", " s3cret ")]);
    let by_name = profile("{ env = \"ID\" }", "{ env = \"SECRET\" }");
    assert_eq!(by_name.read_client_id(&env, nothing).unwrap(), "1f2e");
    assert_eq!(by_name.read_client_secret(&env, nothing).unwrap().expose(), " s3cret ");
    let literal = profile("\"1f2e\"", "\"s3cret\"");
    assert_eq!(literal.read_client_id(&env, nothing).unwrap(), "1f2e");
    assert_eq!(literal.read_client_secret(&env, nothing).unwrap().expose(), "s3cret");
    assert_eq!(by_name.variables().collect::<Vec<_>>(), ["ID", "SECRET"]);
    assert_eq!(literal.variables().count(), 0);
}

#[test]
fn files_and_commands_are_the_callers() {
    let profile = profile("{ file = \"/run/id\" }", "{ command = [\"pass\", \"x\"] }");
    let id = profile.read_client_id(&Env::default(), |external| {
        assert!(external == External::File("/run/id".as_ref()));
        Ok(Zeroizing::new(b"1f2e\n".to_vec()))
    });
    assert_eq!(id.unwrap(), "1f2e");
    let secret = profile.read_client_secret(&Env::default(), |external| {
        assert!(external == External::Command(&["pass".into(), "x".into()]));
        Ok(Zeroizing::new(b"s3cret\r\n".to_vec()))
    });
    assert_eq!(secret.unwrap().expose(), "s3cret");
    let failed = Error::new(Code::ConfigUnreadable, "x");
    let error = profile.read_client_id(&Env::default(), |_| Err(failed)).unwrap_err();
    assert_eq!(error.code(), Code::ConfigUnreadable);
}

#[test]
fn what_is_missing_or_empty_is_named() {
    let variables = profile("{ env = \"GC_CLIENT_ID\" }", "{ env = \"GC_CLIENT_SECRET\" }");
    let secret = |env: &[(&str, &str)]| {
        let env = Env::from_pairs(env.iter().copied());
        told(variables.read_client_secret(&env, nothing))
    };
    let id = |env: &[(&str, &str)]| {
        let env = Env::from_pairs(env.iter().copied());
        told(variables.read_client_id(&env, nothing))
    };
    insta::assert_snapshot!(secret(&[("GC_CLIENT_ID", "1"), ("GC_CLIENT_SECRET", "")]), @r"
    error[config.secret_empty]: GC_CLIENT_SECRET is set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    insta::assert_snapshot!(secret(&[("GC_CLIENT_ID", "1")]), @r"
    error[config.secret_missing]: GC_CLIENT_ID is set, but GC_CLIENT_SECRET is not
      hint: set GC_CLIENT_SECRET; a GitHub workflow maps it from its secrets under env:
    ");
    insta::assert_snapshot!(secret(&[]), @r"
    error[config.secret_missing]: GC_CLIENT_SECRET is not set
      hint: set GC_CLIENT_SECRET; a GitHub workflow maps it from its secrets under env:
    ");
    insta::assert_snapshot!(id(&[("GC_CLIENT_SECRET", "1")]), @r"
    error[config.client_id_missing]: GC_CLIENT_SECRET is set, but GC_CLIENT_ID is not
      hint: set GC_CLIENT_ID; a GitHub workflow maps it from its secrets under env:
    ");
    insta::assert_snapshot!(id(&[("GC_CLIENT_ID", ""), ("GC_CLIENT_SECRET", "1")]), @r"
    error[config.client_id_missing]: GC_CLIENT_ID is set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    insta::assert_snapshot!(id(&[("GC_CLIENT_ID", ""), ("GC_CLIENT_SECRET", "")]), @r"
    error[config.secret_empty]: GC_CLIENT_ID and GC_CLIENT_SECRET are set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    insta::assert_snapshot!(id(&[("GC_CLIENT_ID", "1f2e\n")]), @r#"
    error[config.invalid]: the client_id of "x" has a control character
      hint: a line break at its end? write it again without one
    "#);
    let file = profile("\"1\"", "{ file = \"/run/secrets/billing\" }");
    let read = |bytes: &[u8]| {
        let bytes = Zeroizing::new(bytes.to_vec());
        told(file.read_client_secret(&Env::default(), |_| Ok(bytes)))
    };
    insta::assert_snapshot!(read(b"\n"), @r"
    error[config.secret_empty]: /run/secrets/billing is empty
      hint: is the secret there yet? look at it as this user
    ");
    insta::assert_snapshot!(read(b"\xff"), @"error[config.invalid]: /run/secrets/billing: not valid UTF-8");
    let command = profile("\"1\"", "{ command = [\"pass\"] }");
    let silent = command.read_client_secret(&Env::default(), |_| Ok(Zeroizing::default()));
    insta::assert_snapshot!(told(silent), @r"
    error[config.secret_empty]: the command of `client_secret` printed nothing
      hint: is the secret there yet? look at it as this user
    ");
}
