//! Phone numbers in E.164, by libphonenumber's metadata.
//!
//! A number is accepted if its country's plan has such numbers at all. It need not be assigned: the plan is asked, not
//! the range, because ranges open faster than metadata ships, and the numbers reserved for fiction must pass in tests.

use std::sync::OnceLock;

use phonenumber::{Mode, country};
use regex::{Regex, RegexBuilder};

/// Digits of an international number, the country code included: ITU-T E.164.
const MAX_DIGITS: usize = 15;

/// How phone numbers are read: international ones, and one region's national ones where there is a region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct E164 {
    region: Option<country::Id>,
}

/// A region that has no phone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownRegion;

impl E164 {
    /// Reads international numbers, and those of `region` where it is given.
    pub(crate) fn new(region: Option<&str>) -> Result<Self, UnknownRegion> {
        let region = region.map(|region| region.parse().map_err(|_| UnknownRegion)).transpose()?;
        Ok(Self { region })
    }

    /// The number in E.164, or nothing where the text is not one.
    pub(crate) fn normalise(self, text: &str) -> Option<String> {
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let number = text.strip_prefix('+');
        // The library would also find a number inside prose, and read letters as digits.
        let only_a_number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || " -.()/\u{a0}".contains(c));
        if !only_a_number(number.unwrap_or(text)) || (self.region.is_none() && number.is_none()) {
            return None;
        }
        if let Some(number) = number.and_then(international) {
            return Some(number);
        }
        let number = phonenumber::parse(self.region, text).ok()?;
        let in_plan = has_number(number.code().value(), &number.national().to_string());
        let e164 = number.format().mode(Mode::E164).to_string();
        (in_plan && e164.len() <= MAX_DIGITS + 1).then_some(e164)
    }
}

/// The number in E.164, if its digits are one as they stand. This is the usual case, and asking the plan first is better
/// than parsing at once: it takes a fraction of the time, and the parser, which knows what people put between a country
/// code and a number, takes the first digits of some whole numbers for a trunk prefix.
fn international(number: &str) -> Option<String> {
    let mut e164 = String::with_capacity(MAX_DIGITS + 1);
    e164.push('+');
    e164.extend(number.chars().filter(char::is_ascii_digit));
    // Country codes have up to three digits, and none is the beginning of another.
    let in_plan = (1..=3).any(|length| {
        e164[1..].split_at_checked(length).is_some_and(|(code, national)| {
            !code.starts_with('0') && code.parse().is_ok_and(|code| has_number(code, national))
        })
    });
    (in_plan && e164.len() <= MAX_DIGITS + 1).then_some(e164)
}

/// The national numbers that each country code has, by code: made from the library's metadata by the build script, since
/// the library would read all of its metadata first, which is most of a cold start.
static PLANS: &[(u16, &str)] = &include!(concat!(env!("OUT_DIR"), "/numbering_plans.rs"));

/// Each plan, from its first use on.
static READ: [OnceLock<Option<Regex>>; PLANS.len()] = [const { OnceLock::new() }; PLANS.len()];

/// Whether the numbering plan of a country code has such national numbers.
fn has_number(code: u16, national: &str) -> bool {
    let Ok(index) = PLANS.binary_search_by_key(&code, |(code, _)| *code) else { return false };
    // The whole number: the library's own check is content with its first digits.
    let read = || RegexBuilder::new(&format!("^(?:{})$", PLANS[index].1)).unicode(false).build().ok();
    READ[index].get_or_init(read).as_ref().is_some_and(|plan| plan.is_match(national))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalised(text: &str, region: Option<&str>) -> Option<String> {
        E164::new(region).unwrap().normalise(text)
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
        ] {
            assert_eq!(normalised(text, None), None, "{text}");
        }
    }

    #[test]
    fn every_plan_can_be_read_and_stands_in_its_place() {
        assert!(PLANS.len() > 200 && PLANS.is_sorted_by(|a, b| a.0 < b.0));
        for (code, _) in PLANS {
            has_number(*code, "");
        }
        assert!(READ.iter().all(|plan| matches!(plan.get(), Some(Some(_)))));
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
