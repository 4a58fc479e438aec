//! What an event and a route may cost, counted by callgrind, and what a routes file may take of a function's memory.
//!
//! Instructions are, unlike a time, the same on a busy machine. A guard says so and does nothing where its means are
//! not there: valgrind, or Linux's account of a process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere in it")]
#![allow(clippy::print_stderr, reason = "what was measured, and what could not be, is told")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use contact_injection_tests::{ordinary_routes, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Instructions per event in the release build. Raise it with a reason in the commit; lower it when it is beaten.
const PER_EVENT: u64 = 95_000;
/// Instructions for a route of ten attributes when the function starts.
const PER_ROUTE: u64 = 155_000;
/// Two runs differ by a thousandth of a percent; a new compiler moves the count by a few.
const TOLERANCE_PERCENT: u64 = 5;
/// Two runs differ by so many events or routes, so that the start cancels out.
const FEW: u64 = 100;
const MANY: u64 = 600;

const MIB: usize = 1 << 20;

/// The program that is measured, in the release build.
static PROGRAM: LazyLock<String> = LazyLock::new(build);

#[test]
fn an_event_takes_no_more_instructions_than_it_did() {
    within(PER_EVENT, "event", |count| instructions(&["events", &count.to_string()]));
}

#[test]
fn a_route_takes_no_more_instructions_at_the_start_than_it_did() {
    let folder = TempDir::new().unwrap();
    within(PER_ROUTE, "route", |count| {
        let file = write(&folder, &ordinary_routes(usize::try_from(count).unwrap()).to_string());
        instructions(&["start", &file])
    });
}

/// What a file's own text, and an index of a fraction of it, take at the start, and what all of it takes in use: the
/// bound that the file is held to, which is told as a problem.
#[test]
fn routes_take_the_memory_that_they_are_allowed_and_no_more() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: the kernel doesn't tell how much memory is resident");
        return;
    }
    let folder = TempDir::new().unwrap();
    for (count, at_start) in [(10, MIB), (1_000, 3 * MIB), (10_000, 24 * MIB)] {
        let file = write(&folder, &ordinary_routes(count).to_string());
        let [read, in_use] = memory(&file).expect("the file is accepted");
        eprintln!("{count} routes: {} KiB once they are read, {} KiB in use", read / 1024, in_use / 1024);
        assert!(read <= at_start, "{count} routes take {read} bytes at the start");
    }
    let conditions = format!("$.aN[?{}]", ["@.a"; 40].join("||"));
    for path in ["$.aN", "$.aN.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "$.aN[?@.a]", &conditions] {
        let (mut accepted, mut refused, mut most) = (0, 1_000, 0);
        while refused - accepted > 1 + accepted / 16 {
            let count = usize::midpoint(accepted, refused);
            match memory(&write(&folder, &dense_routes(count, path))) {
                Some([_, in_use]) => (accepted, most) = (count, most.max(in_use)),
                None => refused = count,
            }
        }
        eprintln!("{accepted} routes of a thousand {path}: {} KiB in use", most / 1024);
        assert!(accepted > 0 && most <= 128 * MIB, "{path}: {most} bytes in use of an accepted file");
    }
}

/// Holds what one more costs to its budget.
fn within(budget: u64, what: &str, instructions: impl Fn(u64) -> u64) {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: valgrind is not installed, so nobody counts instructions");
        return;
    }
    let each = (instructions(MANY) - instructions(FEW)) / (MANY - FEW);
    let most = budget + budget * TOLERANCE_PERCENT / 100;
    eprintln!("{each} instructions for each {what}; {most} at most");
    assert!(each <= most, "{each} instructions for each {what}, more than {most}");
    assert!(each >= budget / 2, "{each} instructions for each {what}: half of what is allowed, so allow less");
}

fn build() -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace_root())
        .args(["build", "--locked", "--release", "--quiet", "--message-format=json-render-diagnostics"])
        .args(["--package", "budget"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    programs.next().expect("the build makes the program")
}

fn instructions(arguments: &[&str]) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &PROGRAM])
        .args(arguments)
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    collected.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind says what it collected")
}

/// By how many bytes a process grows that reads a file, and once each of its routes has been in use; nothing where the
/// file is refused.
fn memory(file: &str) -> Option<[usize; 2]> {
    let output = Command::new(&*PROGRAM).args(["memory", file]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        let refusal = String::from_utf8(output.stderr).unwrap();
        assert!(refusal.contains(" MiB"), "{refusal}");
        return None;
    }
    let mut figures = told.lines().map(|line| line.parse().unwrap());
    Some([figures.next().unwrap(), figures.next().unwrap()])
}

fn write(folder: &TempDir, routes: &str) -> String {
    let path: &Path = &folder.path().join("routes.json");
    std::fs::write(path, routes).unwrap();
    path.display().to_string()
}

/// So many routes of as many attributes as one may have, each by this path with a number of its own for the `N`.
fn dense_routes(count: usize, path: &str) -> String {
    let rule = |n: usize| (format!("string:{n}"), json!({ "path": path.replace('N', &n.to_string()) }));
    let attributes = Value::Object((0..1_000).map(rule).collect()).to_string();
    let route = |number: usize| {
        format!(
            r#"{{"name": "{number}", "match": {{"type": "{number}"}}, "channel": "c", "targets": [{{"queueId": "q"}}],
            "priority": {{"default": 1}}, "from": {{"path": "$.a"}}, "to": {{"path": "$.a"}}, "attributes": {attributes}}}"#
        )
    };
    format!(r#"{{"routes": [{}]}}"#, (0..count).map(route).collect::<Vec<_>>().join(","))
}
