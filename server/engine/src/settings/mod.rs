//! Settings that CONFIG GET and CONFIG SET speak of, and that the rest of the
//! engine and its host read while they run.
//!
//! Names, kinds and defaults are rows of `table.rs`; texts become values in
//! `value.rs`. Readers take no lock for numbers (relaxed loads): a change is seen
//! by every connection soon, not at one instant. Writers go one after the other,
//! and a CONFIG SET of several names checks all of them before it stores any.
//!
//! A Redis setting that this server has no use for is either left out or fixed
//! to the value that describes what the server does; an attempt to change it is
//! an error, so that nobody relies on what is not there.
mod output_limit;
mod table;
#[cfg(test)]
mod tests;
mod value;

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use spin::{Mutex, RwLock};

pub use output_limit::OutputLimit;
use output_limit::OutputLimits;
use table::{Access, Definition, NUMBERS, Number, Slot, TABLE, TEXTS, Text};
use value::{Reason, Value};

/// Why a setting was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No setting has this name.
    #[error("there is no setting '{0}'")]
    Unknown(String),
    /// The setting exists, but cannot have this value or cannot change.
    #[error("setting '{name}': {reason}")]
    Rejected {
        /// The setting.
        name: String,
        /// What is wrong with the value.
        reason: Reason,
    },
}

/// Who may run a command that is off by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Nobody.
    No,
    /// Every client.
    Yes,
    /// Clients of the loopback interface.
    Local,
}

/// How much the host should write to its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Rarely useful details too.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// Only what needs attention.
    Warning,
}

/// All settings of one engine.
#[derive(Debug)]
pub struct Settings {
    numbers: [AtomicU64; NUMBERS],
    texts: [RwLock<Vec<u8>>; TEXTS],
    output: OutputLimits,
    /// Whether `requirepass` is not empty, readable without a lock.
    guarded: AtomicBool,
    /// Active expiry, which DEBUG SET-ACTIVE-EXPIRE stops for tests.
    active_expire: AtomicBool,
    /// Held while a change is checked and stored.
    writer: Mutex<()>,
}

impl Default for Settings {
    fn default() -> Self {
        let settings = Self {
            numbers: core::array::from_fn(|_| AtomicU64::new(0)),
            texts: core::array::from_fn(|_| RwLock::new(Vec::new())),
            output: OutputLimits::default(),
            guarded: AtomicBool::new(false),
            active_expire: AtomicBool::new(true),
            writer: Mutex::new(()),
        };
        for definition in TABLE {
            match definition.slot {
                Slot::Number(at, _, default) => settings.store(Value::Number(at, default)),
                Slot::Text(at, default) => settings.store(Value::Text(at, default.into())),
                Slot::OutputLimits | Slot::Fixed(..) => {}
            }
        }
        settings
    }
}

