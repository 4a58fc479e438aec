//! Phone numbers in E.164, by libphonenumber's metadata.
//!
//! A number is accepted if its country's plan has such numbers at all. It need not be assigned: the plan is asked, not
//! the range, because ranges open faster than metadata ships, and the numbers reserved for fiction must pass in tests.
//!
//! The phone-number library is asked when this is built, for its metadata, and when it is tested, for its opinion of
//! every region's numbers. What stands between, taking off what people put before a number, is this module.

use std::{borrow::Cow, sync::OnceLock};

use regex_lite::{Captures, Regex};

/// Digits of an international number, the country code included: ITU-T E.164.
const MAX_DIGITS: usize = 15;

/// How phone numbers are read: international ones, and one region's national ones where there is a region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct E164 {
    /// Its place in [`REGIONS`].
    region: Option<usize>,
}

/// A region that has no phone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownRegion;

/// The national numbers of a region, and what is dialled before them. An empty pattern is none.
struct Region {
    /// ISO 3166-1, two letters; `001` for a code of no country.
    id: &'static str,
    /// The country code, which others may share.
    code: u16,
    /// Its national numbers.
    numbers: Numbers,
    /// Before an international number, such as `00`.
    international: &'static str,
    /// Before a national number, such as `0`, and what else of it belongs to the trunk.
    trunk: &'static str,
    /// What takes the trunk's place, with `$1` for its first group.
    transform: &'static str,
}

/// The national numbers of a region as an automaton over digits: a table instead of a pattern, since every event asks.
/// Of each state it tells whether a number may end there, and for each digit the next state's place and one more, or 0
/// where no number goes on so. The first state is the start.
struct Numbers(&'static [(bool, [u8; 10])]);

impl Numbers {
    fn accept(&self, digits: &str) -> bool {
        let step = |(_, next): &(bool, [u8; 10]), digit: u8| {
            let after = *next.get(usize::from(digit.wrapping_sub(b'0')))?;
            self.0.get(usize::from(after).checked_sub(1)?)
        };
        let mut digits = digits.bytes();
        let last = self.0.first().and_then(|start| digits.try_fold(start, step));
        last.is_some_and(|(may_end, _)| *may_end)
    }
}

impl E164 {
    /// Reads international numbers, and those of `region` where it is given.
    pub(crate) fn new(region: Option<&str>) -> Result<Self, UnknownRegion> {
        let place = |id: &str| REGIONS.iter().position(|region| region.id == id && id.len() == 2).ok_or(UnknownRegion);
        Ok(Self { region: region.map(place).transpose()? })
    }

    /// The number in E.164, or nothing where the text is not one.
    pub(crate) fn normalise(self, text: &str) -> Option<String> {
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let (text, international) = text.strip_prefix('+').map_or((text, false), |number| (number, true));
        // Nothing else: no number is looked for inside prose, and no letter is a digit.
        if !text.chars().all(|c| c.is_ascii_digit() || " -.()/\u{a0}".contains(c)) {
            return None;
        }
        let mut digits = String::with_capacity(text.len());
        digits.extend(text.chars().filter(char::is_ascii_digit));
        let number = if international { from_abroad(&digits) } else { at_home(self.region?, &digits) };
        number.filter(|number| number.len() <= MAX_DIGITS).map(|number| ["+", &number].concat())
    }
}

/// A number in E.164 without `+` and the country's code: its national digits, before which some countries dial a trunk
/// prefix.
pub(crate) fn national(number: &str) -> Option<&str> {
    let digits = number.strip_prefix('+')?;
    let (_, national) = split(digits)?;
    (!national.is_empty()).then_some(national)
}

/// The country's code of an international number, and the rest of it.
fn split(digits: &str) -> Option<(u16, &str)> {
    // Country codes have up to three digits, and none is the beginning of another.
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.parse().ok().filter(|_| !code.starts_with('0'))?;
        of_code(code).next().map(|_| (code, national))
    })
}

