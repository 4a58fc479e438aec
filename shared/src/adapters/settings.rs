//! The functions' configuration, read once at the start into validated settings. Every problem is told at once, each
//! with the variable it is about; a function never starts with part of a configuration.

mod api;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use tracing::Level;

use self::api::Api;
use crate::{
    dialects::{Dialect, guide},
    domain::{
        lane::Lanes,
        lease::Rate,
        mapping::ComplianceBoundary,
        routes::{RouteRules, Routes},
    },
};

/// Where the environment's variables come from: the process, or a test.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What both functions need.
#[derive(Debug)]
pub struct Settings {
    /// The API that is spoken.
    pub dialect: Arc<dyn Dialect>,
    /// The API's base URL, `CXONE_BASE_URL`; nothing where discovery tells it.
    pub cxone_base_url: Option<String>,
    /// The function's own secret, `SECRET_ARN`.
    pub secret_arn: String,
    /// The clients table, `CLIENTS_TABLE`.
    pub clients_table: String,
    /// The registry table, `REGISTRY_TABLE`.
    pub registry_table: String,
    /// Each client's rate: `RATE_LIMIT` in any `RATE_WINDOW_SECONDS`.
    pub rate: Rate,
    /// `LOG_LEVEL`.
    pub log_level: Level,
    /// The stack that the function belongs to, `STACK_NAME`: it tells its metrics from another stack's.
    pub stack_name: String,
    /// The routes file.
    pub routes: Routes,
    /// Cases of the routes: the folder `cases` beside their file, which need not be there.
    pub cases: PathBuf,
}

/// What the inject function needs besides.
#[derive(Debug)]
pub struct InjectSettings {
    /// What both functions need.
    pub common: Settings,
    /// The queue that triggers it, `CONTACT_QUEUE_URL`.
    pub contact_queue_url: String,
    /// Where messages go that can never succeed, `DEAD_LETTER_QUEUE_URL`.
    pub dead_letter_queue_url: String,
    /// The ledger table, `LEDGER_TABLE`.
    pub ledger_table: String,
    /// How many workers there are at most, `MAXIMUM_CONCURRENCY`.
    pub maximum_concurrency: usize,
    /// `COMPLIANCE_BOUNDARY`.
    pub boundary: ComplianceBoundary,
    /// Older health of a queue is unknown, `QUEUE_HEALTH_MAX_AGE_SECONDS`.
    pub queue_health_max_age: Duration,
    /// The urgent lane, where there is one.
    pub urgent: Option<UrgentLane>,
    /// Which published version this is, Lambda's own `AWS_LAMBDA_FUNCTION_VERSION`; nothing for one that isn't.
    pub version: Option<String>,
}

/// The queue of urgent messages, and the workers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrgentLane {
    /// `URGENT_QUEUE_URL`.
    pub queue_url: String,
    /// `URGENT_QUEUE_ARN`.
    pub queue_arn: String,
    /// How many workers there are at most, `URGENT_CONCURRENCY`.
    pub concurrency: usize,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Default, thiserror::Error)]
pub struct SettingsError {
    problems: Vec<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s)", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

/// The variables that [`Settings::read`] reads and the template sets.
pub const VARIABLES: &[&str] = &[
    "CXONE_PROFILE",
    "CXONE_ISSUER",
    "CXONE_API_VERSION",
    "CXONE_BASE_URL",
    "SECRET_ARN",
    "CLIENTS_TABLE",
    "REGISTRY_TABLE",
    "RATE_LIMIT",
    "RATE_WINDOW_SECONDS",
    "LOG_LEVEL",
    "STACK_NAME",
];

/// The variables that [`InjectSettings::read`] reads and the template sets, besides [`VARIABLES`].
pub const INJECT_VARIABLES: &[&str] = &[
    "CONTACT_QUEUE_URL",
    "DEAD_LETTER_QUEUE_URL",
    "LEDGER_TABLE",
    "MAXIMUM_CONCURRENCY",
    "COMPLIANCE_BOUNDARY",
    "QUEUE_HEALTH_MAX_AGE_SECONDS",
];

/// The variables that [`InjectSettings::read`] reads where there is an urgent queue, besides the others.
pub const URGENT_VARIABLES: &[&str] = &["URGENT_QUEUE_URL", "URGENT_QUEUE_ARN", "URGENT_CONCURRENCY"];

/// The process's environment.
#[expect(clippy::disallowed_methods, reason = "this is where configuration is read once")]
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Settings {
    /// Reads the sync function's settings.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn read(variables: Variables<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variables);
        let settings = reader.common();
        reader.finish(settings)
    }
}

impl InjectSettings {
    /// Whether there is an urgent queue.
    pub fn lanes(&self) -> Lanes {
        if self.urgent.is_some() { Lanes::Two } else { Lanes::One }
    }

