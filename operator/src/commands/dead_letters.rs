//! `dead-letters`: what could not be injected, and why.

use clap::Args;
use contact_injection::adapters::{dynamodb::DynamoLedger, environment::System};
use contact_injection::domain::claim::Record;
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::ports::{Environment as _, Ledger as _};
use contact_injection::status::Whereabouts;
use serde_json::{Value, json};

use crate::answer::{Answer, End, count, plain};
use crate::cli::Target;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::letters::advice::advice;
use crate::letters::filter::Filter;
use crate::letters::listing::{self, Ending};
use crate::letters::queue::{Depth, Queue};
use crate::letters::routes::Routes;
use crate::letters::tally::Tally;
use crate::stack::Stack;

/// Counts dead letters by reason and route, with samples, and takes none out.
///
/// While it looks (some seconds; five minutes at most), letters are out of others' sight; at the end, and on Ctrl-C,
/// they are shown again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Explain the letter of this event: its reason, what to do about it, and its status on the ledger.
    #[arg(long, value_name = "KEY", value_parser = super::key)]
    show: Option<IdempotencyKey>,
}

/// Lists, and shows what was seen.
pub(super) async fn run(target: &Target, arguments: Arguments) -> Result<Answer, Error> {
    let Arguments { filter, show } = arguments;
    let stack = Stack::find(target).await?;
    let (queue, interrupt) = (Queue::of(&stack)?, Interrupt::listen()?);
    let mut routes = Routes::of(&stack, filter.needs_route())?;
    let record = match show {
        Some(key) => Some(record(&stack, key).await?),
        None => None,
    };
    let depth = queue.depth().await?;
    let mut tally = Tally::new(&filter, show, System::new().now(), &mut routes);
    let listed = listing::list(&queue, &interrupt, &mut tally).await?;
    let notes = tally.note().into_iter().chain(listed.notes()).collect();
    let end = if listed.ending == Ending::Interrupted { End::NotDone } else { End::Done };
    let answer = match record {
        Some(record) => explained(&tally, record.as_ref()),
        None => counted(&tally, depth),
    };
    Ok(answer.ending(end).with_notes(notes))
}

fn counted(tally: &Tally<'_>, depth: Depth) -> Answer {
    let hidden = match depth.hidden {
        0 => String::new(),
        hidden => format!(", {hidden} of them out of sight: somebody else is reading"),
    };
    let heading =
        format!("{}; the queue itself counts about {}{hidden}", count(tally.total, "dead letter"), depth.total());
    let mut json = tally.json();
    json["queue"] = depth.json();
    Answer::done(format!("{heading}\n\n{}", tally.text()), json)
}

fn explained(tally: &Tally<'_>, record: Option<&Record>) -> Answer {
    let mut text = String::new();
    for letter in tally.samples() {
        let route = letter.route.as_deref().map(plain);
        text.extend([format!("{}  route {}\n", letter.reason_name, route.as_deref().unwrap_or("-"))]);
        text.extend([format!("  {}\n  What to do: {}\n\n", letter.line(), advice(letter.reason))]);
    }
    if tally.total == 0 {
        text += "No letter of this event was seen in the queue.\n";
    }
    let on_record = record.map_or_else(
        || "nothing".to_owned(),
        |record| {
            let lane = record.event.lane.map(|lane| format!(", {lane} lane")).unwrap_or_default();
            format!(
                "{}, since {}, after {}{lane}",
                state(record).as_str().unwrap_or("unknown"),
                record.at,
                count(record.attempts_so_far() as usize, "request")
            )
        },
    );
    text.extend([format!("On the ledger: {on_record}\n")]);
    let mut json = json!({ "letters": tally.json()["samples"], "total": tally.total });
    json["ledger"] = record.map_or(Value::Null, |record| {
        let (at, attempts, lane) = (record.at.to_string(), record.attempts_so_far(), record.event.lane);
        let mut ledger = json!({ "state": state(record), "at": at, "attempts": attempts });
        if let Some(lane) = lane {
            ledger["lane"] = json!(lane);
        }
        ledger
    });
    Answer::done(text, json)
}

/// Where the event is, in the words of `status`.
fn state(record: &Record) -> Value {
    serde_json::to_value(Whereabouts::of(record, System::new().now())).unwrap_or_default()
}

async fn record(stack: &Stack, key: IdempotencyKey) -> Result<Option<Record>, Error> {
    let table = stack.output("LedgerTableName")?;
    let ledger = DynamoLedger::new(stack.dynamodb(), table.to_owned(), System::new());
    let failed = |error| Error::ledger("dynamodb:GetItem", &format!("the table {table}"), &error);
    ledger.read(key).await.map_err(failed)
}
