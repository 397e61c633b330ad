//! A measured program: started, watched through /proc, stopped when dropped.

use std::fs;
use std::io::{Read, Seek};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take until it listens.
const START_MAX: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts the command and waits until `address` answers. If the program ends instead, its
    /// stderr becomes the error.
    pub(crate) fn start(mut command: Command, address: SocketAddr) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut log = tempfile::tempfile().context("no temporary file for the server's log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?)
            .spawn()
            .with_context(|| format!("{program} could not be started"))?;
        let mut process = Process { child, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                let mut text = String::new();
                log.rewind()?;
                log.read_to_string(&mut text)?;
                bail!("{program} ended with {status}: {}", text.trim());
            }
            if start.elapsed() > START_MAX {
                bail!("{program} did not listen on {address} within {START_MAX:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(process)
    }

    fn proc_path(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }

    /// CPU time used so far by all threads, user and system, in nanoseconds.
    ///
    /// From the scheduler's own account of each thread; where the kernel keeps none, from the
    /// process's clock ticks. A thread that ends takes its account with it, so this suits servers
    /// that keep their threads.
    pub(crate) fn cpu_ns(&self) -> Result<u64> {
        let mut total = 0;
        for task in fs::read_dir(self.proc_path("task")).context("the server has ended")? {
            match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(text) => total += first_number(&text)?,
                Err(_) => return self.cpu_ns_from_ticks(),
            }
        }
        Ok(total)
    }

    fn cpu_ns_from_ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(self.proc_path("stat")).context("the server has ended")?;
        // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
        let (_, rest) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
        let ticks: u64 = rest
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<Result<u64, _>>()?;
        Ok(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second())
    }

    /// Resident memory in bytes, exact at this moment.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes_in(&self.proc_path("smaps_rollup"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Resident memory of this process in bytes, exact at this moment.
pub(crate) fn own_resident_bytes() -> Result<u64> {
    resident_bytes_in("/proc/self/smaps_rollup")
}

fn resident_bytes_in(rollup: &str) -> Result<u64> {
    let text = fs::read_to_string(rollup).with_context(|| rollup.to_owned())?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .with_context(|| format!("no Rss in {rollup}"))?;
    Ok(first_number(line)? * 1024)
}

fn first_number(text: &str) -> Result<u64> {
    let word = text.split_whitespace().next().context("an empty line")?;
    word.parse()
        .with_context(|| format!("`{word}` is not a number"))
}

/// A loopback address whose port was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
