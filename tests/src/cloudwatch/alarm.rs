//! An alarm as the template has it, and whether it rings.

use serde::Deserialize;
use serde_json::Value;

use super::{
    CloudWatchError, MetricId, Minute, Statistic, Store,
    math::{Expression, Series},
};

/// An alarm takes no more metrics.
const MOST_METRICS: usize = 10;

/// A day, beyond which an alarm with periods under an hour doesn't look.
const LONGEST: Minute = 24 * 60;

/// The properties of the resource that are modelled; any other is refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    #[serde(rename = "AlarmDescription")]
    _description: String,
    #[serde(default, rename = "AlarmActions")]
    _alarm_actions: Value,
    #[serde(default, rename = "OKActions")]
    _ok_actions: Value,
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    period: Option<Minute>,
    #[serde(default)]
    metrics: Vec<MetricQuery>,
    evaluation_periods: usize,
    datapoints_to_alarm: Option<usize>,
    threshold: f64,
    comparison_operator: Comparison,
    treat_missing_data: Missing,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Dimension {
    name: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricQuery {
    id: String,
    #[serde(rename = "Label")]
    _label: Option<String>,
    expression: Option<String>,
    metric_stat: Option<MetricStat>,
    return_data: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: Metric,
    period: Minute,
    stat: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metric {
    namespace: String,
    #[serde(rename = "MetricName")]
    name: String,
    dimensions: Vec<Dimension>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Comparison {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
}

/// What stands in for a datapoint that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Missing {
    Breaching,
    NotBreaching,
}

/// Where a series comes from.
#[derive(Debug)]
enum Source {
    Metric(MetricId, Statistic),
    Expression(Expression),
}

/// An alarm.
#[derive(Debug)]
pub struct Alarm {
    /// By their ids.
    queries: Vec<(String, Source)>,
    /// The id of the one that is compared with the threshold.
    watched: String,
    /// In minutes.
    period: Minute,
    periods: usize,
    datapoints: usize,
    comparison: Comparison,
    threshold: f64,
    missing: Missing,
}

impl Alarm {
    /// Reads a resource of the template.
    ///
    /// # Errors
    /// [`CloudWatchError`] where it isn't modelled, or CloudWatch would refuse it.
    pub fn read(resource: &Value) -> Result<Self, CloudWatchError> {
        let properties = Properties::deserialize(&resource["Properties"]).map_err(CloudWatchError::Alarm)?;
        let Properties { evaluation_periods: periods, comparison_operator: comparison, threshold, .. } = properties;
        let (missing, datapoints) = (properties.treat_missing_data, properties.datapoints_to_alarm.unwrap_or(periods));
        let mut seconds = Vec::new();
        let mut queries = Vec::new();
        let mut returned = Vec::new();
        for query in properties.metrics {
            let source = match (query.expression, query.metric_stat) {
                (Some(text), None) => Source::Expression(Expression::read(&text)?),
                (None, Some(MetricStat { metric, period, stat })) => {
                    seconds.push(period);
                    let id = id_of(&metric.namespace, &metric.name, &metric.dimensions)?;
                    Source::Metric(id, Statistic::read(&stat)?)
                }
                _ => return Err(not_modelled("a query that is neither a metric nor an expression")),
            };
            if query.return_data.unwrap_or(true) {
                returned.push(query.id.clone());
            }
            queries.push((query.id, source));
        }
        if let (Some(namespace), Some(name), Some(period)) =
            (properties.namespace, properties.metric_name, properties.period)
        {
            let statistic = properties.statistic.xor(properties.extended_statistic);
            let statistic = Statistic::read(&statistic.ok_or_else(|| not_modelled("none or two statistics"))?)?;
            let id = id_of(&namespace, &name, &properties.dimensions)?;
            seconds.push(period);
            returned.push(name.clone());
            queries.push((name, Source::Metric(id, statistic)));
        }
        let [watched] = &returned[..] else { return Err(not_modelled("an alarm on none or on several series")) };
        if seconds.is_empty() || seconds.len() > MOST_METRICS {
            return Err(not_modelled("an alarm on no metric, or on more than ten"));
        }
        seconds.dedup();
        let ([period], true) = (&seconds[..], seconds[0] % 60 == 0 && seconds[0] > 0) else {
            return Err(not_modelled("several periods, or one that is no number of minutes"));
        };
        let (period, looked_at) = (period / 60, Minute::try_from(periods).unwrap_or(Minute::MAX));
        if !(1..=periods).contains(&datapoints) || period.saturating_mul(looked_at) > LONGEST {
            return Err(not_modelled("datapoints that aren't among the periods, or more than a day of them"));
        }
        let watched = watched.clone();
        let alarm = Self { queries, watched, period, periods, datapoints, comparison, threshold, missing };
        // So that an id that leads nowhere is told now.
        alarm.series(&alarm.watched, &Store::default(), 0, 1).map(|_| alarm)
    }

    /// Whether it rings at this minute, where so many more datapoints are looked at than are asked for.
    ///
    /// # Errors
    /// [`CloudWatchError::NotModelled`] never, once it was read.
    pub fn rings(&self, store: &Store, now: Minute, extra: usize) -> Result<bool, CloudWatchError> {
        let series = self.series(&self.watched, store, now, self.periods + extra)?;
        let told: Vec<_> = series.into_iter().flatten().take(self.periods).collect();
        let stood_in = if self.missing == Missing::Breaching { self.periods - told.len() } else { 0 };
        let breaching = told.into_iter().filter(|value| self.breaches(*value)).count() + stood_in;
        Ok(breaching >= self.datapoints)
    }

    fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterThanThreshold => value > self.threshold,
            Comparison::GreaterThanOrEqualToThreshold => value >= self.threshold,
        }
    }

    /// So many datapoints of a query, the latest first.
    fn series(&self, id: &str, store: &Store, now: Minute, datapoints: usize) -> Result<Series, CloudWatchError> {
        let found = self.queries.iter().find(|(known, _)| known == id);
        let (_, source) = found.ok_or_else(|| not_modelled(&format!("a query {id}")))?;
        match source {
            Source::Metric(metric, by) => {
                let ends = (0..).map(|back| now - back * self.period).take(datapoints);
                Ok(ends.map(|end| store.statistic(metric, *by, end - self.period..end, now)).collect())
            }
            Source::Expression(expression) => {
                expression.values(datapoints, &|id| self.series(id, store, now, datapoints))
            }
        }
    }
}

