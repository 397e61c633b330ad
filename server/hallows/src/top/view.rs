//! What the screen shows: rates, shares and means between two reports.

use std::time::Duration;

use crate::load::{ClassLoad, KINDS_MAX, Kind, Load, WorkerLoad};

/// One screenful.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) workers: Vec<WorkerRow>,
    pub(super) classes: Vec<ClassRow>,
    /// `None` if the server keeps no list of tasks.
    pub(super) kinds: Option<Vec<KindRow>>,
}

/// One worker. Shares are parts of the time between the reports, rates are per second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WorkerRow {
    pub(super) worker: usize,
    pub(super) phase: String,
    /// Running, reactor, searching, parked.
    pub(super) shares: [f64; 4],
    pub(super) polls: f64,
    pub(super) queued: usize,
    pub(super) oldest_wait: Duration,
    /// `None` if no wait was measured.
    pub(super) mean_wait: Option<Duration>,
    pub(super) stolen: f64,
    pub(super) searches: f64,
    pub(super) wakes: f64,
    pub(super) messages: f64,
    /// Since the start.
    pub(super) moved: u64,
    pub(super) stalls: u64,
    pub(super) connections: u32,
    pub(super) signal_age: Duration,
}

impl WorkerRow {
    /// The part of the time in which it did something for its tasks.
    pub(super) fn busy(&self) -> f64 {
        self.shares[0] + self.shares[1]
    }
}

/// A class on all workers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassRow {
    pub(super) name: &'static str,
    /// Part of the time that all classes together used.
    pub(super) share: f64,
    pub(super) polls: f64,
    pub(super) queued: usize,
}

/// Tasks of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KindRow {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) alive: u64,
    /// Part of one worker's time.
    pub(super) busy: f64,
    pub(super) polls: f64,
    /// From ready to poll, on average.
    pub(super) wait: Option<Duration>,
}

impl View {
    /// What has happened between two reports; without an earlier one of the same server, since its
    /// start.
    pub(super) fn new(address: &str, before: Option<&Load>, now: &Load) -> Self {
        let nothing = Load::default();
        let same = |before: &&Load| before.pid == now.pid && before.uptime_s < now.uptime_s;
        let before = before.filter(same).unwrap_or(&nothing);
        let time = now.uptime_s - before.uptime_s;
        let rates = Rates { time };
        let none = WorkerLoad::default();
        let pairs = now.workers.iter().map(|worker| {
            let mut earlier = before.workers.iter();
            let earlier = earlier.find(|it| it.worker == worker.worker);
            (earlier.unwrap_or(&none), worker)
        });
        let pairs: Vec<_> = pairs.collect();
        Self {
            title: format!(
                "hallows {} at {address}  pid {}  {}  up {}",
                now.version,
                now.pid,
                now.io,
                whole_time(now.uptime_s)
            ),
            summary: format!(
                "cpu {:.0}%  resident {:.1} MiB  clients {}  commands/s {}  entrance {}  waiting \
                 tasks {}  blocking {}",
                100.0 * (now.cpu_s - before.cpu_s) / time.max(1e-9),
                now.resident_bytes as f64 / f64::from(1 << 20),
                now.clients,
                short(rates.count(before.commands, now.commands)),
                now.entrance,
                now.live,
                now.blocking,
            ),
            workers: pairs.iter().map(|pair| rates.worker(*pair)).collect(),
            classes: rates.classes(&pairs),
            kinds: now
                .kinds
                .as_ref()
                .map(|kinds| rates.kinds(before.kinds.as_deref().unwrap_or(&[]), kinds)),
        }
    }
}

/// Makes rates of counts.
struct Rates {
    /// Between the reports, in seconds.
    time: f64,
}

impl Rates {
    fn count(&self, before: u64, now: u64) -> f64 {
        now.saturating_sub(before) as f64 / self.time.max(1e-9)
    }

    fn share(&self, before_s: f64, now_s: f64) -> f64 {
        ((now_s - before_s) / self.time.max(1e-9)).max(0.0)
    }

