//! What our files are called. Nothing else in the folder is ever touched.

use std::fmt::Write;

use crate::CacheKey;

/// When this file was last written, the folder was last swept.
pub(super) const SWEPT: &str = "swept";

/// The name of a file of ours, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A sealed record: the key.
    Record(CacheKey),
    /// Who may write the record with this fence: the key, the fence, `lock`.
    Lock(CacheKey, u64),
    /// A record being written: the key, its holder's ticket, `tmp`.
    Temp(CacheKey, u64),
    /// Counts that are not in the record yet: the key, `tally`.
    Tally(CacheKey),
}

impl Name {
    /// Understands a name exactly as it is written here, and no other.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (key, rest) = name.split_at_checked(64)?;
        let key = CacheKey(bytes(key)?);
        let name_is = |understood: &Self| understood.to_string() == name;
        let understood = match rest.strip_prefix('.') {
            None => Self::Record(key),
            Some("tally") => Self::Tally(key),
            Some(rest) => match rest.split_once('.')? {
                (fence, "lock") => Self::Lock(key, fence.parse().ok()?),
                (ticket, "tmp") => Self::Temp(key, u64::from_str_radix(ticket, 16).ok()?),
                _ => return None,
            },
        };
        Some(understood).filter(name_is)
    }

    /// Returns the key that the file belongs to.
    pub(super) fn key(&self) -> &CacheKey {
        let (Self::Record(key) | Self::Lock(key, _) | Self::Temp(key, _) | Self::Tally(key)) = self;
        key
    }

    /// Returns the file's name.
    #[expect(clippy::inherent_to_string, reason = "a file's name is not text for people")]
    pub(super) fn to_string(self) -> String {
        let mut name = String::with_capacity(96);
        name.extend(self.key().as_bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]));
        // Writing to a string never fails.
        let _ = match self {
            Self::Record(_) => Ok(()),
            Self::Lock(_, fence) => write!(name, ".{fence}.lock"),
            Self::Temp(_, ticket) => write!(name, ".{ticket:016x}.tmp"),
            Self::Tally(_) => name.write_str(".tally"),
        };
        name
    }
}

fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble & 0xf), 16).unwrap_or_default()
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut digits = digits.chars().map(|digit| digit.to_digit(16));
    for byte in &mut bytes {
        *byte = u8::try_from(digits.next()?? << 4 | digits.next()??).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::key;

    #[test]
    fn every_name_is_understood_as_what_it_was_made_for() {
        for name in [
            Name::Record(key(1)),
            Name::Lock(key(1), 0),
            Name::Lock(key(1), u64::MAX),
            Name::Temp(key(1), 7),
            Name::Tally(key(1)),
        ] {
            assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
        assert_eq!(Name::Record(key(1)).to_string(), key(1).to_string());
        let name = Name::Temp(key(1), 7).to_string();
        assert!(name.ends_with(".0000000000000007.tmp"), "{name}");
    }

    #[test]
    fn names_that_are_nearly_ours_are_not() {
        let key = key(1).to_string();
        for name in [
            String::new(),
            SWEPT.to_owned(),
            key[..63].to_owned(),
            key.to_uppercase(),
            format!("{key}0"),
            format!("{key}."),
            format!("{key}.lock"),
            format!("{key}.07.lock"),
            format!("{key}.+7.lock"),
            format!("{key}.-1.lock"),
            format!("{key}.99999999999999999999.lock"),
            format!("{key}.7.lock.lock"),
            format!("{key}.7.tmp"),
            format!("{key}.000000000000000A.tmp"),
            format!("{key}.tally~"),
            format!("{}é{}", &key[..63], &key[..10]),
        ] {
            assert_eq!(Name::parse(&name), None, "{name}");
        }
    }
}
