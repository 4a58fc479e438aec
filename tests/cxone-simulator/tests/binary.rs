//! The binary as another process sees it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

/// Ends the process with the test, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cxone-simulator"))
}

#[test]
fn it_announces_its_url_serves_its_configuration_and_ends_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let (config, ready) = (directory.path().join("config.json"), directory.path().join("ready"));
    let settings = json!({
        "clients": [{"client_id": "worker-1", "client_secret": "secret-1"}],
        "queues": [{"id": "q-1", "thresholds": {"maxCapacity": 10}}],
        "rateLimit": {"limit": 5}
    });
    std::fs::write(&config, settings.to_string()).unwrap();
    let child = binary()
        .args(["--port", "0", "--config"])
        .arg(&config)
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    assert!(std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).is_ok());

    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(ready).unwrap(), url);
}

#[test]
fn a_wrong_option_or_configuration_ends_it_with_an_error() {
    let wrong = binary().args(["--prot", "0"]).output().unwrap();
    assert!(!wrong.status.success());
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("usage:"));

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.json");
    std::fs::write(&config, r#"{"queue": []}"#).unwrap();
    let wrong = binary().arg("--config").arg(config).output().unwrap();
    assert!(!wrong.status.success());
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("unknown field `queue`"));
}
