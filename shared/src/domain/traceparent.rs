//! W3C Trace Context's `traceparent`, which `CloudEvents` carries as an extension (docs/rules.md#trace-context).

use serde::{Deserialize, Serialize};

/// The length of `00-<trace id>-<parent id>-<flags>`, in bytes.
const LENGTH: usize = 55;

/// The version that this code knows, and writes.
const VERSION: &str = "00";

/// The trace id that stands for none; a parent id's zeros are its beginning.
const NO_TRACE: &str = "00000000000000000000000000000000";

/// The one flag that a higher version is sure to mean the same by: sampled.
const SAMPLED: u8 = 1;

/// A position in a trace, in the form of version 00.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traceparent(String);

impl Traceparent {
    /// Reads one; nothing where it isn't valid, which is nobody's error.
    ///
    /// Of a version that is higher than 00 the first four fields are read, as the recommendation has it (section
    /// 3.2.4), and kept as version 00: what else it may say nobody here knows.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(LENGTH)?;
        let formed = known.bytes().enumerate().all(|(index, byte)| match index {
            2 | 35 | 52 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
        if !formed || known.starts_with("ff") || known[3..35] == *NO_TRACE || known[36..52] == NO_TRACE[..16] {
            return None;
        }
        if known.starts_with(VERSION) {
            return more.is_empty().then(|| Self(known.to_owned()));
        }
        if !more.is_empty() && !more.starts_with('-') {
            return None;
        }
        let sampled = u8::from_str_radix(&known[53..], 16).ok()? & SAMPLED;
        Some(Self(format!("{VERSION}{}{sampled:02x}", &known[2..53])))
    }

    /// As it stands in a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(text: &str) -> Option<String> {
        Traceparent::parse(text).map(|read| read.as_str().to_owned())
    }

    #[test]
    fn a_valid_one_is_kept_as_it_was_sent() {
        assert_eq!(read(SENT).as_deref(), Some(SENT));
    }

    #[test]
    fn what_breaks_the_form_is_none() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        for broken in [
            "",
            &SENT[1..],
            &SENT.to_uppercase(),
            &format!("{SENT}-more"),
            &format!("ff{}", &SENT[2..]),
            &zero_trace,
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-0af7651916cd43dd8448eb211c80319c+b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            &format!("0a{}x", &SENT[2..]),
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }

    #[test]
    fn of_a_higher_version_the_fields_are_kept_that_every_version_has() {
        for sent in [format!("cc{}", &SENT[2..]), format!("01{}-what-the-future-brings", &SENT[2..])] {
            assert_eq!(read(&sent).as_deref(), Some(SENT));
        }
        let other_flags = format!("01{}a8", &SENT[2..53]);
        assert_eq!(read(&other_flags), Some(format!("{}00", &SENT[..53])));
    }

    proptest! {
        #[test]
        fn what_was_kept_reads_back_as_itself(text in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?|\\PC*") {
            if let Some(kept) = Traceparent::parse(&text) {
                prop_assert_eq!(kept.as_str().len(), LENGTH);
                prop_assert_eq!(Traceparent::parse(kept.as_str()), Some(kept));
            }
        }
    }
}
