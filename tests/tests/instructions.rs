//! Instructions that one event takes from its JSON to a checked contact, counted by callgrind: unlike a time, the same
//! on a busy machine. Says so and does nothing where valgrind is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere in it")]

use std::process::{Command, Stdio};

use contact_injection_tests::workspace_root;
use serde_json::Value;

/// Instructions per event in the release build. Raise it with a reason in the commit; lower it when it is beaten.
const PER_EVENT: u64 = 92_500;
/// Two runs differ by a thousandth of a percent; a new compiler moves the count by a few.
const TOLERANCE_PERCENT: u64 = 5;
/// Two runs differ by so many events, so that the start cancels out.
const FEW: u64 = 100;
const MANY: u64 = 600;

#[test]
fn an_event_takes_no_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: valgrind is not installed, so nobody counts the instructions of an event");
        return;
    }
    let program = build();
    let per_event = (instructions(&program, MANY) - instructions(&program, FEW)) / (MANY - FEW);
    let most = PER_EVENT + PER_EVENT * TOLERANCE_PERCENT / 100;
    eprintln!("{per_event} instructions per event; {most} at most");
    assert!(per_event <= most, "{per_event} instructions per event, more than {most}");
    let least = PER_EVENT / 2;
    assert!(per_event >= least, "{per_event} instructions per event: half of what is allowed, so allow less");
}

fn build() -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace_root())
        .args(["build", "--locked", "--release", "--quiet", "--message-format=json-render-diagnostics"])
        .args(["--package", "contact-injection", "--no-default-features", "--example", "transform"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    programs.next().expect("the build makes the example")
}

fn instructions(program: &str, events: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, &events.to_string()])
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    collected.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind says what it collected")
}
