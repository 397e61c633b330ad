//! Which clients CLIENT KILL ends, and the kinds of client that CLIENT LIST and
//! CLIENT KILL know by name.
use hallows_resp::Args;

use crate::clients::ClientState;
use crate::error::CommandError;

/// Kinds of client by name; this server has normal ones only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Master,
    Replica,
    PubSub,
}

impl Kind {
    pub(super) fn parse(name: &[u8]) -> Result<Self, CommandError> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"master" => Ok(Self::Master),
            b"slave" | b"replica" => Ok(Self::Replica),
            b"pubsub" => Ok(Self::PubSub),
            _ => Err(CommandError::quoting(
                "ERR Unknown client type '",
                name,
                "'",
            )),
        }
    }
}

/// The conditions of CLIENT KILL; a client must meet all that are given.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    id: Option<i64>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    kind: Kind,
    skip_own: bool,
}

impl<'a> Filter<'a> {
    /// Reads an address alone, or pairs of option and value.
    pub(super) fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self {
            id: None,
            addr: None,
            laddr: None,
            kind: Kind::Normal,
            skip_own: true,
        };
        if args.len() == 1 {
            filter.addr = args.get(0);
            filter.skip_own = false;
            return Ok(filter);
        }
        for i in (0..args.len()).step_by(2) {
            let (Some(option), Some(value)) = (args.get(i), args.get(i + 1)) else {
                return Err(CommandError::Syntax);
            };
            filter.set(option, value)?;
        }
        Ok(filter)
    }

    fn set(&mut self, option: &[u8], value: &'a [u8]) -> Result<(), CommandError> {
        match option.to_ascii_lowercase().as_slice() {
            b"id" => {
                let message = "ERR client-id should be greater than 0";
                let id = super::client_id(value, message)?;
                self.id = Some(id);
                if id < 1 {
                    return Err(CommandError::Fixed(message));
                }
            }
            b"type" => self.kind = Kind::parse(value)?,
            b"addr" => self.addr = Some(value),
            b"laddr" => self.laddr = Some(value),
            // There is one user, whom every client belongs to.
            b"user" if value == b"default" => {}
            b"user" => return Err(CommandError::quoting("ERR No such user '", value, "'")),
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => self.skip_own = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => self.skip_own = false,
            _ => return Err(CommandError::Syntax),
        }
        Ok(())
    }

    pub(super) fn accepts(&self, client: &ClientState, own: bool) -> bool {
        self.kind == Kind::Normal
            && !(own && self.skip_own)
            && self.id.is_none_or(|id| client.id() as i64 == id)
            && self
                .addr
                .is_none_or(|addr| client.addr().as_bytes() == addr)
            && self
                .laddr
                .is_none_or(|laddr| client.laddr().as_bytes() == laddr)
    }
}
