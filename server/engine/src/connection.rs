//! From bytes to replies: one [`Connection`] per client.
//!
//! [`Connection::process`] executes the complete requests of its input in order.
//! It parses ahead: the requests of a pipeline are gathered, so that the store can
//! fetch what all of them will read before the first is executed. If all are plain
//! GETs they are looked up together, otherwise they go through the command table one
//! by one. Counters are kept in local variables and shared once per call.
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ant_colony_store::Key;
use arrayvec::ArrayVec;
use hallows_resp::{Args, Limits, Parsed, Parser, Pipeline, Reply};

use crate::clients::ClientState;
use crate::command::dispatch;
use crate::context::{Context, frame};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::host::Now;
use crate::session::{ReplyMode, Session};

/// Requests that are gathered before the first is executed.
const GATHER_MAX: usize = 32;
/// Average length of the replies to gathered GETs above which nothing more is gathered:
/// large values gain nothing from prefetching, and would overshoot `out_max`.
const GATHERED_REPLY_MAX: usize = 4096;

/// One client's connection.
pub struct Connection {
    engine: Arc<Engine>,
    parser: Parser,
    pipeline: Pipeline,
    session: Session,
    stripe: usize,
    /// Whether requests are gathered, see [`GATHERED_REPLY_MAX`].
    gathering: bool,
}

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes that need not be passed again.
    pub consumed: usize,
    /// What the host must do now.
    pub action: Action,
}

/// What the host must do after [`Connection::process`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the replies, read, and call again with the rest of the input and what
    /// was read: no complete request is left.
    Read {
        /// At least so many bytes are missing, to size the read.
        need: usize,
    },
    /// Write the replies and call again: their buffer is full.
    Flush,
    /// Wait, then write the replies, and call again: the reply comes after the sleep.
    Sleep {
        /// How long to wait, in microseconds.
        us: u64,
    },
    /// Write the replies and close.
    Close,
}

impl Connection {
    /// Registers a client that connected from `addr` to `laddr`.
    pub fn new(engine: &Arc<Engine>, addr: &str, laddr: &str, now: Now) -> Self {
        let client = engine.clients.register(addr, laddr, now);
        engine.stats.add_connection();
        let authenticated = !engine.settings.password_required();
        Self {
            stripe: client.id() as usize,
            engine: Arc::clone(engine),
            parser: Parser::new(),
            pipeline: Pipeline::new(),
            session: Session::new(client, authenticated),
            gathering: true,
        }
    }

    /// Tells which worker executes this connection's requests, so that it counts
    /// them where no other worker writes.
    pub fn set_worker(&mut self, worker: usize) {
        self.stripe = worker;
    }

    /// Sets what to do when another client kills this one: the hook must make the
    /// connection's read return, for instance by shutting the socket down. It is
    /// called from any thread.
    pub fn set_kill_hook(&self, hook: Box<dyn Fn() + Send + Sync>) {
        self.session.client.set_kill_hook(hook);
    }

    /// What other connections can see of this one.
    pub fn client(&self) -> &ClientState {
        &self.session.client
    }

    /// Executes the requests at the start of `input` and appends their replies to
    /// `out`. Stops early when `out` has reached `out_max` bytes; one reply, or the
    /// replies to gathered GETs, may go beyond it. The next call must pass the input
    /// from `consumed` on, with whatever else has arrived.
    pub fn process(&mut self, now: Now, input: &[u8], out: &mut Vec<u8>, out_max: usize) -> Step {
        if self.session.client.is_killed() {
            return Step {
                consumed: input.len(),
                action: Action::Close,
            };
        }
        let out_before = out.len();
        let mut run = Run {
            engine: &self.engine,
            session: &mut self.session,
            now,
            out,
            out_max,
            gathering: self.gathering,
            tally: Tally::default(),
            stripe: self.stripe,
        };
        let step = run.requests(&mut self.parser, &mut self.pipeline, input);
        self.gathering = run.gathering;
        run.finish_counting(step.consumed, input.len(), out_before);
        step
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.engine.clients.unregister(&self.session.client);
    }
}

