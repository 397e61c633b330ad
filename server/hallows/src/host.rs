//! Facts about this process for INFO and the metrics: the engine asks for them
//! through its [`Host`] trait, because it knows no operating system.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use beehive::Handle;
use hallows_engine::{Engine, Host, HostFacts};
use serde::Serialize;

use crate::clock;
use crate::limits;
use crate::load;
use crate::logging::LevelControl;
use crate::settings::{LogLevel, Settings};

/// The unit of CPU times in `/proc/self/stat`, in microseconds; the kernel's
/// interface fixes it at 100 per second on every architecture we run on.
const TICK_US: u64 = 10_000;

/// The process under Linux.
#[derive(Debug)]
pub(crate) struct LinuxHost {
    /// Facts that do not change, asked once.
    fixed: HostFacts,
    level: LevelControl,
    /// What executes the requests.
    runtime: Handle,
    /// The `loglevel` in effect, to tell a CONFIG SET of it from others.
    level_known: Mutex<hallows_engine::LogLevel>,
}

impl LinuxHost {
    /// Collects the facts that stay; `port` is that of the first listener.
    pub(crate) fn new(
        settings: &Settings,
        port: u16,
        io_backend: &str,
        level: LevelControl,
        runtime: Handle,
    ) -> Self {
        let name = rustix::system::uname();
        let os = [name.sysname(), name.release(), name.machine()]
            .map(|part| part.to_string_lossy().into_owned())
            .join(" ");
        let fixed = HostFacts {
            pid: std::process::id(),
            port,
            os,
            arch_bits: usize::BITS,
            executable: std::env::current_exe()
                .map(|exe| absolute(&exe))
                .unwrap_or_default(),
            config_file: settings
                .config_file
                .as_deref()
                .map(absolute)
                .unwrap_or_default(),
            total_system_memory: total_memory(),
            run_id: run_id(),
            io_backend: io_backend.to_owned(),
            workers: settings.workers,
            allocator: crate::ALLOCATOR.to_owned(),
            started_mono_us: clock::now().mono_us,
            ..HostFacts::default()
        };
        Self {
            fixed,
            level,
            runtime,
            level_known: Mutex::new(redis_level(settings.log_level)),
        }
    }
}

impl Host for LinuxHost {
    fn facts(&self) -> HostFacts {
        let (cpu_user_us, cpu_sys_us) = cpu_times();
        HostFacts {
            rss: resident(),
            cpu_user_us,
            cpu_sys_us,
            ..self.fixed.clone()
        }
    }

    fn load(&self, engine: &Engine) -> Option<String> {
        Some(json(&load::load(&self.runtime, &self.facts(), engine)))
    }

    fn tasks(&self) -> Option<String> {
        load::tasks(&self.runtime).map(|tasks| json(&tasks))
    }

    fn settings_changed(&self, settings: &hallows_engine::Settings) {
        self.follow_level(settings.log_level());
        limits::make_room(settings.max_clients(), self.fixed.workers);
    }
}

impl LinuxHost {
    /// What executes the requests.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    fn follow_level(&self, wanted: hallows_engine::LogLevel) {
        let mut known = self
            .level_known
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *known != wanted {
            *known = wanted;
            self.level.set(own_level(wanted));
        }
    }
}

fn json(report: &impl Serialize) -> String {
    serde_json::to_string(report).expect("numbers and texts always serialise")
}

/// The level as CONFIG knows it. Redis has no `error` and no `trace`; the nearest
/// stands for them.
pub(crate) fn redis_level(level: LogLevel) -> hallows_engine::LogLevel {
    match level {
        LogLevel::Error | LogLevel::Warn => hallows_engine::LogLevel::Warning,
        LogLevel::Info => hallows_engine::LogLevel::Notice,
        LogLevel::Debug | LogLevel::Trace => hallows_engine::LogLevel::Debug,
    }
}

/// The level that CONFIG SET asks for.
fn own_level(level: hallows_engine::LogLevel) -> LogLevel {
    match level {
        hallows_engine::LogLevel::Debug => LogLevel::Trace,
        hallows_engine::LogLevel::Verbose => LogLevel::Debug,
        hallows_engine::LogLevel::Notice => LogLevel::Info,
        hallows_engine::LogLevel::Warning => LogLevel::Warn,
    }
}

fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.to_string_lossy().into_owned()
}

/// 40 random hexadecimal digits.
fn run_id() -> String {
    random::<20>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        let flags = rustix::rand::GetRandomFlags::empty();
        match rustix::rand::getrandom(&mut bytes[filled..], flags) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the kernel gives no random bytes: {error}"),
        }
    }
    bytes
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * rustix::param::page_size()
}

fn cpu_times() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    parse_cpu_times(&text).unwrap_or_default()
}

/// User and system time; the name before them may hold spaces and parentheses.
fn parse_cpu_times(stat: &str) -> Option<(u64, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    Some((times.next()?.ok()? * TICK_US, times.next()?.ok()? * TICK_US))
}

fn total_memory() -> usize {
    let info = rustix::system::sysinfo();
    usize::try_from(info.totalram * u64::from(info.mem_unit)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{parse_cpu_times, resident, run_id, total_memory};

    #[test]
    fn cpu_times_are_found_behind_a_program_name_with_spaces() {
        let stat = "42 (a (odd) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 75 0 0 20 0 3 0";
        assert_eq!(parse_cpu_times(stat), Some((2_500_000, 750_000)));
        assert_eq!(parse_cpu_times("nonsense"), None);
    }

    #[test]
    fn run_ids_are_random_and_hexadecimal() {
        let (one, other) = (run_id(), run_id());
        assert_eq!(one.len(), 40);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }

    #[test]
    fn memory_figures_are_those_of_a_living_process() {
        assert!(resident() > 0 && total_memory() > resident());
    }
}
