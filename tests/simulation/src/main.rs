//! Runs seeds, tells one, or finds the deliberate defects.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command")]

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use simulation::{Defect, Document, Fleet, Profile, Report, Scenario, UrgentDay, busy_hour, run, sweep};

const USAGE: &str =
    "simulation [--seeds N] [--from SEED] [--defect NAME]   runs N seeds, and tells the first that fails
simulation --seed SEED [--defect NAME]                runs one seed and tells it
simulation --defects [--seeds N]                      says after how many seeds each deliberate defect is found by the invariant that is there to see it
… --profile guide|cxone                               of the guide's API, as where nothing is said, or of a NICE CXone tenant's
simulation --busy-hour                                queues that fill and drain, with their health known and without
simulation --urgent-day                               a bulk load and urgent events, with a lane of their own and without
simulation --fleet [--write FILE]                     a thousand clients and workers within the limits of the services; FILE takes the figures";

struct Asked {
    profile: Profile,
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    defect: Option<Defect>,
    defects: bool,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--busy-hour") {
        for (title, aware) in [("with the queues' health", true), ("without", false)] {
            println!("{title}\n{}", busy_hour(aware));
        }
        return ExitCode::SUCCESS;
    }
    if std::env::args().nth(1).as_deref() == Some("--urgent-day") {
        println!("| clients | lane | median | 99 % | worst | contacts a minute | backlog gone after | lent |");
        println!("{}|", "| --- ".repeat(8));
        for (title, day) in UrgentDay::all() {
            print!("| {title} | {}", day.live());
        }
        return ExitCode::SUCCESS;
    }
    if std::env::args().nth(1).as_deref() == Some("--fleet") {
        return fleet(std::env::args().skip(2));
    }
    let Some(asked) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if asked.defects {
        return find_defects(asked.profile, asked.seeds);
    }
    if let Some(seed) = asked.seed {
        return tell(&run(asked.profile, seed, asked.defect, true));
    }
    let began = clock();
    let sweep = sweep(asked.profile, asked.from..asked.from + asked.seeds, asked.defect);
    let took = clock().saturating_sub(began);
    println!("{} seeds in {:.1} s: {}", asked.seeds, took.as_secs_f64(), sweep.tally);
    for failed in sweep.failed.iter().skip(1) {
        println!("seed {} fails: {}", failed.seed, failed.breaches.join("; "));
    }
    match sweep.failed.first() {
        None => ExitCode::SUCCESS,
        Some(failed) => tell(&run(asked.profile, failed.seed, asked.defect, true)),
    }
}

/// Lives every scenario of a large fleet, and tells their figures, or writes them into a document too.
fn fleet(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let file = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => None,
        (Some("--write"), Some(file)) => Some(file),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let began = clock();
    let lived = Fleet::live_all(&Scenario::all());
    let document = Document(&lived);
    println!("{}", document.markdown());
    eprintln!("in {:.0} s", clock().saturating_sub(began).as_secs_f64());
    if let Some(error) = file.and_then(|file| document.write_into(file.as_ref()).err()) {
        eprintln!("the figures could not be written: {error}");
        return ExitCode::from(1);
    }
    let broken = lived.iter().flat_map(|lived| &lived.breaches);
    broken.clone().take(10).for_each(|breach| eprintln!("{breach}"));
    ExitCode::from(u8::from(broken.count() > 0))
}

fn tell(report: &Report) -> ExitCode {
    report.timeline.iter().for_each(|line| println!("{line}"));
    println!("seed {}: {}", report.seed, report.tally);
    report.breaches.iter().for_each(|breach| println!("seed {}: {breach}", report.seed));
    ExitCode::from(u8::from(!report.breaches.is_empty()))
}

fn find_defects(profile: Profile, seeds: u64) -> ExitCode {
    let mut all = true;
    let defects = match profile {
        Profile::Guide => &Defect::BY_SEED[..],
        Profile::Cxone => &Defect::OF_CXONE[..],
    };
    for &defect in defects {
        let sign = |seed| Some((seed, defect.sign(&run(profile, seed, Some(defect), false).breaches)?.clone()));
        if let Some((seed, sign)) = (0..seeds).find_map(sign) {
            println!("| `{}` | {} | {sign} |", defect.name(), seed + 1);
        } else {
            all = false;
            println!("| `{}` | not within {seeds} | |", defect.name());
        }
    }
    ExitCode::from(u8::from(!all))
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked { profile: Profile::Guide, seeds: 2000, from: 0, seed: None, defect: None, defects: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--profile" => {
                asked.profile = match arguments.next()?.as_str() {
                    "guide" => Profile::Guide,
                    "cxone" => Profile::Cxone,
                    _ => return None,
                };
            }
            "--defects" => asked.defects = true,
            "--seeds" => asked.seeds = arguments.next()?.parse().ok()?,
            "--from" => asked.from = arguments.next()?.parse().ok()?,
            "--seed" => asked.seed = Some(arguments.next()?.parse().ok()?),
            "--defect" => asked.defect = Some(Defect::named(&arguments.next()?)?),
            _ => return None,
        }
    }
    Some(asked)
}

#[expect(clippy::disallowed_methods, reason = "how long the command took is no part of any run")]
fn clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
