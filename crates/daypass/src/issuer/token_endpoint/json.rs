//! Reads one JSON object, and of it only the fields that are asked for (RFC 8259).
//!
//! A field of an unexpected type is a value to decide on, not an error; a doubled field is an
//! error, because two readers could take different ones. Texts are zeroed on drop.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::LONGEST_LIFETIME;

/// What some servers write before the object.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The fields that were asked for, as far as they are there.
pub(in crate::issuer) struct Object(Vec<(&'static str, Field)>);

/// The value of a field.
pub(in crate::issuer) enum Field {
    Null,
    Text(Zeroizing<String>),
    Number(f64),
    Texts(Vec<Zeroizing<String>>),
    Other,
}

/// Reads `bytes` as one JSON object with nothing after it.
pub(in crate::issuer) fn object(bytes: &[u8], wanted: &'static [&'static str]) -> Option<Object> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let object = Wanted(wanted).deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(object)
}

impl Object {
    /// Returns a field; `None` when it is absent or null.
    pub(in crate::issuer) fn field(&self, name: &str) -> Option<&Field> {
        let mut named = self.0.iter().filter(|(field, _)| *field == name).map(|(_, value)| value);
        named.next().filter(|value| !matches!(value, Field::Null))
    }

    /// Returns a field that is text.
    pub(in crate::issuer) fn text(&self, name: &str) -> Option<&str> {
        match self.field(name) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns a field as a duration in seconds, from a number or from text with a number in it.
    /// `None` for what is no number or not positive; saturates at ten years.
    pub(in crate::issuer) fn seconds(&self, name: &str) -> Option<Duration> {
        seconds(self.number(name)?)
    }

    /// Returns a field as a number.
    pub(in crate::issuer) fn number(&self, name: &str) -> Option<f64> {
        match self.field(name)? {
            Field::Number(number) => Some(*number),
            Field::Text(text) => {
                let digits = text.trim();
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                if plain { digits.parse().ok() } else { None }
            }
            _ => None,
        }
    }
}

/// Less than a millisecond is nothing: times are kept in milliseconds.
fn seconds(number: f64) -> Option<Duration> {
    let stated = number >= 0.001;
    stated.then(|| Duration::from_secs_f64(number.min(LONGEST_LIFETIME.as_secs_f64())))
}

/// The names of the fields to read.
struct Wanted(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Object, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut fields: Vec<(&'static str, Field)> = Vec::new();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(name) if fields.iter().any(|(field, _)| *field == name) => {
                    return Err(A::Error::duplicate_field(name));
                }
                Some(name) => fields.push((name, map.next_value()?)),
            }
        }
        Ok(Object(fields))
    }
}

/// Reads a field's name: `None` if it is not wanted.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|wanted| *wanted == name))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Zeroizing::new(text.to_owned())))
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds beyond 2^53 are cut anyway")]
    fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
        Ok(Field::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a negative number means: not stated")]
    fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
        Ok(Field::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Field, E> {
        Ok(Field::Number(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(item) = items.next_element()? {
            match (item, &mut texts) {
                (Field::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Field::Other, Field::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}
