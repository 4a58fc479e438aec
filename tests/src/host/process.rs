//! One process of an environment: its end, what it printed, and what it cost.

use std::fs;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use crate::local::LocalError;

/// The kernel's unit of time in `/proc/<pid>/stat` on every Linux that matters (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on a processor, user's and system's, of all its threads.
    pub cpu: Duration,
    /// The most memory that it held at once, in KiB (`VmHWM`).
    pub peak_memory_kib: u64,
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    kill: mpsc::UnboundedSender<()>,
    ended: watch::Receiver<Option<ExitStatus>>,
    /// What it printed: a file, so that all of what it wrote before an answer can be read after that answer.
    output: NamedTempFile,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Result<Self, LocalError> {
        let doing = format!("start {}", command.as_std().get_program().display());
        let system = |error| LocalError::system(doing.clone())(error);
        let output = NamedTempFile::new().map_err(system)?;
        let stream = || output.as_file().try_clone().map(Stdio::from).map_err(system);
        let child = command
            .stdin(Stdio::null())
            .stdout(stream()?)
            .stderr(stream()?)
            // A group of its own, so that Ctrl-C leaves the order to us.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(system)?;
        let id = child.id().unwrap_or_default();
        let (kill, kills) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        tokio::spawn(attend(child, kills, end));
        Ok(Self { id, kill, ended, output })
    }

    /// SIGKILL, at once.
    pub(super) fn kill(&self) {
        // Nobody takes it where the process has ended already.
        let _ = self.kill.send(());
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    pub(super) async fn end(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// All that it has printed, on either stream.
    pub(super) fn output(&self) -> String {
        let output = fs::read(self.output.path()).unwrap_or_default();
        String::from_utf8_lossy(&output).into_owned()
    }

    /// The cost so far; nothing once the process is gone.
    pub(super) fn usage(&self) -> Option<Usage> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let peak_memory_kib = field(&status, "VmHWM:")?;
        let cpu = self.ticks()?.max(self.scheduled().unwrap_or_default());
        Some(Usage { cpu, peak_memory_kib })
    }

    /// By the scheduler's account: to the nanosecond, but of living threads only.
    fn scheduled(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id)).ok()?;
        let nanos = tasks.flatten().filter_map(|task| {
            let account = fs::read_to_string(task.path().join("schedstat")).ok()?;
            account.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanos.sum()))
    }

    /// By the process's account: of all threads there ever were, but in ticks.
    fn ticks(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        // The name, in parentheses, may hold anything; user and system time are the twelfth and thirteenth after it.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(11).map_while(|field| field.parse::<u32>().ok());
        Some(TICK * (fields.next()? + fields.next()?))
    }
}

/// Waits for the end, and brings it about where that is asked for or nobody holds the process any more.
async fn attend(mut child: Child, mut kills: mpsc::UnboundedReceiver<()>, end: watch::Sender<Option<ExitStatus>>) {
    let status = tokio::select! {
        status = child.wait() => status,
        _ = kills.recv() => {
            // It may have ended in this moment.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    // Whoever waits for the end of a process that can't be waited for sees the channel close.
    let _ = status.map(|status| end.send_replace(Some(status)));
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_measured_while_it_lives_and_killed_on_demand() {
        let mut command = Command::new("sh");
        // In one program to the end: another one would begin with a peak of its own.
        command.args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo counted; while :; do :; done"]);
        let process = Process::start(command).unwrap();
        while process.output().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let usage = process.usage().unwrap();
        assert!(usage.cpu > Duration::ZERO && usage.peak_memory_kib > 100, "{usage:?}");
        process.kill();
        let status = process.end().await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        assert_eq!(process.usage(), None);
    }
}
