//! The part of metric math that the template's alarms use: arithmetic, comparisons, `AND`, `OR`, `IF` and `FILL`.

use super::CloudWatchError;

/// A value for each datapoint, where there is one.
pub(super) type Series = Vec<Option<f64>>;

/// An expression that was read.
#[derive(Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// Another query's result, by its id.
    Id(String),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// The second where the first isn't 0, else the third.
    If(Box<[Expression; 3]>),
    /// The first, and the number where it has no value.
    Fill(Box<Expression>, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    Unequal,
    Plus,
    Minus,
    Times,
    DividedBy,
}

/// Those of each rank, the loosest first, the longer ones before those that they begin with.
const RANKS: [&[(&str, Operator)]; 5] = [
    &[("OR", Operator::Or)],
    &[("AND", Operator::And)],
    &[
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        (">", Operator::Greater),
        ("<", Operator::Less),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::DividedBy)],
];

impl Operator {
    /// Nothing where the quotient isn't a number.
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        let holds = |condition: bool| f64::from(u8::from(condition));
        let equal = left.total_cmp(&right).is_eq();
        let value = match self {
            Self::Or => holds(left != 0.0 || right != 0.0),
            Self::And => holds(left != 0.0 && right != 0.0),
            Self::Greater => holds(left > right),
            Self::GreaterOrEqual => holds(left >= right),
            Self::Less => holds(left < right),
            Self::LessOrEqual => holds(left <= right),
            Self::Equal => holds(equal),
            Self::Unequal => holds(!equal),
            Self::Plus => left + right,
            Self::Minus => left - right,
            Self::Times => left * right,
            Self::DividedBy => left / right,
        };
        value.is_finite().then_some(value)
    }
}

impl Expression {
    /// Reads an expression.
    pub(super) fn read(text: &str) -> Result<Self, CloudWatchError> {
        let mut reader = Reader { left: text };
        let expression = reader.of_rank(0)?;
        if reader.left.trim().is_empty() { Ok(expression) } else { Err(reader.refused()) }
    }

    /// Its values over so many datapoints, given those of the queries that it names.
    pub(super) fn values(
        &self,
        datapoints: usize,
        of: &dyn Fn(&str) -> Result<Series, CloudWatchError>,
    ) -> Result<Series, CloudWatchError> {
        Ok(match self {
            Self::Number(number) => vec![Some(*number); datapoints],
            Self::Id(id) => of(id)?,
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.values(datapoints, of)?, right.values(datapoints, of)?);
                left.into_iter().zip(right).map(|(left, right)| operator.apply(left?, right?)).collect()
            }
            Self::If(parts) => {
                let [condition, yes, no] = &**parts;
                let (yes, no) = (yes.values(datapoints, of)?, no.values(datapoints, of)?);
                let conditions = condition.values(datapoints, of)?.into_iter();
                conditions
                    .zip(yes.into_iter().zip(no))
                    .map(|(holds, (yes, no))| if holds? == 0.0 { no } else { yes })
                    .collect()
            }
            Self::Fill(series, number) => {
                series.values(datapoints, of)?.into_iter().map(|value| value.or(Some(*number))).collect()
            }
        })
    }
}

/// What is left to be read.
struct Reader<'t> {
    left: &'t str,
}

impl Reader<'_> {
    fn refused(&self) -> CloudWatchError {
        CloudWatchError::NotModelled(format!("metric math at '{}'", self.left))
    }

    fn of_rank(&mut self, rank: usize) -> Result<Expression, CloudWatchError> {
        let Some(operators) = RANKS.get(rank) else { return self.primary() };
        let mut expression = self.of_rank(rank + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) {
            let right = self.of_rank(rank + 1)?;
            expression = Expression::Binary(*operator, Box::new(expression), Box::new(right));
        }
        Ok(expression)
    }

    fn primary(&mut self) -> Result<Expression, CloudWatchError> {
        if self.takes("(") {
            let inner = self.of_rank(0)?;
            self.must_take(")")?;
            return Ok(inner);
        }
        let word = self.word();
        if let Ok(number) = word.parse() {
            return Ok(Expression::Number(number));
        }
        match word.as_str() {
            "IF" => {
                self.must_take("(")?;
                let condition = self.of_rank(0)?;
                self.must_take(",")?;
                let yes = self.of_rank(0)?;
                self.must_take(",")?;
                let no = self.of_rank(0)?;
                self.must_take(")")?;
                Ok(Expression::If(Box::new([condition, yes, no])))
            }
            "FILL" => {
                self.must_take("(")?;
                let series = self.of_rank(0)?;
                self.must_take(",")?;
                let number = self.word().parse().map_err(|_| self.refused())?;
                self.must_take(")")?;
                Ok(Expression::Fill(Box::new(series), number))
            }
            id if id.starts_with(|first: char| first.is_ascii_lowercase()) => Ok(Expression::Id(word)),
            _ => Err(self.refused()),
        }
    }

    /// The next number, id or function.
    fn word(&mut self) -> String {
        let text = self.left.trim_start();
        let end = text.find(|part: char| !(part.is_ascii_alphanumeric() || "_.".contains(part))).unwrap_or(text.len());
        let (word, left) = text.split_at(end);
        self.left = left;
        word.to_owned()
    }

    /// Goes past this, if it is next.
    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.left.trim_start().strip_prefix(sign);
        // A word ends where it ends: `ORDERS` is no `OR`.
        let rest = rest.filter(|rest| {
            !(sign.starts_with(char::is_alphabetic)
                && rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        });
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }

    fn must_take(&mut self, sign: &str) -> Result<(), CloudWatchError> {
        if self.takes(sign) { Ok(()) } else { Err(self.refused()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Series, CloudWatchError> {
        Expression::read(text)?.values(2, &|id| match id {
            "one" => Ok(vec![Some(1.0), None]),
            "two" => Ok(vec![Some(2.0), Some(2.0)]),
            other => Err(CloudWatchError::NotModelled(other.to_owned())),
        })
    }

    #[test]
    fn signs_bind_as_in_arithmetic_and_words_most_loosely() {
        for (text, value) in [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("7 - 2 - 1", 4.0),
            ("1 + 1 >= 2 AND 3 != 3 OR 1 == 1", 1.0),
            ("1 > 2 OR 2 < 1", 0.0),
            ("(4 <= 4) AND (two > 1)", 1.0),
            ("IF(two > 1, 5, 6) / 2", 2.5),
            ("IF(two < 1, 5, 6)", 6.0),
        ] {
            assert_eq!(values(text).unwrap()[0], Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_missing_makes_missing_and_is_filled() {
        assert_eq!(values("one + two").unwrap(), [Some(3.0), None]);
        assert_eq!(values("IF(one > 0, 1, 0)").unwrap(), [Some(1.0), None]);
        assert_eq!(values("FILL(one, 7) + two").unwrap(), [Some(3.0), Some(9.0)]);
        assert_eq!(values("two / 0").unwrap(), [None, None]);
    }

    #[test]
    fn what_is_not_modelled_is_refused() {
        for text in
            ["ABS(one)", "one +", "one two", "(one", "one ANDtwo", "FILL(one, REPEAT)", "three", "IF(one, 2)", ""]
        {
            assert!(values(text).is_err(), "{text}");
        }
    }
}
