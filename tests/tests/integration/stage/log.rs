//! What the code under test logs on this thread, as the lines that CloudWatch would get.

use std::io;
use std::sync::{Arc, Mutex};

use contact_injection::adapters::telemetry::targets;
use serde_json::Value;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{Layer as _, fmt::MakeWriter, layer::SubscriberExt as _};

/// The log of one test. Every test runs on a thread of its own, so the log is its alone.
pub(crate) struct Log {
    text: Text,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn start() -> Self {
        let text = Text::default();
        // As `telemetry::start` sets it up, in all the detail that there is.
        let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(text.clone());
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(targets(Level::TRACE)));
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The canonical lines: one for each delivery.
    pub(crate) fn deliveries(&self) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line.get("outcome").is_some() && line["message_id"].is_string())
            .collect()
    }

    /// How the deliveries of an event ended, oldest first: the outcome, and its reason where it has one.
    pub(crate) fn outcomes_of(&self, event_id: &str) -> Vec<String> {
        self.deliveries().iter().filter(|line| line["event_id"] == event_id).map(outcome).collect()
    }

    /// The first line with these words.
    pub(crate) fn line(&self, words: &str) -> Value {
        let said = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(words));
        self.lines().into_iter().find(said).unwrap_or_else(|| panic!("nobody said {words:?}"))
    }

    /// Whether anything was said in these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.lines().iter().any(|line| line["message"].as_str().is_some_and(|message| message.contains(words)))
    }
}

/// `deferred timeout`, or a bare `injected`.
pub(crate) fn outcome(line: &Value) -> String {
    let words = [line["outcome"].as_str(), line["reason"].as_str()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

impl<'a> MakeWriter<'a> for Text {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
