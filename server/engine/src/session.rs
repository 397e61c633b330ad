//! What one connection remembers between requests, apart from its parser.
//! Commands read and change it through [`Context`](crate::context::Context).
use alloc::sync::Arc;

use hallows_resp::Protocol;

use crate::clients::ClientState;

/// Whether replies are sent, as set by CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// Every command is answered.
    On,
    /// No command is answered until CLIENT REPLY ON.
    Off,
    /// The command being executed is not answered, and the next one is not either.
    SkipNext,
    /// The command being executed is not answered; later ones are.
    Skip,
}

/// State of one connection.
pub(crate) struct Session {
    /// Selected database.
    pub(crate) db: u8,
    /// Version of the protocol that replies are written in.
    pub(crate) protocol: Protocol,
    /// The client has given the password, or connected when none was required.
    pub(crate) authenticated: bool,
    /// See [`ReplyMode`].
    pub(crate) reply: ReplyMode,
    /// Close once the reply to the current command is written.
    pub(crate) close: bool,
    /// Pause requested by the current command (DEBUG SLEEP).
    pub(crate) sleep_us: Option<u64>,
    /// CLIENT NO-TOUCH: reads do not change access times and frequencies.
    pub(crate) no_touch: bool,
    /// The part that other connections can see.
    pub(crate) client: Arc<ClientState>,
}

impl Session {
    pub(crate) fn new(client: Arc<ClientState>, authenticated: bool) -> Self {
        Self {
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            reply: ReplyMode::On,
            close: false,
            sleep_us: None,
            no_touch: false,
            client,
        }
    }

    /// Chooses a database.
    pub(crate) fn select(&mut self, db: u8) {
        self.db = db;
        self.client.set_db(db);
    }

    /// Chooses the version of the protocol.
    pub(crate) fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.client.set_protocol(self.protocol_version());
    }

    /// The number that HELLO and CLIENT LIST give for the protocol.
    pub(crate) fn protocol_version(&self) -> u8 {
        match self.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}