/// Calls of one command in a row, counted before they are shared.
#[derive(Default)]
struct Tally {
    id: u16,
    calls: u64,
    /// Calls of all commands.
    total: u64,
}

/// The work of one call of [`Connection::process`].
struct Run<'a> {
    engine: &'a Engine,
    session: &'a mut Session,
    now: Now,
    out: &'a mut Vec<u8>,
    out_max: usize,
    gathering: bool,
    tally: Tally,
    stripe: usize,
}

impl Run<'_> {
    fn requests(&mut self, parser: &mut Parser, pipeline: &mut Pipeline, input: &[u8]) -> Step {
        let mut consumed = 0;
        let action = loop {
            if self.out.len() >= self.out_max {
                break Action::Flush;
            }
            let start = consumed;
            match parser.parse(&input[start..], &self.limits()) {
                Ok(Parsed::Request {
                    args,
                    consumed: len,
                }) => {
                    let end = start + len;
                    let more = end < input.len() && self.may_gather();
                    let action = if more && pipeline.push(args, start, end) {
                        self.gather(parser, pipeline, input);
                        let (end, action) = self.execute_gathered(pipeline, input);
                        if end < pipeline.end(pipeline.len() - 1) {
                            // The parser has read on; what it has read comes again.
                            parser.reset();
                        }
                        pipeline.clear();
                        consumed = end;
                        action
                    } else {
                        consumed = end;
                        let out_before = self.out.len();
                        let action = self.execute(args);
                        self.gathering = self.out.len() <= out_before + GATHERED_REPLY_MAX;
                        action
                    };
                    if let Some(action) = action {
                        break action;
                    }
                }
                Ok(Parsed::Empty { consumed: len }) => consumed += len,
                Ok(Parsed::Incomplete { need }) => break Action::Read { need },
                Err(error) => {
                    consumed = input.len();
                    self.engine.stats.add_error(b"ERR");
                    if self.session.reply == ReplyMode::On {
                        Reply::new(self.out, self.session.protocol).protocol_error(&error);
                    }
                    break Action::Close;
                }
            }
        };
        Step { consumed, action }
    }

    fn limits(&self) -> Limits {
        let settings = &self.engine.settings;
        Limits {
            bulk_len_max: settings.bulk_len_max(),
            authenticated: self.session.authenticated || !settings.password_required(),
            ..Limits::default()
        }
    }

    /// Whether requests may be parsed before those ahead of them are executed. Until a client is
    /// authenticated each request may change how the next is read.
    fn may_gather(&self) -> bool {
        self.gathering && self.session.authenticated
    }

    /// Adds the complete requests after the last one of `pipeline` to it. Whatever ends them is
    /// left to be met again.
    fn gather(&self, parser: &mut Parser, pipeline: &mut Pipeline, input: &[u8]) {
        let limits = self.limits();
        let mut start = pipeline.end(pipeline.len() - 1);
        while pipeline.len() < GATHER_MAX {
            match parser.parse(&input[start..], &limits) {
                Ok(Parsed::Request { args, consumed }) => {
                    if !pipeline.push(args, start, start + consumed) {
                        break;
                    }
                    start += consumed;
                }
                Ok(Parsed::Incomplete { .. }) => break,
                Ok(Parsed::Empty { .. }) | Err(_) => {
                    parser.reset();
                    break;
                }
            }
        }
    }

    /// Executes gathered requests. Answers where the last one executed ends, and an action if the
    /// requests after it must wait.
    fn execute_gathered(&mut self, pipeline: &Pipeline, input: &[u8]) -> (usize, Option<Action>) {
        let last = pipeline.len() - 1;
        let mut all_plain_gets = self.may_read();
        let db = self.session.db;
        let mut keys = ArrayVec::<Key<'_>, GATHER_MAX>::new();
        for i in 0..=last {
            let args = pipeline.args(input, i);
            all_plain_gets &= args.len() == 2 && dispatch::is_get(&args[0]);
            // The second word is the key in nearly all commands; in others this asks for a little
            // memory in vain.
            if let Some(word) = args.get(1) {
                keys.push(self.engine.store.key(db, word));
            }
        }
        if all_plain_gets {
            self.execute_gets(&keys);
            return (pipeline.end(last), None);
        }
        self.engine.store.prefetch(&keys);
        for i in 0..=last {
            let action = self.execute(pipeline.args(input, i));
            let full = i < last && self.out.len() >= self.out_max;
            if let Some(action) = action.or(full.then_some(Action::Flush)) {
                return (pipeline.end(i), Some(action));
            }
        }
        (pipeline.end(last), None)
    }

    /// Whether a GET needs none of the checks of the general path.
    fn may_read(&self) -> bool {
        self.session.authenticated && self.session.reply == ReplyMode::On && !self.session.no_touch
    }

    fn execute_gets(&mut self, keys: &[Key<'_>]) {
        self.count(dispatch::GET.id, keys.len() as u64);
        let out_before = self.out.len();
        let (store, protocol) = (&self.engine.store, self.session.protocol);
        store.get_each_into(keys, self.now.unix_ms(), self.out, |out, part| {
            frame(out, part, protocol);
        });
        self.gathering = self.out.len() - out_before <= keys.len() * GATHERED_REPLY_MAX;
    }

    fn execute(&mut self, args: Args<'_>) -> Option<Action> {
        let start = self.out.len();
        let command = match dispatch::find(&args) {
            Ok(command) => command,
            Err(dispatch::Unknown::Attack) => return Some(Action::Close),
            Err(dispatch::Unknown::Error(error)) => {
                self.fail(start, &error);
                return self.after(start);
            }
        };
        self.count(command.id, 1);
        let mut context = Context {
            engine: self.engine,
            session: self.session,
            now: self.now,
            command,
            out: self.out,
        };
        if let Err(error) = dispatch::call(&mut context, args) {
            self.fail(start, &error);
        }
        self.after(start)
    }

    /// Makes the error the reply of the command whose reply began at `start`.
    fn fail(&mut self, start: usize, error: &CommandError) {
        self.out.truncate(start);
        error.write(&mut Reply::new(self.out, self.session.protocol));
        self.engine.stats.add_error(&self.out[start + 1..]);
    }

    /// Applies what the command has asked of the session.
    fn after(&mut self, start: usize) -> Option<Action> {
        match self.session.reply {
            ReplyMode::On => {}
            ReplyMode::Off => self.out.truncate(start),
            ReplyMode::Skip => {
                self.out.truncate(start);
                self.session.reply = ReplyMode::On;
            }
            ReplyMode::SkipNext => self.session.reply = ReplyMode::Skip,
        }
        if self.session.close {
            return Some(Action::Close);
        }
        self.session.sleep_us.take().map(|us| Action::Sleep { us })
    }

    /// Counts calls locally; shares the count when another command follows.
    fn count(&mut self, id: u16, calls: u64) {
        if self.tally.id != id {
            self.share_tally();
            self.tally.id = id;
        }
        self.tally.calls += calls;
        self.tally.total += calls;
    }

    fn share_tally(&mut self) {
        if self.tally.calls > 0 {
            self.engine
                .stats
                .add_calls(self.stripe, self.tally.id, self.tally.calls);
            self.tally.calls = 0;
        }
    }

    fn finish_counting(&mut self, consumed: usize, input_len: usize, out_before: usize) {
        self.share_tally();
        let produced = self.out.len() - out_before;
        self.engine
            .stats
            .add_bytes(self.stripe, consumed as u64, produced as u64);
        let client = &self.session.client;
        client.set_buffers(input_len - consumed, out_before);
        if self.tally.total > 0 {
            client.note_activity(self.tally.id, self.tally.total, self.now);
        }
    }
}
