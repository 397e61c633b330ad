//! Before serving: the engine, with its settings in the words of CONFIG.

use std::net::SocketAddr;
use std::sync::Arc;

use hallows_engine::{Engine, EngineConfig, Host, HostFacts};

use crate::failure::Failure;
use crate::host::{self, LinuxHost};
use crate::settings::{DebugCommand, LogLevel, Settings};

/// Makes the engine; `first` is the first address served.
pub(super) fn engine(
    settings: &Settings,
    host: Arc<LinuxHost>,
    first: SocketAddr,
) -> Result<Arc<Engine>, Failure> {
    let initial = config_pairs(settings, first);
    let pairs = initial.iter().map(|(name, text)| (*name, text.as_str()));
    let refused = |error: &dyn std::fmt::Display| {
        Failure::usage(
            error.to_string(),
            "See `hallows serve --help` for what each setting takes.",
        )
    };
    let config = EngineConfig {
        workers: settings.workers,
        seed: u64::from_ne_bytes(host::random()),
        settings: hallows_engine::Settings::new(pairs).map_err(|error| refused(&error))?,
    };
    Engine::new(config, Box::new(HostRef(host)))
        .map(Arc::new)
        .map_err(|error| refused(&error))
}

/// The engine owns its host; the metrics share it.
struct HostRef(Arc<LinuxHost>);

impl Host for HostRef {
    fn facts(&self) -> HostFacts {
        self.0.facts()
    }

    fn load(&self, engine: &Engine) -> Option<String> {
        self.0.load(engine)
    }

    fn tasks(&self) -> Option<String> {
        self.0.tasks()
    }

    fn settings_changed(&self, settings: &hallows_engine::Settings) {
        self.0.settings_changed(settings);
    }
}

/// The settings as CONFIG names them.
fn config_pairs(settings: &Settings, first: SocketAddr) -> Vec<(&'static str, String)> {
    let yes_no = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let bind: Vec<String> = settings
        .listen
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    vec![
        ("maxmemory", settings.memory.0.to_string()),
        ("maxclients", settings.clients_max.to_string()),
        ("timeout", settings.idle_s.to_string()),
        ("tcp-keepalive", settings.keepalive_s.to_string()),
        (
            "client-query-buffer-limit",
            settings.query_limit.0.to_string(),
        ),
        ("client-output-buffer-limit", output_limit(settings)),
        ("port", first.port().to_string()),
        ("bind", bind.join(" ")),
        ("requirepass", settings.password.clone().unwrap_or_default()),
        ("protected-mode", yes_no(settings.protected_mode)),
        (
            "enable-debug-command",
            debug_command(settings.debug_command).to_owned(),
        ),
        ("loglevel", log_level(settings.log_level).to_owned()),
        ("io-threads", settings.workers.to_string()),
    ]
}

/// The soft limit of one byte makes the time limit hold for any unread reply.
fn output_limit(settings: &Settings) -> String {
    let soft_bytes = u8::from(settings.output_timeout_s > 0);
    format!(
        "normal {} {soft_bytes} {}",
        settings.output_limit.0, settings.output_timeout_s
    )
}

fn debug_command(who: DebugCommand) -> &'static str {
    match who {
        DebugCommand::No => "no",
        DebugCommand::Local => "local",
        DebugCommand::Yes => "yes",
    }
}

fn log_level(level: LogLevel) -> &'static str {
    match host::redis_level(level) {
        hallows_engine::LogLevel::Debug => "debug",
        hallows_engine::LogLevel::Verbose => "verbose",
        hallows_engine::LogLevel::Notice => "notice",
        hallows_engine::LogLevel::Warning => "warning",
    }
}
