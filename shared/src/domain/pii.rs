//! Masks what identifies a person in free text.
//!
//! Two strengths, because the cost of a mistake differs. In a text that its route marks, everything that may be a phone
//! number goes too: privacy wins over a lost order number. In a text that nobody marked, only what is recognisable for
//! sure goes: e-mail addresses, card numbers by their check digit, social security numbers by their ranges.
//!
//! Numbers are found in groups of digits, as people write them, rather than by one pattern per layout: every sequence
//! of whole groups that makes a card, a social security number or a phone number is masked, so no such sequence
//! remains.

use std::{borrow::Cow, ops::Range};

/// What stands for a masked part.
pub const MASK: &str = "[redacted]";

/// Digits of a card number: ISO/IEC 7812 allows up to 19, and no issuer uses fewer than 13.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Digits of a phone number: a local one has 7, E.164 allows 15.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Accents apart from their letters, as decomposed text has them.
const COMBINING_MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
/// Separators between two groups of one number: `) -` and the like.
const MAX_GAP: usize = 3;

/// Masks card numbers, e-mail addresses, US social security numbers and everything that may be a phone number.
pub fn redact(text: &str) -> Cow<'_, str> {
    mask(text, true)
}

/// Masks card numbers, e-mail addresses and US social security numbers, and leaves other digits alone.
pub fn guard(text: &str) -> Cow<'_, str> {
    mask(text, false)
}

/// Whether the digits pass the check of ISO/IEC 7812 (Luhn): from the right, every second digit doubled, its own digits
/// summed, the total a multiple of ten.
pub fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let total: u32 = digits
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubled)| match u32::from(digit) * if doubled { 2 } else { 1 } {
            two_digits @ 10.. => two_digits - 9,
            one_digit => one_digit,
        })
        .sum();
    total.is_multiple_of(10)
}

fn mask(text: &str, phones: bool) -> Cow<'_, str> {
    let fewest = if phones { *PHONE_DIGITS.start() } else { SSN_GROUPS.iter().sum() };
    let mut found: Vec<_> = text.match_indices('@').filter_map(|(at, _)| email(text, at)).collect();
    if text.bytes().filter(u8::is_ascii_digit).nth(fewest - 1).is_some() {
        numbers(text, phones, &mut found);
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_unstable_by_key(|range| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut written = 0;
    for range in found {
        if range.start >= written {
            masked.push_str(&text[written..range.start]);
            masked.push_str(MASK);
        }
        written = written.max(range.end);
    }
    masked.push_str(&text[written..]);
    Cow::Owned(masked)
}

/// The e-mail address around an `@`: letters of every script, and before it whatever an atom of RFC 5322 may hold, but
/// for the slash, which stands before an address more often than in one.
fn email(text: &str, at: usize) -> Option<Range<usize>> {
    let letter = |c: char| c.is_alphanumeric() || COMBINING_MARKS.contains(&c);
    let before = &text[..at];
    let local = before.trim_end_matches(|c: char| letter(c) || ".!#$%&'*+-=?^_`{|}~".contains(c));
    let after = &text[at + 1..];
    let end = after.find(|c: char| !(letter(c) || c == '-' || c == '.')).unwrap_or(after.len());
    let domain = after[..end].trim_end_matches(['.', '-']);
    let is_domain = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    (local.len() < at && is_domain).then(|| local.len()..at + 1 + domain.len())
}

/// Digits that stand together, and how they follow the group before them.
struct Group {
    range: Range<usize>,
    gap: Gap,
}

/// What stands between two groups of digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Something that no number has in it.
    Break,
    /// One space or one hyphen.
    Single(char),
    /// Other punctuation of phone numbers.
    Loose,
}

fn numbers(text: &str, phones: bool, found: &mut Vec<Range<usize>>) {
    let groups = groups(text);
    for first in 0..groups.len() {
        let mut digits = 0;
        let mut single = true;
        for (length, group) in groups[first..].iter().enumerate() {
            match group.gap {
                _ if length == 0 => {}
                Gap::Break => break,
                Gap::Single(_) => {}
                Gap::Loose => single = false,
            }
            digits += group.range.len();
            if digits > *CARD_DIGITS.end() {
                break;
            }
            let window = &groups[first..=first + length];
            let is_card = || single && CARD_DIGITS.contains(&digits) && luhn(digits_of(text, window));
            let is_phone = || phones && PHONE_DIGITS.contains(&digits);
            if is_phone() || is_card() || is_ssn(text, window) {
                found.push(opening(text, window[0].range.start)..group.range.end);
            }
        }
    }
}

fn groups(text: &str) -> Vec<Group> {
    let bytes = text.as_bytes();
    let mut groups: Vec<Group> = Vec::with_capacity(8);
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + skipped;
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let gap = if groups.is_empty() { Gap::Break } else { gap(&text[at..start]) };
        at = start + length;
        groups.push(Group { range: start..at, gap });
    }
    groups
}

fn gap(between: &str) -> Gap {
    let plain = |c| match c {
        ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' => Some(' '),
        '-' | '\u{2010}'..='\u{2013}' => Some('-'),
        _ => None,
    };
    let mut characters = between.chars();
    match (characters.next().and_then(plain), characters.next()) {
        (Some(separator), None) => Gap::Single(separator),
        _ if between.chars().all(|c| plain(c).is_some() || "().+/".contains(c))
            && between.chars().count() <= MAX_GAP =>
        {
            Gap::Loose
        }
        _ => Gap::Break,
    }
}

