//! Reads a preset where it stands in the binary, without building anything: a hit on the cache
//! pays for this at every start.
//!
//! It knows as much of TOML as presets are written in: comments, `[section]`, `key = "text"` and
//! `key = ["text", "text"]` on one line, no escapes. A test holds it against the real parser.

/// Returns the text of a section, found when daypass is built; `""` is what stands before the
/// first header.
pub(super) const fn section(source: &'static str, name: &str) -> &'static str {
    let mut inside = name.is_empty();
    let mut rest = source;
    let mut start = rest;
    loop {
        let (line, after) = first_line(rest);
        if let [b'[', header @ ..] = line.as_bytes() {
            if inside {
                return start.split_at(start.len() - rest.len()).0;
            }
            inside = is_header(header, name.as_bytes());
            start = after;
        }
        if after.is_empty() {
            return if inside { start } else { "" };
        }
        rest = after;
    }
}

/// Returns the first line with its line break, and the rest.
const fn first_line(text: &'static str) -> (&'static str, &'static str) {
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if *first == b'\n' {
            break;
        }
    }
    text.split_at(text.len() - bytes.len())
}

/// Whether a header line, after its `[`, is of this name.
const fn is_header(mut header: &[u8], mut name: &[u8]) -> bool {
    loop {
        match (header, name) {
            ([b']', ..], []) => return true,
            ([a, header_rest @ ..], [b, name_rest @ ..]) if *a == *b => {
                (header, name) = (header_rest, name_rest);
            }
            _ => return false,
        }
    }
}

/// Returns what is behind the `=` of a key.
fn raw(section: &'static str, key: &str) -> Option<&'static str> {
    section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
}

fn unquoted(value: &'static str) -> Option<&'static str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// Returns the keys and texts of a section.
pub(super) fn texts(section: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let entries = section.lines().filter_map(|line| line.split_once(" = "));
    entries
        .filter(|(key, _)| !key.starts_with('#'))
        .filter_map(|(key, value)| Some((key, unquoted(value)?)))
}

/// Returns one text.
pub(super) fn text(section: &'static str, key: &str) -> Option<&'static str> {
    raw(section, key).and_then(unquoted)
}

/// Returns the items of a list; nothing if there is no such list.
pub(super) fn list(section: &'static str, key: &str) -> impl Iterator<Item = &'static str> {
    let items = raw(section, key).and_then(|value| value.strip_prefix('[')?.strip_suffix(']'));
    items.unwrap_or_default().split(',').map(str::trim).filter_map(unquoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn it_reads_every_preset_as_the_real_parser_does() {
        for preset in Preset::all() {
            let table: toml::Table = preset.source().parse().unwrap();
            let sections = table.iter().filter_map(|(name, value)| Some((name, value.as_table()?)));
            let sections = sections.map(|(name, table)| (name.as_str(), table));
            for (name, expected) in sections.chain([("", &table)]) {
                let written = section(preset.source(), name);
                let expected = expected.iter().filter(|(_, value)| !value.is_table());
                let mut keys = 0;
                for (key, value) in expected {
                    keys += 1;
                    if let Some(value) = value.as_array() {
                        let items: Vec<_> = list(written, key).collect();
                        let value: Vec<_> = value.iter().map(|v| v.as_str().unwrap()).collect();
                        assert_eq!(items, value, "{} {key}", preset.name());
                    } else {
                        assert_eq!(text(written, key), value.as_str(), "{key}");
                    }
                }
                let lines = written.lines();
                let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                assert_eq!(lines.count(), keys, "[{name}]");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let source = "a = \"1\"\n# b = \"2\"\n[s]\nc = [\"3\"]\n\n[t]\nd = \"4\"";
        let (root, s, t) = (section(source, ""), section(source, "s"), section(source, "t"));
        assert_eq!((root, s), ("a = \"1\"\n# b = \"2\"\n", "c = [\"3\"]\n\n"));
        assert_eq!((t, section(source, "u"), section("", "")), ("d = \"4\"", "", ""));
        assert_eq!(text(root, "a"), Some("1"));
        assert_eq!(text(root, "b"), None);
        assert_eq!(text(root, "d"), None);
        assert_eq!(text(s, "c"), None);
        assert_eq!(list(s, "c").collect::<Vec<_>>(), ["3"]);
        assert_eq!(list(root, "a").count(), 0);
        assert_eq!(list(root, "z").count(), 0);
        assert_eq!(texts(root).collect::<Vec<_>>(), [("a", "1")]);
    }
}
