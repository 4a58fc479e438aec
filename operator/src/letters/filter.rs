//! Which dead letters are meant.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use contact_injection::domain::reason::DeadLetterReason;
use contact_injection::domain::time::Timestamp;

use super::letter::{Letter, NOTHING};

/// Which dead letters are meant: those for which everything given holds.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filter {
    /// Only those dead-lettered for this reason; `-` is what SQS itself moved.
    #[arg(long, value_name = "REASON", value_parser = reasons(), allow_hyphen_values = true)]
    reason: Option<String>,
    /// Only those of this route, by the ledger; `-` is what has no route on record.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    route: Option<String>,
    /// Only those whose event comes from this source.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Only those dead-lettered at this time or later: `2026-03-01T12:00:00Z`, or so long ago: `90m`, `36h`, `7d`.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Only those dead-lettered before this time.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    until: Option<Moment>,
}

/// A point in time, or one so long before the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(Timestamp),
    Ago(Duration),
}

/// A text that is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time like 2026-03-01T12:00:00Z, or how long ago: 90m, 36h, 7d")]
struct NoMoment;

impl Filter {
    /// Whether every letter is meant.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { reason, route, source, since, until } = self;
        reason.is_none() && route.is_none() && source.is_none() && since.is_none() && until.is_none()
    }

    /// Whether the ledger has to be asked.
    pub(crate) fn needs_route(&self) -> bool {
        self.route.is_some()
    }

    /// Whether the letter is meant, by all but its route.
    pub(crate) fn admits(&self, letter: &Letter, now: Timestamp) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        is(&self.reason, Some(letter.reason_name))
            && is(&self.source, letter.source.as_deref())
            && self.since.is_none_or(|since| letter.at.is_some_and(|at| at >= since.before(now)))
            && self.until.is_none_or(|until| letter.at.is_some_and(|at| at < until.before(now)))
    }

    /// Whether a letter whose route the ledger was asked for is meant.
    pub(crate) fn admits_route(&self, letter: &Letter) -> bool {
        self.route.as_deref().is_none_or(|route| route == letter.route.as_deref().unwrap_or(NOTHING))
    }
}

impl Moment {
    fn parse(text: &str) -> Result<Self, NoMoment> {
        if let Some(at) = Timestamp::parse_rfc3339(text) {
            return Ok(Self::At(at));
        }
        let unit = |unit, seconds: u64| Some((text.strip_suffix(unit)?, seconds));
        let parts = unit('s', 1).or_else(|| unit('m', 60)).or_else(|| unit('h', 3_600)).or_else(|| unit('d', 86_400));
        let ago = parts.and_then(|(number, seconds)| number.parse::<u64>().ok()?.checked_mul(seconds));
        ago.map(|seconds| Self::Ago(Duration::from_secs(seconds))).ok_or(NoMoment)
    }

    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

fn reasons() -> PossibleValuesParser {
    let names = DeadLetterReason::ALL.map(|reason| PossibleValue::new(reason.as_str()));
    PossibleValuesParser::new(names.into_iter().chain([PossibleValue::new(NOTHING)]))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::letter::tests::message;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(words: &[&str]) -> Filter {
        Line::try_parse_from(["program"].iter().chain(words)).unwrap_or_else(|error| panic!("{error}")).filter
    }

    fn letter() -> Letter {
        let body = r#"{"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "data": {}}"#;
        Letter::read(&message("m", body, &[("failureReason", "expired"), ("failedAt", "2026-03-01T12:00:00Z")]))
    }

    #[test]
    fn a_letter_is_meant_when_everything_given_holds() {
        let now = Timestamp::parse_rfc3339("2026-03-01T13:00:00Z").unwrap();
        let cases: [(&[&str], bool); 11] = [
            (&[], true),
            (&["--reason", "expired"], true),
            (&["--reason", "-"], false),
            (&["--source", "/crm"], true),
            (&["--source", "/cr"], false),
            (&["--since", "2026-03-01T12:00:00Z"], true),
            (&["--until", "2026-03-01T12:00:00Z"], false),
            (&["--since", "59m"], false),
            (&["--since", "1h", "--until", "30m"], true),
            (&["--reason", "expired", "--source", "/other"], false),
            (&["--since", "2026-03-01T14:00:00+02:00"], true),
        ];
        for (words, meant) in cases {
            assert_eq!(filter(words).admits(&letter(), now), meant, "{words:?}");
        }
    }

    #[test]
    fn a_letter_without_a_record_has_the_route_of_nothing() {
        let (without, mut with) = (letter(), letter());
        with.route = Some("orders".to_owned());
        assert!(filter(&["--route", "-"]).admits_route(&without) && !filter(&["--route", "-"]).admits_route(&with));
        assert!(filter(&["--route", "orders"]).admits_route(&with));
        assert!(filter(&[]).admits_route(&with) && filter(&[]).is_empty() && !filter(&["--since", "1d"]).is_empty());
    }

    #[test]
    fn what_is_no_time_and_no_reason_is_refused() {
        for words in [["--since", "yesterday"], ["--since", "h"], ["--until", "-3h"], ["--reason", "expird"]] {
            assert!(Line::try_parse_from(["program"].iter().chain(&words)).is_err(), "{words:?}");
        }
    }
}