    /// Reads the inject function's settings.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn read(variables: Variables<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variables);
        let common = reader.common();
        let contact_queue_url = reader.text("CONTACT_QUEUE_URL");
        let dead_letter_queue_url = reader.text("DEAD_LETTER_QUEUE_URL");
        let ledger_table = reader.text("LEDGER_TABLE");
        let maximum_concurrency =
            reader.parsed("MAXIMUM_CONCURRENCY", "a whole number from 2 to 1000", |number| (2..=1000).contains(number));
        let boundary = reader.parsed("COMPLIANCE_BOUNDARY", "inside or outside", |_| true);
        // Under a minute, health from the usual schedule would be unknown most of the time; a day is the rarest
        // schedule.
        let seconds = reader.parsed("QUEUE_HEALTH_MAX_AGE_SECONDS", "whole seconds from 60 to 86400", |seconds| {
            (60..=86_400).contains(seconds)
        });
        let urgent = reader.urgent_lane();
        let version = variables("AWS_LAMBDA_FUNCTION_VERSION").filter(|version| version != "$LATEST");
        let settings = (|| {
            Some(Self {
                common: common?,
                contact_queue_url: contact_queue_url?,
                dead_letter_queue_url: dead_letter_queue_url?,
                ledger_table: ledger_table?,
                maximum_concurrency: maximum_concurrency?,
                boundary: boundary?,
                queue_health_max_age: Duration::from_secs(seconds?),
                urgent,
                version,
            })
        })();
        reader.finish(settings)
    }
}

struct Reader<'a> {
    variables: Variables<'a>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(variables: Variables<'a>) -> Self {
        Self { variables, problems: Vec::new() }
    }

    fn common(&mut self) -> Option<Settings> {
        let api = self.api();
        let secret_arn = self.text("SECRET_ARN");
        let clients_table = self.text("CLIENTS_TABLE");
        let registry_table = self.text("REGISTRY_TABLE");
        let limit = self.parsed("RATE_LIMIT", "a whole number from 1 to 10000", |limit| (1..=10_000).contains(limit));
        let seconds =
            self.parsed("RATE_WINDOW_SECONDS", "whole seconds from 1 to 3600", |seconds| (1..=3600).contains(seconds));
        let log_level = self.parsed("LOG_LEVEL", "ERROR, WARN, INFO, DEBUG or TRACE", |_| true);
        let stack_name = self.text("STACK_NAME");
        let rules = api.as_ref().map(Api::rules);
        let routes = self.routes(rules.unwrap_or(guide::FACTS.routes));
        let (api, (routes, cases)) = (api?, routes?);
        let (dialect, cxone_base_url) = self.dialect(api, &routes)?;
        Some(Settings {
            dialect,
            cxone_base_url,
            secret_arn: secret_arn?,
            clients_table: clients_table?,
            registry_table: registry_table?,
            rate: Rate { limit: limit?, window: Duration::from_secs(seconds?) },
            log_level: log_level?,
            stack_name: stack_name?,
            routes,
            cases,
        })
    }

    /// The urgent lane: all of its variables, or none.
    fn urgent_lane(&mut self) -> Option<UrgentLane> {
        if URGENT_VARIABLES.iter().all(|name| self.text_or(name, "").is_empty()) {
            return None;
        }
        let (queue_url, queue_arn) = (self.text("URGENT_QUEUE_URL"), self.text("URGENT_QUEUE_ARN"));
        let concurrency =
            self.parsed("URGENT_CONCURRENCY", "a whole number from 2 to 1000", |number| (2..=1000).contains(number));
        Some(UrgentLane { queue_url: queue_url?, queue_arn: queue_arn?, concurrency: concurrency? })
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = (self.variables)(name).filter(|value| !value.trim().is_empty());
        if value.is_none() {
            self.problems.push(format!("{name} is not set"));
        }
        value
    }

    fn text_or(&self, name: &str, default: &str) -> String {
        (self.variables)(name).filter(|value| !value.trim().is_empty()).unwrap_or_else(|| default.to_owned())
    }

    fn parsed<T: FromStr>(&mut self, name: &str, expected: &str, allowed: impl Fn(&T) -> bool) -> Option<T> {
        let text = self.text(name)?;
        let value = text.trim().parse().ok().filter(allowed);
        if value.is_none() {
            self.problems.push(format!("{name} is '{text}', but must be {expected}"));
        }
        value
    }

    /// The routes file, at `ROUTES_PATH` where set, else beside the binary, in `LAMBDA_TASK_ROOT`; and where its cases
    /// would be.
    fn routes(&mut self, rules: RouteRules) -> Option<(Routes, PathBuf)> {
        let path = match ((self.variables)("ROUTES_PATH"), (self.variables)("LAMBDA_TASK_ROOT")) {
            (Some(path), _) => PathBuf::from(path),
            (None, Some(root)) => PathBuf::from(root).join("routes.json"),
            (None, None) => {
                self.problems
                    .push("neither ROUTES_PATH nor LAMBDA_TASK_ROOT is set, so there is no routes file".to_owned());
                return None;
            }
        };
        let text = match routes_file(&path) {
            Ok(text) => text,
            Err(error) => {
                self.problems.push(format!("{}: {error}", path.display()));
                return None;
            }
        };
        let refused = |error| self.problems.push(format!("{}: {error}", path.display()));
        let routes = Routes::from_json(text, rules).map_err(refused).ok()?;
        Some((routes, path.with_file_name("cases")))
    }

    fn finish<T>(self, settings: Option<T>) -> Result<T, SettingsError> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(SettingsError { problems: self.problems }),
        }
    }
}

/// The text of a routes file, where it is none that memory would run out with.
fn routes_file(path: &Path) -> io::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > Routes::MAX_BYTES as u64 {
        let rule = format!("{length} bytes, where a routes file has {} at most", Routes::MAX_BYTES);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, rule));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests;
