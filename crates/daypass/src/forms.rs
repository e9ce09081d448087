//! The forms in which a secret can show up in a log, a variable or an answer.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// What is shorter would be found in innocent words.
const SHORTEST_BASE64: usize = 8;

/// Returns every form of a secret that is worth looking for, the plain one first: as it is,
/// URL-encoded, as in JSON, in hexadecimal digits, and in base64, alone or inside something longer such as HTTP Basic
/// credentials (RFC 7617; RFC 6749 section 2.3.1 has the secret form-encoded there).
pub fn secret_forms(secret: &str) -> Vec<Zeroizing<String>> {
    let json = Zeroizing::new(serde_json::to_string(secret).unwrap_or_default());
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let form: Zeroizing<String> =
        Zeroizing::new(form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    let mut forms = vec![secret.to_owned()];
    forms.extend(url_encoded(&form));
    forms.extend([json.replace('/', "\\/"), ascii(json), json.to_owned()]);
    forms.extend([GO_ESCAPES, NET_ESCAPES].map(|escapes| escaped(json, escapes)));
    let keeps = [COMPONENT_KEEPS, URI_KEEPS, QUOTE_KEEPS];
    forms.extend(keeps.map(|keeps| percent_encoded(secret, keeps)));
    forms.extend(hex(secret).into_iter().filter(|form| form.len() >= SHORTEST_BASE64));
    for text in [secret, &form] {
        let base64 = (0..3).flat_map(|offset| embedded(text.as_bytes(), offset));
        forms.extend(base64.filter(|form| form.len() >= SHORTEST_BASE64));
    }
    let mut distinct: Vec<Zeroizing<String>> = Vec::with_capacity(forms.len());
    for form in forms.into_iter().map(Zeroizing::new) {
        if !distinct.contains(&form) {
            distinct.push(form);
        }
    }
    distinct
}

/// What JavaScript's `encodeURIComponent` and `encodeURI` leave as it is, besides letters and digits.
const COMPONENT_KEEPS: &str = "-_.!~*'()";
const URI_KEEPS: &str = "-_.!~*'();,/?:@&=+$#";

/// What Python's `urllib.parse.quote` leaves.
const QUOTE_KEEPS: &str = "_.-~/";

/// What JSON encoders write as `\uXXXX` although they need not: Go's (and with it Terraform's and
/// Docker's), and .NET's.
const GO_ESCAPES: &str = "&<>";
const NET_ESCAPES: &str = "&<>+'`";

/// As in JSON that is safe in a web page. Go writes the digits small, .NET large.
fn escaped(json: &str, escapes: &str) -> String {
    let large = escapes == NET_ESCAPES;
    // .NET writes a quote like this too.
    let json = if large { json.replace("\\\"", "\\u0022") } else { json.to_owned() };
    json.chars().fold(String::with_capacity(json.len()), |mut text, character| {
        match (escapes.contains(character), large) {
            (true, true) => text.push_str(&format!("\\u{:04X}", u32::from(character))),
            (true, false) => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            (false, _) => text.push(character),
        }
        text
    })
}

fn percent_encoded(secret: &str, keeps: &str) -> String {
    let byte = |byte: u8| {
        let kept = byte.is_ascii_alphanumeric() || keeps.as_bytes().contains(&byte);
        if kept { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    secret.bytes().map(byte).collect()
}

/// In large and in small digits.
fn hex(secret: &str) -> [String; 2] {
    let large: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
    [large.to_lowercase(), large]
}

/// As in JSON that is ASCII throughout.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut text, character| {
        if character.is_ascii() {
            text.push(character);
        } else {
            let units = character.encode_utf16(&mut units);
            text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
        text
    })
}

/// What percent-encoders make of a text: a form's or a URL's, those that encode `~` and others,
/// with large and with small digits.
fn url_encoded(form: &str) -> Vec<String> {
    let plain = form.replace("%7E", "~").replace('*', "%2A");
    let large = [form.replace('+', "%20"), plain.replace('+', "%20"), plain, form.to_owned()];
    let small = large.each_ref().map(|text| small_digits(text));
    large.into_iter().chain(small).collect()
}

fn small_digits(encoded: &str) -> String {
    let mut digits = 0;
    let small = encoded.chars().map(|character| {
        digits = if character == '%' { 2_u8 } else { digits };
        let is_digit = character != '%' && digits > 0;
        digits -= u8::from(is_digit);
        if is_digit { character.to_ascii_lowercase() } else { character }
    });
    small.collect()
}

/// What base64 makes of a text at this offset, modulo three, in something longer. The characters
/// that depend on its neighbours are left out.
fn embedded(secret: &[u8], offset: usize) -> [String; 2] {
    let inner = secret.get((3 - offset) % 3..).unwrap_or_default();
    let whole = inner.get(..inner.len() - inner.len() % 3).unwrap_or_default();
    [BASE64_STANDARD_NO_PAD.encode(whole), BASE64_URL_SAFE_NO_PAD.encode(whole)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_there_once() {
        let forms = secret_forms("a~/é");
        let forms: Vec<_> = forms.iter().map(|form| form.as_str()).collect();
        assert_eq!(
            forms,
            [
                "a~/é",
                "a%7E%2F%C3%A9",
                "a~%2F%C3%A9",
                "a%7e%2f%c3%a9",
                "a~%2f%c3%a9",
                "a~\\/é",
                "a~/\\u00e9",
                "a~/%C3%A9",
                "617e2fc3a9",
                "617E2FC3A9",
                "YSU3RSUyRiVDMyVB",
                "N0UlMkYlQzMl",
                "JTdFJTJGJUMzJUE5",
            ]
        );
        assert_eq!(secret_forms("abc").len(), 1);
    }
}
