//! One environment at a time: its start, its first batch, warm batches, CPU time and memory.

use super::subject::{Subjects, batch, peer, unlimited};
use super::{Extent, Row, Target, median, millis, number};
use crate::host::{Environment, FunctionConfig, Invocation};
use crate::local::LocalError;

/// Messages in a batch.
const BATCH: usize = 10;

/// Rounds on one emulator and one simulator, which grow slower as they fill: twice as slow for both subjects after
/// twenty-five.
const ROUNDS_PER_DEPLOYMENT: usize = 5;

/// What one environment's life was like.
#[derive(Debug, Default)]
struct Lives {
    init: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    cpu_per_contact: Vec<f64>,
    init_cpu: Vec<f64>,
    peak_memory: Vec<f64>,
}

/// A figure's name, its unit, where it is found, and what it has to be.
type Figure = (&'static str, &'static str, fn(&mut Lives) -> &mut Vec<f64>, Target);

pub(super) async fn measure(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let (mut our_lives, mut peer_lives) = (Lives::default(), Lives::default());
    for _ in 0..extent.rounds.div_ceil(ROUNDS_PER_DEPLOYMENT) {
        let deployment = subjects.deploy(unlimited()).await?;
        let ours = deployment.inject(&subjects.inject, false)?;
        let peers = peer(&ours)?;
        for _ in 0..ROUNDS_PER_DEPLOYMENT {
            // As the schedule does, so that queue health is as fresh as in operation.
            deployment.fill_registry(&subjects.sync).await?;
            live(&ours, extent.warm_batches, &mut our_lives).await?;
            live(&peers, extent.warm_batches, &mut peer_lives).await?;
        }
    }
    let mut rows = Vec::new();
    let figures: [Figure; 6] = [
        ("init: spawn to first /next", "ms", |lives| &mut lives.init, Target::BelowAndTimesUnder(25.0, 20.0)),
        ("CPU time of init", "ms", |lives| &mut lives.init_cpu, Target::None),
        ("first batch of 10 after init", "ms", |lives| &mut lives.first, Target::Below(100.0)),
        ("warm batch of 10, CXone takes 5 ms", "ms", |lives| &mut lives.warm, Target::Below(35.0)),
        ("CPU time per contact, warm", "ms", |lives| &mut lives.cpu_per_contact, Target::BelowAndTimesUnder(0.5, 10.0)),
        ("peak memory", "MiB", |lives| &mut lives.peak_memory, Target::Below(24.0)),
    ];
    for (figure, unit, of, target) in figures {
        let (ours, peers) = (std::mem::take(of(&mut our_lives)), std::mem::take(of(&mut peer_lives)));
        rows.push(Row::beside(figure, unit, median(ours), median(peers), target));
    }
    Ok(rows)
}

async fn live(function: &FunctionConfig, warm_batches: usize, lives: &mut Lives) -> Result<(), LocalError> {
    let environment = Environment::start(function).await?;
    lives.init.push(millis(environment.init()));
    lives.init_cpu.push(millis(environment.usage().cpu));
    lives.first.push(millis(injected(&environment).await?.duration));
    let before = environment.usage().cpu;
    for _ in 0..warm_batches {
        lives.warm.push(millis(injected(&environment).await?.duration));
    }
    let usage = environment.usage();
    lives.cpu_per_contact.push(millis(usage.cpu.saturating_sub(before)) / number(warm_batches * BATCH));
    lives.peak_memory.push(number(usage.peak_memory_kib) / 1024.0);
    Ok(())
}

/// Hands over a batch, which must be injected to the last message.
pub(super) async fn injected(environment: &Environment) -> Result<Invocation, LocalError> {
    accepted(environment, &batch(BATCH)).await
}

/// Hands over an event that must be acknowledged as a whole.
pub(super) async fn accepted(environment: &Environment, event: &serde_json::Value) -> Result<Invocation, LocalError> {
    let invocation = environment.invoke(event).await?;
    let failures = invocation.answer().and_then(|answer| answer["batchItemFailures"].as_array()).map(Vec::len);
    if failures == Some(0) {
        return Ok(invocation);
    }
    let told: String = format!("{:?}", invocation.outcome).chars().take(2000).collect();
    let output = environment.output();
    let lines: Vec<_> = output.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    Err(LocalError::Failed { function: "the function".to_owned(), outcome: format!("{told}\n{last}") })
}
