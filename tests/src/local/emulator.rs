//! The AWS emulator as a child process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::{ACCESS_KEY, LocalError, REGION};
use crate::workspace_root;

/// Ends the emulator as soon as its standard input closes, so that it outlives nobody, not even a parent that was
/// killed.
const LAUNCHER: &str = "\
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from ministack.app import main
main()";
/// A port may be taken between its choice and its use.
const TRIES: usize = 3;
/// Python imports for a second or two; a machine that compiles at the same time takes several.
const START_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A running AWS emulator on loopback. Dropping it ends it and the functions that it runs.
#[derive(Debug)]
pub struct Ministack {
    endpoint: String,
    child: Child,
    /// Holds the unpacked functions and the log; emulators that shared one would delete each other's functions.
    folder: TempDir,
}

impl Ministack {
    /// Starts an emulator on a free port, with nothing in it, and waits until it answers.
    pub fn start() -> Result<Self, LocalError> {
        let python = workspace_root().join(".venv/bin/python");
        if !python.exists() {
            return Err(LocalError::NoTools(python));
        }
        let mut last = LocalError::Emulator("no port was free".to_owned());
        for _ in 0..TRIES {
            match Self::start_once(&python) {
                Ok(emulator) => return Ok(emulator),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Its endpoint, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn start_once(python: &Path) -> Result<Self, LocalError> {
        let folder = TempDir::new().map_err(LocalError::system("make a temporary folder"))?;
        let log = std::fs::File::create(folder.path().join("log")).map_err(LocalError::system("write a log"))?;
        let errors = log.try_clone().map_err(LocalError::system("write a log"))?;
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let child = Command::new(python)
            .args(["-c", LAUNCHER])
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // It would listen on every interface otherwise.
            .env("IOT_MTLS_ENABLED", "0")
            // Its functions get this one as theirs, whatever the template says.
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
            .env("AWS_DEFAULT_REGION", REGION)
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            // A group of its own: the functions that it runs end with it, and Ctrl-C leaves the order to us.
            .process_group(0)
            .spawn()
            .map_err(LocalError::system("start the AWS emulator"))?;
        let mut emulator = Self { endpoint, child, folder };
        emulator.await_ready(port)?;
        Ok(emulator)
    }

    fn await_ready(&mut self, port: u16) -> Result<(), LocalError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for _ in 0..START_WITHIN.as_millis() / POLL.as_millis() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(LocalError::Emulator(format!("{status}\n{}", self.log_tail())));
            }
            if TcpStream::connect_timeout(&address, POLL).is_ok() {
                return Ok(());
            }
            sleep(POLL);
        }
        Err(LocalError::Emulator(format!("no answer in {} s\n{}", START_WITHIN.as_secs(), self.log_tail())))
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // Whatever is gone already needs no ending.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, LocalError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(LocalError::system("find a free port"))?;
    listener.local_addr().map(|address| address.port()).map_err(LocalError::system("find a free port"))
}