/// The digits of an international number: as they stand if they are one, else without the trunk prefix that people put
/// between country code and number, `+44 (0)20 …`. Only the main region's is taken off: those of the others put an area
/// code before what is too short, which makes a truncated number somebody else's.
fn from_abroad(digits: &str) -> Option<Cow<'_, str>> {
    let (code, national) = split(digits)?;
    if has_number(code, national) {
        return Some(digits.into());
    }
    let stripped = of_code(code).next().and_then(|main| without_trunk(main, national));
    stripped.filter(|number| has_number(code, number)).map(|national| format!("{code}{national}").into())
}

/// The digits of an international number for what is dialled within a region: an international one behind the region's
/// prefix for those, a number of the region with or without its trunk prefix, or one with the country code alone.
fn at_home(place: usize, digits: &str) -> Option<Cow<'_, str>> {
    let region = &REGIONS[place];
    let of_the_region = |national: &str| {
        let stripped = without_trunk(place, national).filter(|number| has_number(region.code, number));
        let whole = || has_number(region.code, national).then(|| national.to_owned());
        stripped.or_else(whole).map(|number| Cow::Owned(format!("{}{number}", region.code)))
    };
    after(&INTERNATIONAL[place], region.international, digits)
        .and_then(from_abroad)
        .or_else(|| of_the_region(digits))
        .or_else(|| of_the_region(digits.strip_prefix(&region.code.to_string())?))
}

/// What follows an international prefix.
fn after<'a>(read: &OnceLock<Option<Regex>>, prefix: &str, digits: &'a str) -> Option<&'a str> {
    let found = pattern(read, prefix)?.find(digits)?;
    Some(&digits[found.end()..])
}

/// A national number without its trunk prefix, where it begins with one.
fn without_trunk(place: usize, national: &str) -> Option<String> {
    let region = &REGIONS[place];
    let found = pattern(&TRUNKS[place], region.trunk)?.captures(national)?;
    let end = found.get(0)?.end();
    // Without its last group, there is a prefix and nothing to put in its place.
    let replaced = found.get(found.len() - 1).is_some() && !region.transform.is_empty();
    let begin = if replaced { transformed(region.transform, &found) } else { String::new() };
    Some(begin + &national[end..])
}

/// A rule such as `9$1` with its groups filled in. A group's number has one digit, whatever follows it.
fn transformed(rule: &str, found: &Captures<'_>) -> String {
    let mut parts = rule.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (group, rest) = part.split_at_checked(1).unwrap_or_default();
        let group = group.parse().ok().and_then(|group| found.get(group));
        text.push_str(group.map_or("", |group| group.as_str()));
        text.push_str(rest);
    }
    text
}

/// The regions by country code, each code's main one first: made from the library's metadata by the build script, since
/// the library would read all of its metadata first, which is most of a cold start.
static REGIONS: &[Region] = &include!(concat!(env!("OUT_DIR"), "/phone_regions.rs"));

/// Each pattern, from its first use on.
static TRUNKS: [OnceLock<Option<Regex>>; REGIONS.len()] = [const { OnceLock::new() }; REGIONS.len()];
static INTERNATIONAL: [OnceLock<Option<Regex>>; REGIONS.len()] = [const { OnceLock::new() }; REGIONS.len()];

/// The places of the regions that share a country code.
fn of_code(code: u16) -> impl Iterator<Item = usize> {
    let first = REGIONS.partition_point(|region| region.code < code);
    (first..REGIONS.len()).take_while(move |place| REGIONS[*place].code == code)
}

/// Whether any region of a country code has such national numbers, all of their digits: the library's own check is
/// content with the first ones.
fn has_number(code: u16, national: &str) -> bool {
    of_code(code).any(|place| REGIONS[place].numbers.accept(national))
}

