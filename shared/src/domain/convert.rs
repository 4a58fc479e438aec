//! From an event's JSON to an attribute's type: strictly, or by a coercion that loses nothing.

use std::borrow::Cow;

use jiff::{Timestamp, fmt::temporal::Pieces};
use serde_json::Number;

use super::{
    attributes::{AttributeType, AttributeValue},
    json::Kind,
};

/// The largest integer up to which a double holds every integer: 2⁵³.
const MAX_EXACT: u64 = 1 << 53;
/// Significant decimal digits that a double may need to tell two numbers apart; it can't keep more.
const MAX_DIGITS: usize = 17;

/// Why a value can't become what its attribute needs. It never quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConversionError {
    #[error("needs a {expected}, and the event has {}", .found.described())]
    WrongType { expected: AttributeType, found: Found },
    #[error("can't be coerced to a {0}")]
    NotCoercible(AttributeType),
    #[error("is a number that a double can't hold exactly")]
    NotExact,
    #[error("is not an ISO 8601 date, nor a date-time with its offset")]
    NotADate,
}

/// The JSON type that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Found {
    pub(crate) const fn of(value: Kind<'_>) -> Self {
        match value {
            Kind::Null => Self::Null,
            Kind::Boolean(_) => Self::Boolean,
            Kind::Number(_) => Self::Number,
            Kind::Text(_) => Self::String,
            Kind::Array => Self::Array,
            Kind::Object => Self::Object,
        }
    }

    pub(crate) const fn described(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The value as an attribute of this type, its length aside.
pub(crate) fn attribute(
    expected: AttributeType,
    value: Kind<'_>,
    coerce: bool,
) -> Result<AttributeValue, ConversionError> {
    Ok(match expected {
        AttributeType::String => AttributeValue::String(text(value, coerce)?.into_owned()),
        AttributeType::Number => AttributeValue::Number(number(value, coerce)?),
        AttributeType::Boolean => AttributeValue::Boolean(boolean(value, coerce)?),
        AttributeType::Date => AttributeValue::Date(date(value, coerce)?),
    })
}

/// The value as text. Coercion writes a number or a boolean as JSON does. What was too large an integer for the parser
/// is a rounded double by now.
pub(crate) fn text(value: Kind<'_>, coerce: bool) -> Result<Cow<'_, str>, ConversionError> {
    match value {
        Kind::Text(text) => Ok(text.into()),
        Kind::Number(number) if coerce && number.is_f64() && !is_exact(number) => Err(ConversionError::NotExact),
        Kind::Number(number) if coerce => Ok(number.to_string().into()),
        Kind::Boolean(boolean) if coerce => Ok(boolean.to_string().into()),
        _ => Err(wrong(AttributeType::String, value)),
    }
}

/// The value as a number. Coercion reads a decimal text, without spaces or separators of thousands.
fn number(value: Kind<'_>, coerce: bool) -> Result<Number, ConversionError> {
    match value {
        Kind::Number(number) if is_exact(number) => Ok(number.clone()),
        Kind::Number(_) => Err(ConversionError::NotExact),
        Kind::Text(text) if coerce => decimal(text),
        _ => Err(wrong(AttributeType::Number, value)),
    }
}

/// The value as a boolean. Coercion reads "true" and "false" in any case.
fn boolean(value: Kind<'_>, coerce: bool) -> Result<bool, ConversionError> {
    match value {
        Kind::Boolean(boolean) => Ok(boolean),
        Kind::Text(text) if coerce && text.eq_ignore_ascii_case("true") => Ok(true),
        Kind::Text(text) if coerce && text.eq_ignore_ascii_case("false") => Ok(false),
        Kind::Text(_) if coerce => Err(ConversionError::NotCoercible(AttributeType::Boolean)),
        _ => Err(wrong(AttributeType::Boolean, value)),
    }
}

/// The value as an ISO 8601 date or date-time, its offset kept. Coercion reads a number as seconds since the Unix
/// epoch.
fn date(value: Kind<'_>, coerce: bool) -> Result<String, ConversionError> {
    match value {
        Kind::Text(text) => {
            let pieces = Pieces::parse(text).map_err(|_| ConversionError::NotADate)?;
            // A date-time without an offset is a different moment in each place; a zone's name is not ISO 8601.
            let whole = pieces.time().is_some() == pieces.offset().is_some();
            if !whole || text.contains('[') || pieces.to_numeric_offset().is_some_and(|of| of.seconds() % 60 != 0) {
                return Err(ConversionError::NotADate);
            }
            Ok(pieces.to_string())
        }
        Kind::Number(seconds) if coerce => {
            let at = match seconds.as_i64() {
                Some(whole) => Timestamp::from_second(whole),
                None => seconds.as_f64().map_or_else(|| Timestamp::from_second(i64::MAX), fractional),
            };
            at.map(|at| at.to_string()).map_err(|_| ConversionError::NotCoercible(AttributeType::Date))
        }
        _ => Err(wrong(AttributeType::Date, value)),
    }
}

/// A moment to the millisecond, beyond which a double has no exact digits left for today's dates.
fn fractional(seconds: f64) -> Result<Timestamp, jiff::Error> {
    let since = jiff::SignedDuration::try_from_secs_f64((seconds * 1e3).round() / 1e3)?;
    Timestamp::from_duration(since)
}

fn wrong(expected: AttributeType, value: Kind<'_>) -> ConversionError {
    ConversionError::WrongType { expected, found: Found::of(value) }
}

/// Whether a double holds the number just as it was written. A number that was written with a fraction or an exponent
/// is a double already, and may be one that was rounded to 2⁵³ or to an integer beyond it.
fn is_exact(number: &Number) -> bool {
    if let Some(integer) = number.as_i64() {
        return integer.unsigned_abs() <= MAX_EXACT;
    }
    // An integer beyond i64 is beyond 2⁵³ as a double too.
    number.as_f64().is_some_and(|double| double.abs() < 9_007_199_254_740_992.0)
}

fn decimal(text: &str) -> Result<Number, ConversionError> {
    const NOT: ConversionError = ConversionError::NotCoercible(AttributeType::Number);
    // Rust also reads "inf", "nan" and "infinity".
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return Err(NOT);
    }
    if let Ok(integer) = text.parse::<i64>() {
        let integer = Number::from(integer);
        return if is_exact(&integer) { Ok(integer) } else { Err(ConversionError::NotExact) };
    }
    let double: f64 = text.parse().map_err(|_| NOT)?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&digit| digit == b'0').count();
    let vanished = double == 0.0 && digits > 0;
    Number::from_f64(double)
        .filter(|number| is_exact(number) && digits <= MAX_DIGITS && !vanished)
        .ok_or(ConversionError::NotExact)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use AttributeType::{Boolean, Date, Number as Numeric, String as Text};

    fn made(kind: AttributeType, value: &Value, coerce: bool) -> Option<Value> {
        attribute(kind, value.into(), coerce).ok().map(|value| serde_json::to_value(value).unwrap())
    }

    #[test]
    fn types_are_strict_without_coercion() {
        let values = [json!("1"), json!(1), json!(true), json!("2024-05-15"), json!([1]), json!({}), json!(null)];
        let fitting = |kind| values.iter().map(|value| made(kind, value, false).is_some()).collect::<Vec<_>>();
        assert_eq!(fitting(Text), [true, false, false, true, false, false, false]);
        assert_eq!(fitting(Numeric), [false, true, false, false, false, false, false]);
        assert_eq!(fitting(Boolean), [false, false, true, false, false, false, false]);
        assert_eq!(fitting(Date), [false, false, false, true, false, false, false]);
    }

    #[test]
    fn coercion_reads_what_it_can_without_loss() {
        assert_eq!(made(Numeric, &json!("1250.00"), true), Some(json!(1250.0)));
        assert_eq!(made(Numeric, &json!("-42"), true), Some(json!(-42)));
        assert_eq!(made(Numeric, &json!("2.5e3"), true), Some(json!(2500.0)));
        assert_eq!(made(Numeric, &json!("0.00"), true), Some(json!(0.0)));
        assert_eq!(made(Boolean, &json!("true"), true), Some(json!(true)));
        assert_eq!(made(Boolean, &json!("FALSE"), true), Some(json!(false)));
        assert_eq!(made(Date, &json!(1_715_783_400), true), Some(json!("2024-05-15T14:30:00Z")));
        assert_eq!(made(Date, &json!(1_715_783_400.25), true), Some(json!("2024-05-15T14:30:00.25Z")));
        assert_eq!(made(Text, &json!(8842), true), Some(json!("8842")));
        assert_eq!(made(Text, &json!(true), true), Some(json!("true")));
    }

    #[test]
    fn coercion_refuses_what_it_would_have_to_guess() {
        for text in
            ["", " 1", "1,250.00", "NaN", "inf", "-Infinity", "0x10", "1_000", "1e999", "1e-999", "12345678901234567.8"]
        {
            assert_eq!(made(Numeric, &json!(text), true), None, "{text}");
        }
        for value in [json!("yes"), json!("1"), json!(1), json!("")] {
            assert_eq!(made(Boolean, &value, true), None, "{value}");
        }
        for value in [json!(1_715_783_400_000_i64), json!(1e300), json!("1715783400"), json!(true)] {
            assert_eq!(made(Date, &value, true), None, "{value}");
        }
        assert_eq!(made(Text, &json!([1]), true), None);
        assert_eq!(attribute(Boolean, Kind::Text("yes"), true), Err(ConversionError::NotCoercible(Boolean)));
        // Twenty digits are more than the parser's integers hold.
        let rounded: Value = serde_json::from_str("89014103211118510720").unwrap();
        assert_eq!(attribute(Text, (&rounded).into(), true), Err(ConversionError::NotExact));
        assert_eq!(made(Text, &json!(u64::MAX), true), Some(json!("18446744073709551615")));
    }

    #[test]
    fn an_integer_beyond_two_to_the_53_is_refused_however_it_is_written() {
        for value in [
            json!(9_007_199_254_740_993_u64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(9_007_199_254_740_993.0),
            json!(1e300),
        ] {
            assert_eq!(attribute(Numeric, (&value).into(), false), Err(ConversionError::NotExact), "{value}");
        }
        assert_eq!(made(Numeric, &json!("9007199254740993"), true), None);
        assert_eq!(made(Numeric, &json!("9007199254740993.0"), true), None);
        assert_eq!(made(Numeric, &json!(1_u64 << 53), false), Some(json!(1_u64 << 53)));
        assert_eq!(made(Numeric, &json!(-(1_i64 << 53)), false), Some(json!(-(1_i64 << 53))));
    }

    #[test]
    fn dates_keep_their_offset_and_are_written_one_way() {
        for (text, expected) in [
            ("2024-05-15", "2024-05-15"),
            ("2024-05-15T14:30Z", "2024-05-15T14:30:00Z"),
            ("2024-05-15 14:30:00.250z", "2024-05-15T14:30:00.25Z"),
            ("2024-05-15T14:30:00+02:00", "2024-05-15T14:30:00+02:00"),
        ] {
            assert_eq!(made(Date, &json!(text), false), Some(json!(expected)), "{text}");
        }
        for text in [
            "",
            "15.05.2024",
            "2024-02-30",
            "2024-05-15T14:30:00",
            "2024-05-15T25:00Z",
            "14:30Z",
            "2024-05-15T14:30Z[UTC]",
            "2024-05-15T14:30Z[u-ca=hebrew]",
            "2024-05-15T14:30:00+02:00:45",
        ] {
            assert_eq!(attribute(Date, Kind::Text(text), false), Err(ConversionError::NotADate), "{text}");
        }
    }
}