fn not_modelled(what: &str) -> CloudWatchError {
    CloudWatchError::NotModelled(what.to_owned())
}

fn id_of(namespace: &str, name: &str, dimensions: &[Dimension]) -> Result<MetricId, CloudWatchError> {
    let told = |Dimension { name, value }: &Dimension| Some((name.clone(), as_substituted(value)?));
    let dimensions: Option<Vec<_>> = dimensions.iter().map(told).collect();
    let dimensions = dimensions.ok_or_else(|| not_modelled("a dimension's value"))?;
    let dimensions = dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(MetricId::new(namespace, name, dimensions))
}

/// A value as a substitution names it, since what it stands for is known to no test: `${AWS::StackName}`.
fn as_substituted(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(function) => {
            let (name, argument) = function.iter().next()?;
            let argument = argument.as_str()?;
            match name.as_str() {
                "Ref" | "Fn::GetAtt" => Some(format!("${{{argument}}}")),
                "Fn::Sub" => Some(argument.to_owned()),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn properties() -> Value {
        json!({
            "AlarmDescription": "", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "Dimensions": [{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}],
            "EvaluationPeriods": 3, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        })
    }

    fn changed(changes: &Value) -> Result<Alarm, CloudWatchError> {
        let mut properties = properties();
        for (name, value) in changes.as_object().unwrap() {
            properties[name] = value.clone();
        }
        Alarm::read(&json!({ "Properties": properties }))
    }

    /// The metric with these values in the minutes up to 10, `-` where there is none.
    fn told(values: &str) -> Store {
        let metric = MetricId::new("N", "M", [("Stack", "${AWS::StackName}")]);
        let mut store = Store::default();
        for (minute, value) in (0..10).rev().zip(values.chars().rev()) {
            if let Some(value) = value.to_digit(10) {
                store.put(&metric, minute, value.into());
            }
        }
        store
    }

    /// Three of three, and five datapoints looked at, as in the guide's table.
    #[test]
    fn real_datapoints_decide_where_there_are_enough_and_what_stands_in_where_not() {
        for (values, not_breaching, breaching) in [
            ("0-1-1", false, false),
            ("0----", false, false),
            ("-----", false, true),
            ("01-1-", false, false),
            ("-1-1-", false, true),
            ("-1-11", true, true),
            ("1-1-1", true, true),
            ("----1", false, true),
        ] {
            let rings = |missing: &str| {
                changed(&json!({ "TreatMissingData": missing })).unwrap().rings(&told(values), 10, 2).unwrap()
            };
            assert_eq!((rings("notBreaching"), rings("breaching")), (not_breaching, breaching), "{values}");
        }
    }

    #[test]
    fn so_many_of_the_last_periods_are_enough() {
        let two_of_three = changed(&json!({ "DatapointsToAlarm": 2 })).unwrap();
        let rings = |values: &str| two_of_three.rings(&told(values), 10, 0).unwrap();
        assert_eq!((rings("101"), rings("001"), rings("1100"), rings("11")), (true, false, false, true));
    }

    #[test]
    fn the_window_slides_by_the_minute_and_a_late_value_counts_as_of_its_minute() {
        let alarm = changed(&json!({ "Period": 300, "EvaluationPeriods": 1, "Threshold": 3 })).unwrap();
        let mut store = told("11--------");
        store.put_late(&MetricId::new("N", "M", [("Stack", "${AWS::StackName}")]), 2, 2, 1.0);
        let ringing: Vec<_> = (0..12).filter(|now| alarm.rings(&store, *now, 0).unwrap()).collect();
        assert_eq!(ringing, [5], "from then on it is known, and a minute later the first has left the window");
    }

    #[test]
    fn an_expression_is_of_other_queries() {
        let metric = |id: &str, stat: &str| {
            let dimensions = [json!({"Name": "Stack", "Value": {"Fn::Sub": "${AWS::StackName}"}})];
            let metric = json!({"Namespace": "N", "MetricName": "M", "Dimensions": dimensions});
            json!({"Id": id, "ReturnData": false, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}})
        };
        let alarm = |metrics: Vec<Value>| {
            let mut properties = properties();
            for name in ["Namespace", "MetricName", "Statistic", "Period", "Dimensions"] {
                properties.as_object_mut().unwrap().remove(name);
            }
            properties["Metrics"] = json!(metrics);
            Alarm::read(&json!({ "Properties": properties }))
        };
        let watched = json!({"Id": "e", "Expression": "twice >= 4"});
        let twice = json!({"Id": "twice", "ReturnData": false, "Expression": "2 * sum"});
        let sound = alarm(vec![watched.clone(), twice.clone(), metric("sum", "Sum")]).unwrap();
        assert_eq!([told("222"), told("212")].map(|store| sound.rings(&store, 10, 0).unwrap()), [true, false]);
        assert!(alarm(vec![watched.clone(), twice.clone()]).is_err(), "an id that leads nowhere");
        assert!(alarm(vec![json!({"Id": "a", "Expression": "sum"}), watched, twice, metric("sum", "Sum")]).is_err());
        let many = (0..=MOST_METRICS).map(|number| metric(&format!("m{number}"), "Sum"));
        assert!(alarm([json!({"Id": "e", "Expression": "m0"})].into_iter().chain(many).collect()).is_err());
    }

    #[test]
    fn what_is_not_modelled_is_refused() {
        for changes in [
            json!({"TreatMissingData": "ignore"}),
            json!({"ComparisonOperator": "LessThanLowerThreshold"}),
            json!({"EvaluateLowSampleCountPercentile": "ignore"}),
            json!({"Statistic": "Average"}),
            json!({"ExtendedStatistic": "p99"}),
            json!({"Period": 90}),
            json!({"Period": 86400}),
            json!({"DatapointsToAlarm": 4}),
            json!({"Dimensions": [{"Name": "Stack", "Value": {"Fn::ImportValue": "x"}}]}),
        ] {
            assert!(changed(&changes).is_err(), "{changes}");
        }
    }
}
