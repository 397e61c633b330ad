//! The registry of connected clients, and of each client the part that others
//! may see (CLIENT LIST) or change (CLIENT KILL).
//!
//! A connection writes its own [`ClientState`] once per batch of requests: plain
//! relaxed stores into one cache line that nobody else writes, except to kill.
//! Readers may therefore see a state that is a few requests old. What changes
//! rarely (names) is behind a lock. The registry is locked for as long as it
//! takes to add, remove or copy references, never while text is made.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering::Relaxed,
};

use spin::Mutex;

use crate::host::Now;

/// What the host does to end a connection from another thread.
pub type KillHook = Box<dyn Fn() + Send + Sync>;

/// Connected clients by id.
#[derive(Debug, Default)]
pub struct Clients {
    last_id: AtomicU64,
    count: AtomicUsize,
    live: Mutex<BTreeMap<u64, Arc<ClientState>>>,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a client under the next id; ids are never used again.
    pub(crate) fn register(&self, addr: &str, laddr: &str, now: Now) -> Arc<ClientState> {
        let id = self.last_id.fetch_add(1, Relaxed) + 1;
        let client = Arc::new(ClientState::new(id, addr, laddr, now));
        let mut live = self.live.lock();
        live.insert(id, Arc::clone(&client));
        self.count.store(live.len(), Relaxed);
        client
    }

    /// Forgets a client; does nothing if it was killed before.
    pub(crate) fn unregister(&self, client: &ClientState) {
        let mut live = self.live.lock();
        live.remove(&client.id);
        self.count.store(live.len(), Relaxed);
    }

    /// Number of connected clients.
    #[inline]
    pub fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// The client with this id.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<ClientState>> {
        self.live.lock().get(&id).cloned()
    }

    /// All clients in the order in which they came.
    pub fn all(&self) -> Vec<Arc<ClientState>> {
        self.live.lock().values().cloned().collect()
    }

    /// Ends a client's connection. It is gone from the registry at once, and its
    /// connection executes nothing more than what it is executing now.
    pub(crate) fn kill(&self, client: &ClientState) {
        self.unregister(client);
        client.activity.killed.store(true, Relaxed);
        if let Some(hook) = &*client.hook.lock() {
            hook();
        }
    }
}

bitflags::bitflags! {
    /// What a client has asked for or is going through.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct ClientFlags: u8 {
        /// CLIENT NO-EVICT.
        const NO_EVICT = 1 << 0;
        /// CLIENT NO-TOUCH.
        const NO_TOUCH = 1 << 1;
        /// Closes after the reply to the current command.
        const CLOSING = 1 << 2;
    }
}

/// A name that would break the lines of CLIENT LIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Client names cannot contain spaces, newlines or special characters.")]
pub(crate) struct InvalidName;

/// What a client calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientNames {
    /// CLIENT SETNAME.
    pub(crate) name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub(crate) library: String,
    /// CLIENT SETINFO LIB-VER.
    pub(crate) library_version: String,
}

/// The cache line that the connection writes.
#[derive(Debug)]
#[repr(align(64))]
struct Activity {
    last_us: AtomicU64,
    commands: AtomicU64,
    query_len: AtomicUsize,
    query_free: AtomicUsize,
    output_len: AtomicUsize,
    output_peak: AtomicUsize,
    command: AtomicU16,
    db: AtomicU8,
    protocol: AtomicU8,
    flags: AtomicU8,
    killed: AtomicBool,
}

/// Stands for "has executed no command yet".
const NO_COMMAND: u16 = u16::MAX;

/// What others can see of a client.
pub struct ClientState {
    activity: Activity,
    id: u64,
    created_us: u64,
    addr: Box<str>,
    laddr: Box<str>,
    descriptor: AtomicI32,
    names: Mutex<ClientNames>,
    hook: Mutex<Option<KillHook>>,
}

impl ClientState {
    fn new(id: u64, addr: &str, laddr: &str, now: Now) -> Self {
        Self {
            activity: Activity {
                last_us: AtomicU64::new(now.mono_us),
                commands: AtomicU64::new(0),
                query_len: AtomicUsize::new(0),
                query_free: AtomicUsize::new(0),
                output_len: AtomicUsize::new(0),
                output_peak: AtomicUsize::new(0),
                command: AtomicU16::new(NO_COMMAND),
                db: AtomicU8::new(0),
                protocol: AtomicU8::new(2),
                flags: AtomicU8::new(0),
                killed: AtomicBool::new(false),
            },
            id,
            created_us: now.mono_us,
            addr: addr.into(),
            laddr: laddr.into(),
            descriptor: AtomicI32::new(-1),
            names: Mutex::default(),
            hook: Mutex::new(None),
        }
    }

    /// Unique over the life of the engine.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The peer's address.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The address that the peer connected to.
    pub fn laddr(&self) -> &str {
        &self.laddr
    }

