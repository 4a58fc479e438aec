//! Looking at every letter once, without taking any out.
//!
//! What is received is hidden for [`HIDDEN`], so that the next receive brings others, and the listing is over before
//! the first of them would come back by itself ([`WITHIN`]). So nothing that it saw comes round again, however large
//! the queue is: each receiver ends with its first empty answer, at the time limit, or when so many letters are held
//! that SQS would hand out no more ([`MOST`]); where others show letters again meanwhile, their ids are known. At the
//! end, and on Ctrl-C, every letter is shown again. A listing that is killed leaves what it held out of sight for the
//! rest of [`HIDDEN`], no longer.
//!
//! A longer time would take letters from others for as long after a kill; extending it would cost as many calls as the
//! listing itself; showing letters again while it goes on would bring them back to it.

use std::collections::HashMap;
use std::time::Duration;

use contact_injection::adapters::environment::System;
use contact_injection::ports::Environment as _;
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{letter::Letter, queue::Queue, tally::Tally};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// How long a letter is out of sight, where nobody shows it again.
pub(crate) const HIDDEN: Duration = Duration::from_secs(300);
/// The same in the unit of SQS.
pub(crate) const HIDDEN_SECONDS: i32 = 300;
/// How long a listing receives: a minute less, for what is on its way and for showing letters again.
const WITHIN: Duration = Duration::from_secs(240);
/// Letters held at once. SQS lets 120,000 of a queue be out of sight, and the rest is left to others.
const MOST: usize = 100_000;
/// Receivers at once: some 3,000 letters a second, with answers in 25 ms.
const RECEIVERS: usize = 8;

/// How a listing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// There was nothing more to be had.
    Complete,
    /// As many are held as may be.
    Full,
    /// The time was up.
    Late,
    /// Somebody wanted it to end.
    Interrupted,
}

/// What a listing did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// How it ended.
    pub(crate) ending: Ending,
    /// Letters that could not be shown again.
    pub(crate) left_hidden: usize,
}

/// Puts every letter of the queue into the tally, once.
///
/// # Errors
/// Where the queue or the ledger can't be read. Letters are shown again all the same.
pub(crate) async fn list(queue: &Queue, interrupt: &Interrupt, tally: &mut Tally<'_>) -> Result<Listed, Error> {
    let mut held = HashMap::new();
    let listed = receive_all(queue, interrupt, tally, &mut held).await;
    let left_hidden = queue.show(held.into_values().collect()).await;
    listed.map(|ending| Listed { ending, left_hidden })
}

/// Receives until the end; into `held` go receipt handles by message ids.
async fn receive_all(
    queue: &Queue,
    interrupt: &Interrupt,
    tally: &mut Tally<'_>,
    held: &mut HashMap<String, String>,
) -> Result<Ending, Error> {
    let (clock, progress) = (System::new(), Progress::on_terminal());
    let deadline = clock.now().plus(WITHIN);
    let mut receiving: FuturesUnordered<_> = (0..RECEIVERS).map(|_| queue.receive(HIDDEN_SECONDS)).collect();
    let (mut ending, mut failed) = (Ending::Complete, None);
    // Whatever ends it, an answer that is on its way is waited for: its letters would stay out of sight otherwise.
    while let Some(answer) = receiving.next().await {
        let messages = match answer {
            Ok(messages) => messages,
            Err(error) => {
                failed = failed.or(Some(error));
                continue;
            }
        };
        for message in &messages {
            let letter = Letter::read(message);
            let handle = message.receipt_handle().unwrap_or_default().to_owned();
            if held.insert(letter.message_id.clone(), handle).is_none()
                && let Err(error) = tally.add(letter).await
            {
                failed = failed.or(Some(error));
            }
        }
        progress.show(&format!("{} letters looked at", held.len()));
        if interrupt.is_set() {
            ending = Ending::Interrupted;
        } else if held.len() >= MOST {
            ending = Ending::Full;
        } else if clock.now() >= deadline {
            ending = Ending::Late;
        } else if failed.is_none() && ending == Ending::Complete && !messages.is_empty() {
            receiving.push(queue.receive(HIDDEN_SECONDS));
        }
    }
    match failed {
        Some(error) => Err(error),
        None => tally.finish().await.map(|()| ending),
    }
}

impl Listed {
    /// What is to be known of it.
    pub(crate) fn notes(self) -> Vec<String> {
        let ending = match self.ending {
            Ending::Complete => None,
            Ending::Full => Some(format!(
                "not all of them: SQS lets no more than {MOST} be looked at at once (narrow filters don't help; a redrive does)"
            )),
            Ending::Late => Some(format!("not all of them: after {} s the first would come back", WITHIN.as_secs())),
            Ending::Interrupted => Some("not all of them: interrupted".to_owned()),
        };
        let left = (self.left_hidden > 0)
            .then(|| format!("{} letters stay out of sight for up to {} s", self.left_hidden, HIDDEN.as_secs()));
        ending.into_iter().chain(left).collect()
    }
}