    fn worker(&self, (before, now): (&WorkerLoad, &WorkerLoad)) -> WorkerRow {
        let (earlier, later) = (before.phases(), now.phases());
        let rate = |of: fn(&WorkerLoad) -> u64| self.count(of(before), of(now));
        WorkerRow {
            worker: now.worker,
            phase: now.phase.clone(),
            shares: std::array::from_fn(|i| self.share(earlier[i].1, later[i].1).min(1.0)),
            polls: rate(WorkerLoad::polls),
            queued: now.queued(),
            oldest_wait: seconds(now.oldest_wait_s),
            mean_wait: mean(
                now.wait_s - before.wait_s,
                now.waits.saturating_sub(before.waits),
            ),
            stolen: rate(|worker| worker.stolen),
            searches: rate(|worker| worker.searches),
            wakes: rate(|worker| worker.wakes),
            messages: rate(|worker| worker.messages),
            moved: now.moved,
            stalls: now.stalls,
            connections: now.connections,
            signal_age: seconds(now.signal_age_s),
        }
    }

    fn classes(&self, pairs: &[(&WorkerLoad, &WorkerLoad)]) -> Vec<ClassRow> {
        let names = WorkerLoad::default().kinds().map(|(name, _)| name);
        let sum = |index: usize, of: &dyn Fn(&ClassLoad, &ClassLoad) -> f64| -> f64 {
            let both = |(before, now): &(&WorkerLoad, &WorkerLoad)| {
                of(before.kinds()[index].1, now.kinds()[index].1)
            };
            pairs.iter().map(both).sum()
        };
        let time = |index| sum(index, &|before, now| (now.time_s - before.time_s).max(0.0));
        let total: f64 = (0..names.len()).map(time).sum();
        let row = |(index, name): (usize, &'static str)| ClassRow {
            name,
            share: time(index) / total.max(1e-9),
            polls: sum(index, &|before, now| self.count(before.polls, now.polls)),
            queued: sum(index, &|_, now| now.queued as f64) as usize,
        };
        names.into_iter().enumerate().map(row).collect()
    }

    fn kinds(&self, before: &[Kind], now: &[Kind]) -> Vec<KindRow> {
        let none = Kind::default();
        let row = |kind: &Kind| {
            let same = |it: &&Kind| it.name == kind.name && it.place == kind.place;
            let earlier = before.iter().find(same).unwrap_or(&none);
            let polls = kind.polls.saturating_sub(earlier.polls);
            KindRow {
                name: kind.name.clone(),
                place: kind.place.clone(),
                alive: kind.alive,
                busy: self.share(earlier.busy_s, kind.busy_s),
                polls: self.count(earlier.polls, kind.polls),
                wait: mean(kind.queued_s - earlier.queued_s, polls),
            }
        };
        let mut rows: Vec<_> = now.iter().take(KINDS_MAX).map(row).collect();
        rows.sort_by(|one, other| other.busy.total_cmp(&one.busy));
        rows
    }
}

fn mean(sum_s: f64, count: u64) -> Option<Duration> {
    (count > 0).then(|| seconds(sum_s / count as f64))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// A rate or a number in at most five characters.
pub(super) fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1}G", n / 1e9),
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e4 => format!("{:.0}k", n / 1e3),
        n if n >= 1e3 => format!("{:.1}k", n / 1e3),
        n if n >= 10.0 || n == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// A time in at most six characters.
pub(super) fn brief(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        0.0 => "0".to_owned(),
        s if s < 1e-6 => format!("{:.0}ns", s * 1e9),
        s if s < 1e-3 => format!("{:.0}µs", s * 1e6),
        s if s < 1.0 => format!("{:.0}ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1}s"),
        s => whole_time(s),
    }
}

