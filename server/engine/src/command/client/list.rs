//! The lines of CLIENT LIST and CLIENT INFO: the fields of Redis 7.0 in their
//! order, then those of SETINFO for clients that use it. Fields of features that
//! this server lacks have the value they have in an idle Redis.
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use hallows_resp::Args;

use super::Kind;
use crate::clients::{ClientFlags, ClientState, Clients};
use crate::command::table;
use crate::context::Context;
use crate::error::CommandError;
use crate::host::Now;

/// Which clients to list.
#[derive(Debug)]
pub(super) enum Filter {
    Kind(Kind),
    Ids(Vec<i64>),
}

impl Filter {
    pub(super) fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let Some(option) = args.get(0) else {
            return Ok(Self::Kind(Kind::Normal));
        };
        if option.eq_ignore_ascii_case(b"type") && args.len() == 2 {
            return Ok(Self::Kind(Kind::parse(&args[1])?));
        }
        if option.eq_ignore_ascii_case(b"id") && args.len() >= 2 {
            let ids = args.from(1..).iter();
            let ids = ids.map(|id| super::client_id(id, "ERR Invalid client ID"));
            return Ok(Self::Ids(ids.collect::<Result<_, _>>()?));
        }
        Err(CommandError::Syntax)
    }

    pub(super) fn lines(&self, clients: &Clients, now: Now) -> String {
        let chosen = match self {
            Self::Kind(Kind::Normal) => clients.all(),
            Self::Kind(_) => Vec::new(),
            Self::Ids(ids) => ids
                .iter()
                .filter_map(|id| clients.find(*id as u64))
                .collect(),
        };
        chosen.iter().map(|client| line(client, now)).collect()
    }
}

/// Brings the state of the asking client up to date, since it is otherwise
/// written at the end of a batch: it is executing this very request, which is
/// still in its query buffer.
pub(super) fn note_own(ctx: &Context<'_>, args: Args<'_>) {
    let client = &ctx.session.client;
    client.note_activity(ctx.command.id, 0, ctx.now);
    client.set_buffers(encoded_len(args), 0);
}

/// Bytes of a request as an array of bulk strings.
fn encoded_len(args: Args<'_>) -> usize {
    let header = |number: usize| 1 + digits(number) + 2;
    header(args.len())
        + args
            .iter()
            .map(|arg| header(arg.len()) + arg.len() + 2)
            .sum::<usize>()
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// The line about one client, with its line break.
pub(super) fn line(client: &ClientState, now: Now) -> String {
    let state = client.snapshot();
    let names = client.names();
    let seconds_since = |then_us: u64| now.mono_us.saturating_sub(then_us) / 1_000_000;
    let command = state
        .command
        .map_or_else(|| "NULL".into(), |id| table::by_id(id).full_name());
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 \
         multi=-1 qbuf={} qbuf-free={} argv-mem=0 multi-mem=0 rbs={peak} rbp={peak} obl={} oll=0 \
         omem=0 tot-mem={} events={} cmd={} user=default redir=-1 resp={}",
        client.id(),
        client.addr(),
        client.laddr(),
        state.descriptor,
        names.name,
        seconds_since(state.created_us),
        seconds_since(state.last_us),
        letters(state.flags),
        state.db,
        state.query_len,
        state.query_free,
        state.output_len,
        state.memory(),
        if state.output_len == 0 { "r" } else { "rw" },
        command,
        state.protocol,
        peak = state.output_peak,
    );
    if !names.library.is_empty() || !names.library_version.is_empty() {
        let _ = write!(
            line,
            " lib-name={} lib-ver={}",
            names.library, names.library_version
        );
    }
    line.push('\n');
    line
}

/// Flags as letters; `N` when there are none.
fn letters(flags: ClientFlags) -> String {
    let known = [
        (ClientFlags::CLOSING, 'c'),
        (ClientFlags::NO_EVICT, 'e'),
        (ClientFlags::NO_TOUCH, 'T'),
    ];
    let letters: String = known
        .iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, letter)| *letter)
        .collect();
    if letters.is_empty() {
        "N".into()
    } else {
        letters
    }
}
