//! What the engine must be told about the world around it: the time of a
//! request and the facts that INFO reports. The engine itself asks no clock and
//! no operating system.
use alloc::string::String;

use crate::engine::Engine;
use crate::settings::Settings;

/// The time at which requests are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since the Unix epoch; expiry is reckoned with it.
    pub unix_us: u64,
    /// Microseconds of a clock that never goes back; durations are reckoned with it.
    pub mono_us: u64,
}

impl Now {
    /// Milliseconds since the Unix epoch.
    #[inline]
    pub fn unix_ms(self) -> u64 {
        self.unix_us / 1000
    }
}

/// The world around the engine.
pub trait Host: Send + Sync {
    /// Facts as they are at this moment; called rarely (INFO, metrics).
    fn facts(&self) -> HostFacts;

    /// What the workers do, as a text in JSON; `None` if the host does not know.
    fn load(&self, engine: &Engine) -> Option<String> {
        let _ = engine;
        None
    }

    /// All tasks, as a text in JSON; `None` if they are not recorded.
    fn tasks(&self) -> Option<String> {
        None
    }

    /// Called after CONFIG SET has changed settings, for those that the host
    /// applies itself (log level, keepalive).
    fn settings_changed(&self, settings: &Settings) {
        let _ = settings;
    }
}

/// Facts about the process and the machine that monitoring asks for.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Process id.
    pub pid: u32,
    /// Port of the first listening socket.
    pub port: u16,
    /// Operating system with release, as `uname` gives it.
    pub os: String,
    /// Width of a pointer in bits.
    pub arch_bits: u32,
    /// Path of the running program.
    pub executable: String,
    /// Path of the configuration file, empty when there is none.
    pub config_file: String,
    /// Resident memory in bytes.
    pub rss: usize,
    /// Memory of the machine in bytes.
    pub total_system_memory: usize,
    /// CPU time spent in user mode by the process, in microseconds.
    pub cpu_user_us: u64,
    /// CPU time spent in the system by the process, in microseconds.
    pub cpu_sys_us: u64,
    /// Random name of this run: 40 hexadecimal digits.
    pub run_id: String,
    /// Name of the memory allocator in use.
    pub allocator: String,
    /// Name of the IO backend in use.
    pub io_backend: String,
    /// Number of worker threads.
    pub workers: usize,
    /// Monotonic time at which the server started, in microseconds.
    pub started_mono_us: u64,
}