impl Settings {
    /// The defaults, changed by `initial` as [`Settings::set`] does.
    ///
    /// # Errors
    /// An unknown name, or a value that the setting cannot have.
    pub fn new<'a>(
        initial: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SettingError> {
        let settings = Self::default();
        for (name, value) in initial {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    /// Sets what the program was started with: `name` and `value` as CONFIG SET
    /// takes them, but settings that CONFIG SET cannot change are set too. What
    /// depends on a value elsewhere (the size of the store) does not follow.
    ///
    /// # Errors
    /// An unknown name, or a value that the setting cannot have.
    pub fn set(&self, name: &str, value: &str) -> Result<(), SettingError> {
        let _writer = self.writer.lock();
        let definition = lookup(name.as_bytes())?;
        let value = self.check(definition, value.as_bytes())?;
        self.store(value);
        Ok(())
    }

    /// Changes several settings as CONFIG SET does, or none if any of them is
    /// refused. `apply` runs after the values are stored and before another
    /// change can begin.
    pub(crate) fn change<'a>(
        &self,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        apply: impl FnOnce(&Self),
    ) -> Result<(), SettingError> {
        let _writer = self.writer.lock();
        let mut requested: Vec<(&Definition, &[u8])> = Vec::new();
        for (name, text) in pairs {
            let definition = lookup(name)?;
            let refused = match definition.access {
                Access::Immutable => Some(Reason::Immutable),
                Access::Protected => Some(Reason::Protected),
                Access::Free if requested.iter().any(|(other, _)| other.is(definition)) => {
                    Some(Reason::Duplicate)
                }
                Access::Free => None,
            };
            if let Some(reason) = refused {
                return Err(SettingError::Rejected {
                    name: printable(name),
                    reason,
                });
            }
            requested.push((definition, text));
        }
        let mut accepted = Vec::with_capacity(requested.len());
        for (definition, text) in requested {
            accepted.push(self.check(definition, text)?);
        }
        for value in accepted {
            self.store(value);
        }
        apply(self);
        Ok(())
    }

    /// Calls `visit` with the name and the value of each setting that a pattern
    /// matches, each once. A name without wildcards is reported as it was asked.
    pub(crate) fn matching(&self, patterns: &[&[u8]], mut visit: impl FnMut(&[u8], Vec<u8>)) {
        let mut seen: Vec<&str> = Vec::new();
        for pattern in patterns {
            let wild = pattern.iter().any(|byte| b"[*?".contains(byte));
            for definition in TABLE {
                let hit = if wild {
                    crate::glob::matches(pattern, definition.name.as_bytes(), true)
                } else {
                    pattern.eq_ignore_ascii_case(definition.name.as_bytes())
                };
                if hit && !seen.contains(&definition.name) {
                    seen.push(definition.name);
                    let name = if wild {
                        definition.name.as_bytes()
                    } else {
                        pattern
                    };
                    visit(name, self.text_of(definition));
                }
            }
        }
    }

    fn check(&self, definition: &Definition, text: &[u8]) -> Result<Value, SettingError> {
        Value::parse(definition, text, &self.output).map_err(|reason| SettingError::Rejected {
            name: String::from(definition.name),
            reason,
        })
    }

    fn store(&self, value: Value) {
        match value {
            Value::Number(at, number) => self.numbers[at as usize].store(number, Relaxed),
            Value::Text(at, text) => {
                if matches!(at, Text::RequirePass) {
                    self.guarded.store(!text.is_empty(), Relaxed);
                }
                *self.texts[at as usize].write() = text;
            }
            Value::OutputLimits(limits) => self.output.store(&limits),
            Value::Unchanged => {}
        }
    }

    fn text_of(&self, definition: &Definition) -> Vec<u8> {
        match definition.slot {
            Slot::Number(at, ref kind, _) => kind.print(self.number(at)).into(),
            Slot::Text(at, _) => self.texts[at as usize].read().clone(),
            Slot::OutputLimits => self.output.print().into(),
            Slot::Fixed(text, _) => text.into(),
        }
    }

    #[inline]
    fn number(&self, at: Number) -> u64 {
        self.numbers[at as usize].load(Relaxed)
    }

    /// Bytes that the store may use (`maxmemory`).
    pub fn maxmemory(&self) -> usize {
        saturate(self.number(Number::MaxMemory))
    }

    /// Connections that may exist at once (`maxclients`).
    #[inline]
    pub fn max_clients(&self) -> usize {
        saturate(self.number(Number::MaxClients))
    }

    /// Seconds after which an idle connection is closed; 0: never (`timeout`).
    #[inline]
    pub fn idle_timeout_s(&self) -> u64 {
        self.number(Number::Timeout)
    }

    /// Seconds between TCP keepalive probes; 0: none (`tcp-keepalive`).
    pub fn tcp_keepalive_s(&self) -> u64 {
        self.number(Number::TcpKeepalive)
    }

    /// Longest bulk string that a request may hold (`proto-max-bulk-len`).
    #[inline]
    pub fn bulk_len_max(&self) -> usize {
        saturate(self.number(Number::BulkLenMax))
    }

    /// Bytes of requests that may wait on one connection (`client-query-buffer-limit`).
    #[inline]
    pub fn query_buffer_max(&self) -> usize {
        saturate(self.number(Number::QueryBufferMax))
    }

    /// Limit of what may wait to be read by a normal client
    /// (`client-output-buffer-limit`).
    #[inline]
    pub fn output_limit(&self) -> OutputLimit {
        self.output.normal()
    }

    /// How often per second background work should run (`hz`).
    pub fn hz(&self) -> u64 {
        self.number(Number::Hz)
    }

    /// Whether remote clients are refused while no password is set
    /// (`protected-mode`).
    pub fn protected_mode(&self) -> bool {
        self.number(Number::ProtectedMode) != 0
    }

    /// What the host should log (`loglevel`).
    pub fn log_level(&self) -> LogLevel {
        match self.number(Number::LogLevel) {
            0 => LogLevel::Debug,
            1 => LogLevel::Verbose,
            2 => LogLevel::Notice,
            _ => LogLevel::Warning,
        }
    }

    /// Who may use DEBUG (`enable-debug-command`).
    pub fn debug_command(&self) -> Permission {
        match self.number(Number::DebugCommand) {
            0 => Permission::No,
            1 => Permission::Yes,
            _ => Permission::Local,
        }
    }

    /// Whether a client must authenticate (`requirepass` is not empty).
    #[inline]
    pub fn password_required(&self) -> bool {
        self.guarded.load(Relaxed)
    }

    /// Whether `given` is the password. Takes as long for a wrong password as
    /// for the right one.
    pub fn password_matches(&self, given: &[u8]) -> bool {
        let password = self.texts[Text::RequirePass as usize].read();
        let mut difference = password.len() ^ given.len();
        for (i, byte) in given.iter().enumerate() {
            let expected = password.get(i).copied().unwrap_or(0);
            difference |= usize::from(byte ^ expected);
        }
        difference == 0
    }

    /// Whether expired keys are removed before anyone asks for them. Tests stop
    /// it through DEBUG SET-ACTIVE-EXPIRE.
    #[inline]
    pub fn active_expire(&self) -> bool {
        self.active_expire.load(Relaxed)
    }

    pub(crate) fn set_active_expire(&self, enabled: bool) {
        self.active_expire.store(enabled, Relaxed);
    }
}

fn lookup(name: &[u8]) -> Result<&'static Definition, SettingError> {
    TABLE
        .iter()
        .find(|definition| definition.name.as_bytes().eq_ignore_ascii_case(name))
        .ok_or_else(|| SettingError::Unknown(printable(name)))
}

fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A size that memory cannot hold is as good as none.
fn saturate(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
