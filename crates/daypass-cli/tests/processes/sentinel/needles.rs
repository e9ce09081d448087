//! The forms in which a secret may show up, and the search for them. Shares no code with the
//! product: a mistake of both would hide itself.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A part this long of any form is a find: what is cut off in the middle counts as well.
const PIECE: usize = 14;

/// Returns every form of a secret; with a client id also those of HTTP Basic.
pub(crate) fn forms(secret: &str, id: Option<&str>) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let ascii =
        |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    let mut forms = vec![
        secret.to_owned(),
        url_encoded(secret),
        lower_hex(&url_encoded(secret)),
        form_encoded(secret),
        lower_hex(&form_encoded(secret)),
        loose_form(secret),
        lower_hex(&loose_form(secret)),
        json(secret),
        json(secret).replace('/', "\\/"),
        json(secret).chars().map(ascii).collect(),
        format!("{secret:?}").trim_matches('"').to_owned(),
    ];
    let mut whole = vec![secret.to_owned(), form_encoded(secret)];
    if let Some(id) = id {
        whole.push(format!("{id}:{secret}"));
        whole.push(format!("{}:{}", form_encoded(id), form_encoded(secret)));
    }
    for text in whole {
        forms.extend((0..3).flat_map(|offset| base64_at(&text, offset)));
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What base64 makes of a text that starts at this offset in something longer, without the
/// characters that depend on its neighbours.
fn base64_at(text: &str, offset: usize) -> [String; 2] {
    let padded = [&vec![0; offset][..], text.as_bytes()].concat();
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|encoded| encoded[first..last].to_owned())
}

/// Percent-encoding of all but unreserved characters (RFC 3986 section 2.3).
pub(crate) fn url_encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// As the URL standard writes a form, and as daypass sends it: a space is `+`, `*` stays, `~` does
/// not.
pub(crate) fn form_encoded(text: &str) -> String {
    loose_form(text).replace('~', "%7E").replace("%2A", "*")
}

/// As other encoders write a form.
fn loose_form(text: &str) -> String {
    url_encoded(text).replace("%20", "+")
}

/// With `%2f` for `%2F`.
fn lower_hex(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    let rest = parts.map(|part| format!("%{}{}", part[..2].to_lowercase(), &part[2..]));
    [first].into_iter().chain(rest).collect()
}

pub(crate) fn hex(secret: &str) -> String {
    secret.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What to search for.
#[derive(Default)]
pub(crate) struct Needles(Vec<Vec<u8>>);

impl Needles {
    pub(crate) fn of(forms: &[String]) -> Self {
        let mut needles = Self::default();
        needles.add(forms);
        needles
    }

    pub(crate) fn add(&mut self, forms: &[String]) {
        for form in forms {
            assert!(form.len() >= PIECE, "too short to search for");
            let pieces = form.as_bytes().windows(PIECE).map(<[u8]>::to_vec);
            self.0.extend(pieces);
        }
        self.0.sort();
        self.0.dedup();
    }

    /// Returns a piece that is in `text`.
    pub(crate) fn find(&self, text: &[u8]) -> Option<String> {
        let found = text.windows(PIECE).find(|part| self.0.binary_search(&part.to_vec()).is_ok());
        found.map(|part| String::from_utf8_lossy(part).into_owned())
    }
}

#[test]
fn every_form_is_found_in_whatever_is_around_it() {
    let secret = "a/b+c d\"e\\f%g&hé=ijklmnop";
    let needles = Needles::of(&forms(secret, Some("id")));
    for before in 0..4 {
        for after in 0..4 {
            let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
            for form in [
                text.clone(),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                url_encoded(&text),
                form_encoded(&text),
                serde_json::json!({ "text": text }).to_string(),
                format!("{text:?}"),
            ] {
                assert!(needles.find(form.as_bytes()).is_some(), "{form}");
            }
        }
    }
    assert_eq!(lower_hex("A%2FB%C3%A9"), "A%2fB%c3%a9");
    assert_eq!(needles.find(b"a text that has nothing to do with it, of some length"), None);
}
