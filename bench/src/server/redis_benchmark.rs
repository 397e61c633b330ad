//! redis-benchmark as the client: the load that everybody knows and can repeat.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One invocation, with one kind of request.
pub(super) struct RedisBenchmark {
    /// `set` or `get`.
    pub(super) test: &'static str,
    pub(super) connections: usize,
    pub(super) pipeline: usize,
    pub(super) requests: usize,
    pub(super) keys: u64,
    pub(super) value_bytes: usize,
}

pub(super) fn is_installed() -> bool {
    Command::new("redis-benchmark")
        .arg("--version")
        .output()
        .is_ok()
}

impl RedisBenchmark {
    /// Runs it; returns requests per second as it reports them.
    pub(super) fn run(&self, address: SocketAddr) -> Result<f64> {
        let output = Command::new("redis-benchmark")
            .args(["-h", &address.ip().to_string()])
            .args(["-p", &address.port().to_string()])
            .args(["-t", self.test])
            .args(["-c", &self.connections.to_string()])
            .args(["-P", &self.pipeline.to_string()])
            .args(["-n", &self.requests.to_string()])
            .args(["-r", &self.keys.to_string()])
            .args(["-d", &self.value_bytes.to_string()])
            .arg("--csv")
            .output()
            .context("redis-benchmark could not be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "redis-benchmark ended with {}: {text}{errors}",
                output.status
            );
        }
        requests_per_second(&text, self.test)
    }
}

/// From the CSV: `"SET","98765.43",...` under a line of headings.
fn requests_per_second(csv: &str, test: &str) -> Result<f64> {
    csv.lines()
        .map(|line| line.split(',').map(|cell| cell.trim_matches('"')))
        .find_map(|mut cells| {
            let is_test = cells.next()?.eq_ignore_ascii_case(test);
            is_test.then(|| cells.next())?
        })
        .and_then(|cell| cell.parse().ok())
        .with_context(|| format!("redis-benchmark printed no rate for {test}:\n{csv}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_in_the_csv() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"98765.43\",\"0.3\"\n";
        assert_eq!(requests_per_second(csv, "set").expect("a rate"), 98765.43);
        requests_per_second(csv, "get").unwrap_err();
    }
}
