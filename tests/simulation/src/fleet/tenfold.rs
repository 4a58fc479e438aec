//! What a fleet of ten times the size would ask for, by what this one was measured to ask for, and what bears it.

use super::{figures::Lived, limits::Limits, report::figure};

/// Bytes of one client in the secret: an id of 36 characters, a secret of 64, and the JSON around them.
const CLIENT_BYTES: f64 = 136.0;

/// What the function's secret and the twenty that it may name hold, in bytes (Secrets Manager quotas).
const SECRETS_BYTES: f64 = 21.0 * 65_536.0;

/// The most that one mapping works on at once, and what an account has to begin with (Lambda quotas).
const MAPPING: f64 = 1000.0;
const ACCOUNT: f64 = 1000.0;

/// Units that a table gives a second, unless more is asked for (DynamoDB quotas).
const TABLE_UNITS: f64 = 40_000.0;

/// Reads of secrets a second in a region (Secrets Manager quotas).
const SECRET_READS: f64 = 10_000.0;

/// Longer than this, in seconds, nobody wants to wait until a burst finds every worker at work.
const PATIENCE: f64 = 300.0;

/// One limit.
pub(super) struct Limit {
    what: String,
    now: f64,
    tenfold: f64,
    bears: f64,
}

/// Everything that has a limit, as it is ten times as large.
pub(super) fn limits(lived: &Lived) -> Vec<Limit> {
    let limits = Limits::default();
    let of = |what: &str, now: f64, bears: f64| Limit { what: what.to_owned(), now, tenfold: 10.0 * now, bears };
    let (clients, contacts) = (count(lived.scenario.clients), count(lived.contacts).max(1.0));
    let seconds = count(lived.samples.len()).max(1.0);
    let written = |name: &str| {
        let table = lived.tables.iter().find(|table| table.name == name);
        table.map_or(0.0, |table| count_of(table.units.0)) / contacts * lived.scenario.permitted()
    };
    let start = |most: f64| (most - count(limits.first_pollers)) / count(limits.pollers_a_minute) * 60.0;
    let mut all = vec![
        of("the secrets, bytes", clients * CLIENT_BYTES, SECRETS_BYTES),
        of("invocations at once, of a mapping", count(lived.most_at_work), MAPPING),
        of("invocations at once, of an account that asked for no more", count(lived.most_at_work), ACCOUNT),
        Limit {
            what: "until every poller is up, s".to_owned(),
            now: start(clients),
            tenfold: start(10.0 * clients),
            bears: PATIENCE,
        },
        of("messages in flight, of a queue", count(lived.most_in_flight), count(limits.in_flight)),
        of("write units a second, the ledger", written("the ledger"), TABLE_UNITS),
        of("write units a second, the clients table", written("the clients table"), TABLE_UNITS),
        of("reads of the secret a second", count_of(lived.usage.secret_reads) / seconds, SECRET_READS),
    ];
    for table in lived.tables.iter().filter(|table| !table.hottest.0.is_empty()) {
        // What belongs to one client or one event is asked for no more often where there are more of them.
        let times = if table.name == "the registry" { 10.0 } else { 1.0 };
        let share = 100.0 * table.hottest_share;
        let what = format!("hottest item of {}, % of what an item gives", table.name);
        all.push(Limit { what, now: share, tenfold: times * share, bears: 100.0 });
    }
    all
}

/// As a Markdown table, those first that break first.
pub(super) fn table(mut limits: Vec<Limit>) -> String {
    limits.sort_by(|one, other| (other.tenfold / other.bears).total_cmp(&(one.tenfold / one.bears)));
    let row = |limit: &Limit| {
        let holds = if limit.now > limit.bears {
            "not even now"
        } else if limit.tenfold > limit.bears {
            "no"
        } else {
            "yes"
        };
        let [now, tenfold, bears] = [limit.now, limit.tenfold, limit.bears].map(figure);
        format!("| {} | {now} | {tenfold} | {bears} | {holds} |\n", limit.what)
    };
    let rows: String = limits.iter().map(row).collect();
    format!("| what | at this size | at ten times | limit | holds |\n| --- | ---: | ---: | ---: | --- |\n{rows}")
}

fn count(count: usize) -> f64 {
    super::figures::float(count)
}

fn count_of(count: u64) -> f64 {
    usize::try_from(count).map_or(f64::INFINITY, super::figures::float)
}