fn digits_of<'t>(text: &'t str, window: &'t [Group]) -> impl DoubleEndedIterator<Item = u8> {
    window.iter().flat_map(|group| text[group.range.clone()].bytes().map(|byte| byte - b'0'))
}

/// Area, group and serial, as the Social Security Administration writes them.
const SSN_GROUPS: [usize; 3] = [3, 2, 4];

fn is_ssn(text: &str, window: &[Group]) -> bool {
    let [area, group, serial] = window else { return false };
    if [area, group, serial].map(|part| part.range.len()) != SSN_GROUPS
        || group.gap != serial.gap
        || !matches!(group.gap, Gap::Single(_))
    {
        return false;
    }
    let [area, group, serial] = [area, group, serial].map(|part| &text[part.range.clone()]);
    // Never issued: area 000, 666 and from 900 on, group 00, serial 0000.
    !matches!(area, "000" | "666") && !area.starts_with('9') && group != "00" && serial != "0000"
}

/// Where a number begins, with the `+` or parenthesis that opens it.
fn opening(text: &str, start: usize) -> usize {
    text[..start].trim_end_matches(['+', '(']).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether any run of digits, with one space or hyphen between groups, has whole groups that make a card number.
    fn has_card(text: &str) -> bool {
        let runs = text.split(|c: char| !(c.is_ascii_digit() || c == ' ' || c == '-'));
        runs.map(|run| run.split([' ', '-']).collect::<Vec<_>>()).any(|groups| {
            let starts = 0..groups.len();
            starts.flat_map(|from| (from + 1..=groups.len()).map(move |to| (from, to))).any(|(from, to)| {
                let window = &groups[from..to];
                let digits = window.concat();
                !window.contains(&"") && CARD_DIGITS.contains(&digits.len()) && luhn(digits.bytes().map(|b| b - b'0'))
            })
        })
    }

    #[test]
    fn card_numbers_are_masked_in_their_usual_groupings() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "3782 822463 10005",
            "378282246310005",
            "6011 1111 1111 1117",
            "4222222222222",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        ] {
            assert_eq!(guard(&format!("card {card}, ok")), "card [redacted], ok");
            assert_eq!(redact(&format!("card {card}, ok")), "card [redacted], ok");
        }
        assert_eq!(guard("x12 4111 1111 1111 1111"), "x12 [redacted]");
    }

    #[test]
    fn a_long_number_that_fails_the_check_is_no_card() {
        assert_eq!(guard("order 4111111111111112"), "order 4111111111111112");
        assert_eq!(redact("order 4111111111111112"), "order 4111111111111112");
    }

    #[test]
    fn e_mail_addresses_are_masked() {
        assert_eq!(guard("to ada.b+x@mail.example.com."), "to [redacted].");
        assert_eq!(guard("<jürgen@müller.example>"), "<[redacted]>");
        assert_eq!(guard("<ju\u{308}rgen@mu\u{308}ller.example>"), "<[redacted]>", "decomposed");
        assert_eq!(guard("to bounces+ada=mail?x@example.com"), "to [redacted]");
        for text in ["@example.com", "a@b", "a @ example.com", "5 @ 3.50", "user@.com"] {
            assert_eq!(guard(text), text);
        }
    }

    #[test]
    fn social_security_numbers_are_masked_within_their_ranges() {
        assert_eq!(guard("ssn 078-05-1120 or 078 05 1120"), "ssn [redacted] or [redacted]");
        for text in
            ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-45 6789", "1123-45-6789"]
        {
            assert_eq!(guard(text), text);
        }
    }

    #[test]
    fn phone_numbers_are_masked_only_where_the_text_is_marked() {
        for phone in ["+1 555 010 9876", "(555) 010-9876", "555.010.9876", "+15550109876", "555-0109"] {
            assert_eq!(redact(&format!("call {phone}!")), "call [redacted]!", "{phone}");
            assert_eq!(guard(phone), phone);
        }
        for apart in ["room 12-3456", "555x0109", "555 -- 0109"] {
            assert_eq!(redact(apart), apart);
        }
    }

    #[test]
    fn parts_that_overlap_are_masked_as_one() {
        assert_eq!(redact("15550109876@example.com"), "[redacted]");
        assert_eq!(redact("4111 1111 1111 1111 555-0109"), "[redacted]");
    }

    proptest! {
        #[test]
        fn no_card_number_remains(text in "([0-9]{1,20}|[ -]|[a-z.,@+()]){0,40}") {
            prop_assert!(!has_card(&redact(&text)));
            prop_assert!(!has_card(&guard(&text)));
        }

        #[test]
        fn a_card_number_in_any_text_is_gone(before in "[a-zé ]{0,10}", after in "[a-zé ,]{0,10}", digits in "[0-9]{12,18}") {
            let check = (b'0'..=b'9').find(|&c| luhn(digits.bytes().chain([c]).map(|b| b - b'0'))).unwrap();
            let card = format!("{digits}{}", char::from(check));
            let masked = guard(&format!("{before}{card}{after}")).into_owned();
            prop_assert_eq!(masked, format!("{before}{MASK}{after}"));
        }

        #[test]
        fn masking_twice_changes_nothing(text in any::<String>()) {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }
    }
}
