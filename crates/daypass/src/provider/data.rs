//! Reads a preset where it stands in the binary, without building anything: a hit on the cache
//! pays for this at every start.
//!
//! It knows as much of TOML as presets are written in: comments, `[section]`, `key = "text"` and
//! `key = ["text", "text"]` on one line, no escapes. A test holds it against the real parser.

/// Returns the lines of a section; the section before the first header is `""`.
fn lines<'s>(text: &'static str, section: &'s str) -> impl Iterator<Item = &'static str> + use<'s> {
    let header = |line: &str| line.strip_prefix('[').is_some();
    let is_ours = move |line: &str| {
        line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) == Some(section)
    };
    let skip = usize::from(!section.is_empty());
    text.lines()
        .skip_while(move |line| !section.is_empty() && !is_ours(line))
        .skip(skip)
        .take_while(move |line| !header(line))
}

/// Returns what is behind the `=` of a key.
fn raw(text: &'static str, section: &str, key: &str) -> Option<&'static str> {
    lines(text, section).find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
}

fn unquoted(value: &'static str) -> Option<&'static str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// Returns the keys and texts of a section.
pub(super) fn texts(
    text: &'static str,
    section: &'static str,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let entries = lines(text, section).filter_map(|line| line.split_once(" = "));
    entries
        .filter(|(key, _)| !key.starts_with('#'))
        .filter_map(|(key, value)| Some((key, unquoted(value)?)))
}

/// Returns one text.
pub(super) fn text(text: &'static str, section: &str, key: &str) -> Option<&'static str> {
    raw(text, section, key).and_then(unquoted)
}

/// Returns the items of a list; nothing if there is no such list.
pub(super) fn list(
    text: &'static str,
    section: &str,
    key: &str,
) -> impl Iterator<Item = &'static str> {
    let value = raw(text, section, key);
    let items = value.and_then(|value| value.strip_prefix('[')?.strip_suffix(']'));
    items.unwrap_or_default().split(", ").filter_map(unquoted)
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
            for (section, expected) in sections.chain([("", &table)]) {
                let expected = expected.iter().filter(|(_, value)| !value.is_table());
                let mut keys = 0;
                for (key, value) in expected {
                    keys += 1;
                    if let Some(value) = value.as_array() {
                        let items: Vec<_> = list(preset.source(), section, key).collect();
                        let value: Vec<_> = value.iter().map(|v| v.as_str().unwrap()).collect();
                        assert_eq!(items, value, "{} {key}", preset.name());
                    } else {
                        assert_eq!(text(preset.source(), section, key), value.as_str(), "{key}");
                    }
                }
                let written = lines(preset.source(), section);
                let written = written.filter(|line| !line.is_empty() && !line.starts_with('#'));
                assert_eq!(written.count(), keys, "[{section}]");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let preset = "a = \"1\"\n# b = \"2\"\n[s]\nc = [\"3\"]\n";
        assert_eq!(text(preset, "", "a"), Some("1"));
        assert_eq!(text(preset, "s", "a"), None);
        assert_eq!(text(preset, "", "b"), None);
        assert_eq!(text(preset, "s", "c"), None);
        assert_eq!(list(preset, "s", "c").collect::<Vec<_>>(), ["3"]);
        assert_eq!(list(preset, "", "a").count(), 0);
        assert_eq!(list(preset, "", "z").count(), 0);
    }
}