    /// Whether the peer is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let host = self
            .addr
            .rsplit_once(':')
            .map_or(&*self.addr, |(host, _)| host);
        matches!(host, "127.0.0.1" | "::1" | "[::1]")
    }

    /// Whether CLIENT KILL has ended this client.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.activity.killed.load(Relaxed)
    }

    /// Sets what to do when another client kills this one.
    pub(crate) fn set_kill_hook(&self, hook: KillHook) {
        *self.hook.lock() = Some(hook);
    }

    /// Tells the descriptor of the socket, which CLIENT LIST shows as `fd`.
    pub fn set_descriptor(&self, descriptor: i32) {
        self.descriptor.store(descriptor, Relaxed);
    }

    /// Notes that the client has executed `commands` more commands, the last of
    /// them with this id.
    #[inline]
    pub(crate) fn note_activity(&self, command_id: u16, commands: u64, now: Now) {
        let activity = &self.activity;
        activity.command.store(command_id, Relaxed);
        activity.last_us.store(now.mono_us, Relaxed);
        // Only the owner writes: a load and a store do what an atomic addition would.
        activity
            .commands
            .store(activity.commands.load(Relaxed) + commands, Relaxed);
    }

    #[inline]
    pub(crate) fn set_db(&self, db: u8) {
        self.activity.db.store(db, Relaxed);
    }

    #[inline]
    pub(crate) fn set_protocol(&self, version: u8) {
        self.activity.protocol.store(version, Relaxed);
    }

    /// Notes how many bytes of requests and of replies are waiting.
    #[inline]
    pub(crate) fn set_buffers(&self, input: usize, output: usize) {
        let activity = &self.activity;
        activity.query_len.store(input, Relaxed);
        activity.output_len.store(output, Relaxed);
        if output > activity.output_peak.load(Relaxed) {
            activity.output_peak.store(output, Relaxed);
        }
    }

    /// Tells how much of the host's receive buffer is free, which CLIENT LIST
    /// shows as `qbuf-free`. To be called when the buffer grows or shrinks.
    #[inline]
    pub fn set_query_free(&self, free: usize) {
        self.activity.query_free.store(free, Relaxed);
    }

    /// Switches flags on or off; only the connection itself does.
    pub(crate) fn set_flags(&self, flags: ClientFlags, on: bool) {
        let mut all = self.flags();
        all.set(flags, on);
        self.activity.flags.store(all.bits(), Relaxed);
    }

    pub(crate) fn flags(&self) -> ClientFlags {
        ClientFlags::from_bits_truncate(self.activity.flags.load(Relaxed))
    }

    /// Sets the name; an empty one takes it away.
    pub(crate) fn set_name(&self, name: &[u8]) -> Result<(), InvalidName> {
        self.names.lock().name = checked_name(name)?;
        Ok(())
    }

    pub(crate) fn set_library(&self, name: &[u8]) -> Result<(), InvalidName> {
        self.names.lock().library = checked_name(name)?;
        Ok(())
    }

    pub(crate) fn set_library_version(&self, version: &[u8]) -> Result<(), InvalidName> {
        self.names.lock().library_version = checked_name(version)?;
        Ok(())
    }

    pub(crate) fn names(&self) -> ClientNames {
        self.names.lock().clone()
    }

    /// Back to how a fresh connection is, as RESET does.
    pub(crate) fn reset(&self) {
        self.names.lock().name.clear();
        self.set_flags(ClientFlags::NO_TOUCH, false);
        self.set_db(0);
        self.set_protocol(2);
    }

    /// What CLIENT LIST shows, read field by field.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let activity = &self.activity;
        let command = activity.command.load(Relaxed);
        Snapshot {
            created_us: self.created_us,
            last_us: activity.last_us.load(Relaxed),
            descriptor: self.descriptor.load(Relaxed),
            query_len: activity.query_len.load(Relaxed),
            query_free: activity.query_free.load(Relaxed),
            output_len: activity.output_len.load(Relaxed),
            output_peak: activity.output_peak.load(Relaxed),
            command: (command != NO_COMMAND).then_some(command),
            db: activity.db.load(Relaxed),
            protocol: activity.protocol.load(Relaxed),
            flags: self.flags(),
        }
    }

    /// Commands that this client has executed.
    pub fn commands(&self) -> u64 {
        self.activity.commands.load(Relaxed)
    }
}

impl core::fmt::Debug for ClientState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientState")
            .field("id", &self.id)
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// A client's activity at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) created_us: u64,
    pub(crate) last_us: u64,
    pub(crate) descriptor: i32,
    pub(crate) query_len: usize,
    pub(crate) query_free: usize,
    pub(crate) output_len: usize,
    pub(crate) output_peak: usize,
    /// Id of the last command, if there was one.
    pub(crate) command: Option<u16>,
    pub(crate) db: u8,
    pub(crate) protocol: u8,
    pub(crate) flags: ClientFlags,
}

impl Snapshot {
    /// Bytes that the connection holds: its state and what waits in its buffers.
    pub(crate) fn memory(&self) -> usize {
        size_of::<ClientState>() + self.query_len + self.query_free + self.output_len
    }
}

/// Printable ASCII without spaces, so that a line can be split into fields.
fn checked_name(name: &[u8]) -> Result<String, InvalidName> {
    if name.iter().all(u8::is_ascii_graphic) {
        Ok(name.iter().map(|byte| char::from(*byte)).collect())
    } else {
        Err(InvalidName)
    }
}