/// A pattern at the beginning of what is dialled; nothing where there is none.
fn pattern<'a>(read: &'a OnceLock<Option<Regex>>, text: &str) -> Option<&'a Regex> {
    if text.is_empty() {
        return None;
    }
    read.get_or_init(|| Regex::new(&format!("^(?:{text})")).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use phonenumber::metadata::{DATABASE, Metadata};
    use proptest::prelude::*;

    use super::*;

    fn normalised(text: &str, region: Option<&str>) -> Option<String> {
        E164::new(region).unwrap().normalise(text)
    }

    #[test]
    fn a_number_is_dialled_at_home_without_the_code_of_its_country() {
        for (number, dialled) in [
            ("+15550109876", Some("5550109876")),
            ("+442079460123", Some("2079460123")),
            ("+390612345678", Some("0612345678")),
            ("+351210000000", Some("210000000")),
            ("+1", None),
            ("+0123", None),
            ("15550109876", None),
        ] {
            assert_eq!(national(number), dialled, "{number}");
        }
    }

    #[test]
    fn international_numbers_come_out_in_e164() {
        for text in ["+15550109876", "+1 (555) 010-9876", " +1-555-010-9876 ", "tel:+1-555-010-9876", "+1.555.010.9876"]
        {
            assert_eq!(normalised(text, None).as_deref(), Some("+15550109876"), "{text}");
        }
        assert_eq!(normalised("+44 (0)20 7946 0123", None).as_deref(), Some("+442079460123"), "a trunk prefix goes");
    }

    #[test]
    fn national_numbers_need_a_region() {
        assert_eq!(normalised("(555) 010-9876", None), None);
        assert_eq!(normalised("(555) 010-9876", Some("US")).as_deref(), Some("+15550109876"));
        assert_eq!(normalised("+44 20 7946 0123", Some("US")).as_deref(), Some("+442079460123"));
        assert_eq!(E164::new(Some("XX")), Err(UnknownRegion));
    }

    #[test]
    fn what_no_numbering_plan_has_is_refused() {
        for text in [
            "",
            "+",
            "+1",
            "+1555",
            "+1115550109876",
            "+155501098761",
            "+4420794601234567",
            "+999123456789",
            "+0155501098",
            "+155501098765432198",
            "15550109876",
            // Too short, and not to be completed with the area code of one of the regions that share the country code.
            "+1 457 1234",
            "+1 555 0109",
            "+1 234 5678",
            "+44 712345",
            "+61 51234567",
        ] {
            assert_eq!(normalised(text, None), None, "{text}");
        }
    }

    #[test]
    fn every_pattern_can_be_read_and_stands_in_its_place() {
        assert!(REGIONS.len() > 240 && REGIONS.is_sorted_by_key(|region| region.code));
        for (place, region) in REGIONS.iter().enumerate() {
            assert!(!region.numbers.accept(""), "{}", region.id);
            for (read, text) in [(&TRUNKS[place], region.trunk), (&INTERNATIONAL[place], region.international)] {
                assert_eq!(pattern(read, text).is_some(), !text.is_empty(), "{}: {text}", region.id);
            }
        }
    }

    /// The library's own numbers of a region, without the country code.
    fn examples(region: &Metadata) -> impl Iterator<Item = &str> {
        let kinds = region.descriptors();
        let kinds = [kinds.fixed_line(), kinds.mobile(), kinds.toll_free(), kinds.voip()];
        kinds.into_iter().flatten().filter_map(|kind| kind.example())
    }

    fn countries() -> impl Iterator<Item = &'static Metadata> {
        DATABASE.iter().filter(|region| region.id().len() == 2)
    }

    /// The library's own numbers of every region, and whatever differs from one of them by a digit.
    #[test]
    fn every_regions_automaton_accepts_what_its_pattern_matches() {
        let (mut accepted, mut refused) = (0, 0);
        for region in DATABASE.iter() {
            let numbers = &REGIONS.iter().find(|known| known.id == region.id()).unwrap().numbers;
            let pattern = region.descriptors().general().national_number().as_str();
            let pattern: String = pattern.split_whitespace().collect();
            let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
            for number in examples(region) {
                for at in 0..=number.len() {
                    let (before, after) = number.split_at(at);
                    let rest = after.get(1..).unwrap_or_default();
                    let near = (0..10).map(|digit| format!("{before}{digit}{rest}"));
                    for near in near.chain([format!("{before}0{after}"), format!("{before}{rest}"), before.to_owned()])
                    {
                        let accepts = numbers.accept(&near);
                        assert_eq!(accepts, pattern.is_match(&near), "{} {near}", region.id());
                        *if accepts { &mut accepted } else { &mut refused } += 1;
                    }
                }
            }
        }
        assert!(accepted > 20_000 && refused > 20_000, "{accepted} {refused}");
    }

    /// The library's own numbers of every region, as they are dialled in it and written by the library.
    #[test]
    fn every_regions_numbers_are_read_as_the_library_writes_them() {
        let (mut read, mut wrong) = (0, Vec::new());
        for region in countries() {
            for national in examples(region) {
                let expected = format!("+{}{national}", region.country_code());
                let Ok(number) = phonenumber::parse(None, &expected) else { continue };
                let written = |mode| number.format().mode(mode).to_string();
                let mut ways = vec![national.to_owned(), expected.clone()];
                // The library takes the first digits of some whole numbers for a trunk prefix.
                if written(phonenumber::Mode::E164) == expected {
                    ways.extend([phonenumber::Mode::National, phonenumber::Mode::International].map(written));
                }
                for way in ways {
                    read += 1;
                    let found = normalised(&way, Some(region.id()));
                    if found.as_ref() != Some(&expected) {
                        wrong.push(format!("{} {way}: {found:?} and not {expected}", region.id()));
                    }
                }
            }
        }
        assert!(read > 2_000, "{read}");
        assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Every region's numbers, dialled from elsewhere.
    #[test]
    fn numbers_of_every_region_are_read_behind_the_prefix_for_international_ones() {
        let (mut read, mut wrong) = (0, Vec::new());
        for (at_home, prefix) in
            [("US", "011"), ("DE", "00"), ("KR", "001"), ("KR", "002"), ("IT", "00"), ("IL", "012"), ("CI", "00")]
        {
            for region in countries() {
                for national in examples(region) {
                    read += 1;
                    let expected = format!("+{}{national}", region.country_code());
                    let dialled = format!("{prefix} {} {national}", region.country_code());
                    let found = normalised(&dialled, Some(at_home));
                    if found.as_ref() != Some(&expected) {
                        wrong.push(format!("{at_home} {dialled}: {found:?} and not {expected}"));
                    }
                }
            }
        }
        assert!(read > 3_000, "{read}");
        assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn an_international_number_may_be_dialled_as_in_its_region() {
        assert_eq!(normalised("011 44 20 7946 0123", Some("US")).as_deref(), Some("+442079460123"));
        assert_eq!(normalised("00 1 555 010 9876", Some("DE")).as_deref(), Some("+15550109876"));
        assert_eq!(normalised("1 555 010 9876", Some("US")).as_deref(), Some("+15550109876"));
        assert_eq!(normalised("49 30 123456", Some("DE")).as_deref(), Some("+4930123456"));
        // A mobile number of Argentina, with the 15 that it is dialled by at home.
        assert_eq!(normalised("011 15 2345 6789", Some("AR")).as_deref(), Some("+5491123456789"));
    }

    #[test]
    fn a_number_inside_other_text_is_refused() {
        for text in ["call +15550109876", "+15550109876 ext. 5", "+1 555 CALL NOW", "+15550109876;x=1", "++15550109876"]
        {
            assert_eq!(normalised(text, Some("US")), None, "{text}");
        }
    }

    #[test]
    fn a_number_that_begins_like_a_trunk_prefix_stays_whole() {
        assert_eq!(normalised("+7 800 000 00 00", None).as_deref(), Some("+78000000000"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+ ().0-9a-z;=:]{0,24}", region in prop::option::of(Just("US"))) {
            if let Some(number) = normalised(&text, region) {
                prop_assert!(number.len() <= MAX_DIGITS + 1 && number.starts_with('+'));
            }
        }
    }
}
