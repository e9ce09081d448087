//! "Did you mean": the nearest of a few known names.

/// Returns the candidate that is nearest to `typed`, if one is near enough to be meant, else the
/// first that begins with it.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    let allowed = match typed.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        6..=9 => 2,
        10..=64 => 3,
        _ => return None,
    };
    let rank = |candidate: &str| match distance(&typed, candidate) {
        far if far <= allowed => Some(far),
        _ => candidate.starts_with(&typed).then_some(usize::MAX),
    };
    let known = candidates.into_iter().filter_map(|candidate| Some((rank(candidate)?, candidate)));
    known.min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

/// Returns the number of characters to insert, remove, replace or swap with their neighbour
/// (Damerau-Levenshtein, optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        let mut to_left = None;
        for (j, to) in b.iter().copied().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
            let mut cost = (at(&row, j) + usize::from(from != to)).min(at(&row, j + 1) + 1);
            cost = cost.min(left + 1);
            if last == Some(to) && to_left == Some(from) {
                cost = cost.min(at(&before, j.wrapping_sub(1)).saturating_add(1));
            }
            next.push(cost);
            left = cost;
            to_left = Some(to);
        }
        last = Some(from);
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("scope", "scopes", 1),
            ("clinet_id", "client_id", 1),
            ("tokenurl", "token_url", 1),
            ("min-ttl", "min_ttl", 1),
            ("region", "regoin", 1),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn only_what_could_be_meant_is_suggested() {
        let names = ["client_id", "client_secret", "scopes", "region"];
        assert_eq!(nearest("clientid", names), Some("client_id"));
        assert_eq!(nearest("Client_Secrets", names), Some("client_secret"));
        assert_eq!(nearest("scope", names), Some("scopes"));
        assert_eq!(nearest("reg", names), Some("region"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("id", names), None);
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_never_panics(a in ".{0,12}", b in ".{0,12}") {
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
        }
    }
}
