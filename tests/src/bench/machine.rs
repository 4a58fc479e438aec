//! Where and when figures were taken.

use std::fmt;
use std::thread::available_parallelism;

use jiff::Timestamp;

/// A machine at a time.
#[derive(Debug, Clone)]
pub struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    date: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, date } = self;
        write!(f, "Taken on {date}: {cores} cores of {processor}, Linux {kernel}, everything on this one machine.")
    }
}

/// This machine, now.
#[expect(clippy::disallowed_methods, reason = "a benchmark says when it was taken; nothing is decided by it")]
pub(super) fn describe() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo").lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    Machine {
        processor: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: available_parallelism().map_or(1, usize::from),
        kernel: kernel.trim().split('-').next().unwrap_or_default().to_owned(),
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
    }
}