/// A long time in its two largest units.
fn whole_time(seconds: f64) -> String {
    let s = seconds as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d{}h", s / 86_400, s / 3_600 % 24),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A server with two workers, `seconds` after its start: one works, one waits.
    pub(in crate::top) fn load(seconds: f64) -> Load {
        let busy = WorkerLoad {
            worker: 0,
            phase: "running".to_owned(),
            running_s: seconds * 0.75,
            reactor_s: seconds * 0.2,
            parked_s: seconds * 0.05,
            latency: ClassLoad {
                polls: (seconds * 100.0) as u64,
                time_s: seconds * 0.25,
                queued: 1,
            },
            normal: ClassLoad {
                polls: (seconds * 50_000.0) as u64,
                time_s: seconds * 0.5,
                queued: 12,
            },
            waits: (seconds * 1_000.0) as u64,
            wait_s: seconds * 0.042,
            oldest_wait_s: 0.0017,
            stalls: 3,
            connections: 8,
            busy_permille: 950,
            signal_age_s: 0.000_031,
            ..WorkerLoad::default()
        };
        let idle = WorkerLoad {
            worker: 1,
            phase: "parked".to_owned(),
            searching_s: seconds * 0.01,
            parked_s: seconds * 0.99,
            stolen: (seconds * 20.0) as u64,
            steals: (seconds * 10.0) as u64,
            searches: (seconds * 500.0) as u64,
            wakes: (seconds * 400.0) as u64,
            messages: (seconds * 2_500.0) as u64,
            moved: 4,
            signal_age_s: 0.12,
            ..WorkerLoad::default()
        };
        Load {
            version: "0.1.0".to_owned(),
            pid: 4711,
            io: "io_uring".to_owned(),
            uptime_s: seconds,
            cpu_s: seconds * 0.97,
            resident_bytes: 12 << 20,
            clients: 8,
            commands: (seconds * 123_400.0) as u64,
            entrance: 2,
            live: 10,
            blocking: 1,
            workers: vec![busy, idle],
            kinds: Some(vec![Kind {
                name: "connection".to_owned(),
                place: "server/hallows/src/serve/accept.rs:90".to_owned(),
                alive: 8,
                ended: 2,
                polls: (seconds * 50_000.0) as u64,
                busy_s: seconds * 0.5,
                queued_s: seconds * 2.1,
            }]),
        }
    }

    #[test]
    fn rates_and_shares_are_those_between_the_reports() {
        let view = View::new("a:1", Some(&load(100.0)), &load(102.0));
        let [busy, idle] = &view.workers[..] else {
            panic!("two workers")
        };
        assert!((busy.busy() - 0.95).abs() < 1e-6, "{busy:?}");
        assert!((busy.polls - 50_100.0).abs() < 1.0);
        assert_eq!(busy.mean_wait.map(|wait| wait.as_micros()), Some(42));
        assert!((idle.shares[3] - 0.99).abs() < 1e-6);
        assert_eq!((idle.stolen, idle.mean_wait), (20.0, None));
        let shares: Vec<_> = view.classes.iter().map(|class| class.share).collect();
        assert!((shares[0] - 1.0 / 3.0).abs() < 1e-6 && (shares[1] - 2.0 / 3.0).abs() < 1e-6);
        let kinds = view.kinds.unwrap();
        assert_eq!(kinds[0].wait.map(|wait| wait.as_micros()), Some(42));
        assert!(view.summary.contains("cpu 97%"), "{}", view.summary);
        assert!(view.summary.contains("commands/s 123k"), "{}", view.summary);
    }

    #[test]
    fn a_server_that_was_started_again_is_shown_since_its_start() {
        let since_start = View::new("a:1", None, &load(10.0));
        assert_eq!(
            View::new("a:1", Some(&load(50.0)), &load(10.0)),
            since_start
        );
        let other = Load {
            pid: 1,
            ..load(5.0)
        };
        assert_eq!(View::new("a:1", Some(&other), &load(10.0)), since_start);
    }

    #[test]
    fn numbers_and_times_are_short() {
        let numbers = [0.0, 0.26, 9.94, 10.0, 999.4, 1_234.0, 12_345.0, 1.2e6, 3e9];
        let expected = [
            "0", "0.3", "9.9", "10", "999", "1.2k", "12k", "1.2M", "3.0G",
        ];
        assert_eq!(numbers.map(short), expected);
        let times = [0, 900, 42_000, 7_000_000, 2_500_000_000, 100_000_000_000];
        let expected = ["0", "900ns", "42µs", "7ms", "2.5s", "1m40s"];
        assert_eq!(times.map(|ns| brief(Duration::from_nanos(ns))), expected);
        assert_eq!(whole_time(90_061.0), "1d1h");
        assert_eq!(whole_time(3_723.0), "1h2m");
    }
}
