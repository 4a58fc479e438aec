//! The binary as another process sees it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its set-up too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

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

/// Starts the binary with these settings, and gives its URL as it announces it.
fn started(face: &[&str], settings: &Value, directory: &Path) -> (Running, String) {
    let (config, ready) = (directory.join("config.json"), directory.join("ready"));
    std::fs::write(&config, settings.to_string()).unwrap();
    let mut command = binary();
    command.args(face).args(["--port", "0", "--config"]).arg(&config).arg("--ready-file").arg(&ready);
    let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(ready).unwrap(), url);
    (running, url)
}

#[test]
fn it_announces_its_url_serves_its_configuration_and_ends_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({
        "clients": [{"client_id": "worker-1", "client_secret": "secret-1"}],
        "queues": [{"id": "q-1", "thresholds": {"maxCapacity": 10}}],
        "rateLimit": {"limit": 5}
    });
    let (mut running, url) = started(&[], &settings, directory.path());
    assert!(std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).is_ok());

    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn the_second_face_serves_a_configuration_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({"skills": [{"id": 4012, "name": "Orders"}], "issuer": "https://issuer.example"});
    let (_running, url) = started(&["--face", "cxone"], &settings, directory.path());
    let mut stream = std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(r#""issuer":"https://issuer.example""#), "{answer}");
}

#[test]
fn a_wrong_option_or_configuration_ends_it_with_an_error() {
    for options in [["--prot", "0"], ["--face", "nice"]] {
        let wrong = binary().args(options).output().unwrap();
        assert!(!wrong.status.success());
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("usage:"));
    }

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.json");
    std::fs::write(&config, r#"{"queue": []}"#).unwrap();
    for face in ["guide", "cxone"] {
        let wrong = binary().args(["--face", face, "--config"]).arg(&config).output().unwrap();
        assert!(!wrong.status.success());
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("unknown field `queue`"));
    }
}
