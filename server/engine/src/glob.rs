//! Patterns of KEYS, SCAN MATCH and CONFIG GET: `*` any bytes, `?` one byte,
//! `[abc]`, `[a-c]`, `[^a]` one byte of a class, `\x` the byte `x` itself.
//!
//! Works in time O(pattern x text) without recursion: after a mismatch only the
//! last `*` takes one byte more, for what an earlier `*` could take, the last
//! one could take as well.

/// Whether the whole text matches; ASCII letters match either case if `ignore_case`.
pub(crate) fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if ignore_case {
        matches_folded(pattern, text, |byte| byte.to_ascii_lowercase())
    } else {
        matches_folded(pattern, text, |byte| byte)
    }
}

fn matches_folded(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to go on after a mismatch: behind the last star, one byte later.
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        if pattern.get(at_pattern) == Some(&b'*') {
            at_pattern += 1;
            retry = Some((at_pattern, at_text));
            continue;
        }
        if let Some(next) = one_byte(&pattern[at_pattern..], text[at_text], &fold) {
            at_pattern += next;
            at_text += 1;
        } else if let Some((after_star, from)) = retry {
            at_pattern = after_star;
            at_text = from + 1;
            retry = Some((after_star, at_text));
        } else {
            return false;
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte with the head of the pattern (not a star); returns the length
/// of that head.
fn one_byte(pattern: &[u8], byte: u8, fold: &impl Fn(u8) -> u8) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ref class @ ..] => {
            let (hit, len) = class_match(class, byte, fold);
            hit.then_some(1 + len)
        }
        [b'\\', escaped, ..] => (fold(escaped) == fold(byte)).then_some(2),
        [literal, ..] => (fold(literal) == fold(byte)).then_some(1),
    }
}

/// Matches a byte with what follows a `[`; returns the outcome and the length up
/// to and with the `]`. A class that is never closed ends with the pattern.
fn class_match(class: &[u8], byte: u8, fold: &impl Fn(u8) -> u8) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut hit = false;
    loop {
        match class[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                hit |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (fold(from), fold(to));
                hit |= (from.min(to)..=from.max(to)).contains(&fold(byte));
                at += 3;
            }
            [member, ..] => {
                hit |= fold(member) == fold(byte);
                at += 1;
            }
        }
    }
    (hit != negated, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_match_themselves_only() {
        assert!(matches(b"", b"", false));
        assert!(matches(b"abc", b"abc", false));
        assert!(!matches(b"abc", b"abcd", false));
        assert!(!matches(b"abcd", b"abc", false));
        assert!(!matches(b"abc", b"ABC", false));
        assert!(matches(b"aBc", b"AbC", true));
    }

    #[test]
    fn a_star_takes_any_number_of_bytes() {
        assert!(matches(b"*", b"", false));
        assert!(matches(b"a*", b"a", false));
        assert!(matches(b"*c*e", b"abcde", false));
        assert!(matches(b"a***b", b"ab", false));
        assert!(!matches(b"*c*e", b"abcdf", false));
    }

    #[test]
    fn a_question_mark_takes_exactly_one_byte() {
        assert!(matches(b"h?llo", b"hallo", false));
        assert!(!matches(b"h?llo", b"hllo", false));
        assert!(!matches(b"?", b"", false));
    }

    #[test]
    fn classes_take_members_ranges_and_complements() {
        assert!(matches(b"h[ae]llo", b"hello", false));
        assert!(!matches(b"h[ae]llo", b"hillo", false));
        assert!(matches(b"h[a-c]llo", b"hbllo", false));
        assert!(matches(b"h[c-a]llo", b"hbllo", false));
        assert!(matches(b"h[^e]llo", b"hallo", false));
        assert!(!matches(b"h[^e]llo", b"hello", false));
        assert!(matches(b"[\\]]", b"]", false));
        assert!(matches(b"[A-C]", b"b", true));
    }

    #[test]
    fn a_class_that_is_not_closed_ends_with_the_pattern() {
        assert!(matches(b"a[bc", b"ab", false));
        assert!(!matches(b"a[bc", b"ad", false));
        assert!(!matches(b"a[", b"a", false));
    }

    #[test]
    fn a_backslash_takes_the_next_byte_literally() {
        assert!(matches(b"\\*", b"*", false));
        assert!(!matches(b"\\*", b"x", false));
        assert!(matches(b"a\\", b"a\\", false));
    }

    #[test]
    fn nested_stars_do_not_take_exponential_time() {
        let pattern = [&b"a*".repeat(30)[..], b"b"].concat();
        assert!(!matches(&pattern, &b"a".repeat(2000), false));
    }
}
