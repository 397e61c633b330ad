//! One client: receive, execute, reply, in that order and never ahead of the
//! client. While replies wait to be read nothing more is executed or received,
//! so a client that does not read stops itself and costs one reply buffer.
//!
//! Between two requests the connection may move to another worker, when the scheduler
//! says so: with what it has received and not executed yet, and nothing else.
//!
//! The engine borrows requests from the receive buffer. That buffer starts at
//! 16 KiB, grows with a large request (never further ahead of what has arrived
//! than twice, so an announced length alone costs nothing), and is shrunk or
//! given back on the advice of the worker's background task ([`super::cron`]).

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use beehive::net::local::{Socket, TcpStream};
use beehive::{Handle, WorkerId};
use hallows_engine::{Action, Connection, Step};

use super::slot::{End, INPUT_BASE, Phase, Slot, Trim};
use super::worker::{Berth, Seat, Shared, Worker};
use crate::clock;

/// Replies collected before they are sent.
const OUTPUT_MAX: usize = 64 * 1024;
/// Bytes received and sent before other connections get their turn.
const TURN_MAX: usize = 128 * 1024;
/// Time after which other connections get their turn, between two requests that have come together;
/// requests are shown to the engine in pieces that take about so long.
const PIECE_US: u64 = 100;
/// Bytes of the first piece, of the smallest, and of one that is worth a look at the clock.
const PIECE_FIRST: usize = 1024;
const PIECE_MIN: usize = 64;
const PIECE_TIMED: usize = 1024;
/// The least by which a receive buffer grows for a large request.
const GROWTH_MIN: usize = 64 * 1024;

/// One client on the worker that serves it.
pub(super) struct Client {
    stream: TcpStream,
    connection: Connection,
    worker: Rc<Worker>,
    slot: Rc<Slot>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Bytes moved since this task last let others run.
    turn: usize,
    /// Bytes of requests that take about [`PIECE_US`].
    piece: usize,
    /// Bytes that the unfinished request lacks at least.
    need: usize,
    /// Whether it came with requests from another worker.
    unexecuted: bool,
    berth: Berth,
    seat: Seat,
}

/// One client between two workers.
pub(super) struct Traveller {
    socket: Socket,
    connection: Connection,
    input: Vec<u8>,
    need: usize,
    seat: Seat,
}

/// What a round was about.
enum Activity {
    /// The client, who may have to go on at another worker.
    Served(Option<WorkerId>),
    /// Housekeeping.
    Trimmed,
}

/// What ended a wait for requests.
enum Event {
    Received(usize),
    Trim(Trim),
    Gone,
}

impl Traveller {
    /// A client that has just been accepted.
    pub(super) fn new(socket: Socket, connection: Connection, seat: Seat) -> Self {
        Self {
            socket,
            connection,
            input: Vec::new(),
            need: 1,
            seat,
        }
    }

    /// Serves the client on this worker until one side ends the connection, or it moves on.
    pub(super) async fn serve(self, shared: &Arc<Shared>, at: WorkerId) {
        match Client::settle(self, shared, at) {
            Ok(client) => client.serve().await,
            Err(error) => tracing::debug!(%error, "the connection is unusable"),
        }
    }
}

impl Client {
    /// Makes the connection known to the worker.
    fn settle(traveller: Traveller, shared: &Arc<Shared>, at: WorkerId) -> io::Result<Self> {
        let Traveller {
            socket,
            mut connection,
            input,
            need,
            seat,
        } = traveller;
        let stream = socket.into_stream()?;
        let worker = Worker::current(shared);
        let slot = Slot::new(stream.shutdown_handle(), clock::now().mono_us);
        let berth = Berth::new(&worker, &slot);
        connection.set_worker(at.index());
        let client = Self {
            stream,
            connection,
            worker,
            slot,
            unexecuted: !input.is_empty(),
            input,
            output: Vec::new(),
            turn: 0,
            piece: PIECE_FIRST,
            need,
            berth,
            seat,
        };
        client.slot.unfinished.set(client.input.len());
        client.slot.peak.set(client.input.len());
        client.tell_buffer();
        // What it had was counted where it came from.
        let _ = client.charge(0);
        if shared.ending.has_begun() {
            // Whoever told this worker's connections so may not have met this one.
            client.slot.drain();
        }
        Ok(client)
    }

    /// Serves the client until one side ends the connection, or it moves on.
    async fn serve(mut self) {
        let why = loop {
            match self.cycle().await {
                Ok(Activity::Served(None) | Activity::Trimmed) => {}
                Ok(Activity::Served(Some(worker))) => return self.relocate(worker).await,
                Err(end) => break end,
            }
        };
        report(&self.connection, why);
    }

    /// Goes on at another worker.
    async fn relocate(self, to: WorkerId) {
        let shared = Arc::clone(&self.worker.shared);
        let socket = match self.stream.into_socket().await {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%error, "a connection could not move"),
        };
        if let Some(why) = self.slot.ended() {
            return report(&self.connection, why);
        }
        let traveller = Traveller {
            socket,
            connection: self.connection,
            input: self.input,
            need: self.need,
            seat: self.seat,
        };
        // Only now, so that whoever ends the connection finds it here or there.
        drop(self.berth);
        shared.engine.stats().add_relocated_connection();
        let serve = move || async move { traveller.serve(&shared, to).await };
        Handle::current().spawn_on(to, serve).detach();
    }

    /// Receives once and answers every complete request.
    async fn cycle(&mut self) -> Result<Activity, End> {
        if std::mem::take(&mut self.unexecuted) {
            return Ok(Activity::Served(self.execute().await?));
        }
        self.make_room()?;
        match self.wait().await {
            Event::Gone => Err(self.slot.verdict()),
            Event::Trim(trim) => {
                self.trim(trim);
                Ok(Activity::Trimmed)
            }
            Event::Received(count) => {
                self.turn += count;
                self.slot
                    .peak
                    .set(self.slot.peak.get().max(self.input.len()));
                if self.input.capacity() != self.slot.capacity.get() {
                    self.tell_buffer();
                    self.charge(0)?;
                }
                Ok(Activity::Served(self.execute().await?))
            }
        }
    }

    /// Waits for requests or for advice about the receive buffer.
    async fn wait(&mut self) -> Event {
        self.slot.phase.set(Phase::Reading);
        let slot = &self.slot;
        let turn = &mut self.turn;
        let mut receive = pin!(self.stream.recv(&mut self.input));
        poll_fn(|cx| {
            if let Some(trim) = slot.take_trim() {
                return Poll::Ready(Event::Trim(trim));
            }
            match receive.as_mut().poll(cx) {
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Event::Gone),
                Poll::Ready(Ok(count)) => Poll::Ready(Event::Received(count)),
                Poll::Pending => {
                    *turn = 0;
                    slot.register(cx.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Executes the requests received and sends their replies; all of them, unless the
    /// connection has to go on at another worker.
    async fn execute(&mut self) -> Result<Option<WorkerId>, End> {
        let (mut start, mut window) = (0, self.piece);
        let leaves_for = loop {
            let end = self.input.len().min(start + window);
            let step = self.process(start, end)?;
            start += step.consumed;
            self.pace(step.consumed);
            window = self.piece;
            match step.action {
                Action::Read { need } if end == self.input.len() => {
                    self.need = need;
                    break None;
                }
                // The window cut a request: widen it around the rest.
                // At least by half, as a request of many short arguments never says
                // how much it lacks.
                Action::Read { need } => {
                    let seen = end - start;
                    window = (seen + need.max(seen / 2)).max(window);
                }
                Action::Flush => self.flush().await?,
                Action::Sleep { us } => {
                    beehive::time::sleep(Duration::from_micros(us)).await;
                    self.flush().await?;
                }
                Action::Close => {
                    self.flush().await?;
                    return Err(End::Asked);
                }
            }
            self.stream.yield_if_due().await;
            self.share_turn(step.consumed).await;
            // A pipeline of many seconds does not keep its worker overloaded for so long.
            if let Some(worker) = self.stream.relocation() {
                break Some(worker);
            }
        };
        self.consume(start);
        self.flush().await?;
        if leaves_for.is_some() {
            return Ok(leaves_for);
        }
        self.share_turn(0).await;
        Ok(self.stream.relocation())
    }

    /// Executes what lies between `start` and `end`; a panic is this connection's
    /// end and nobody else's.
    fn process(&mut self, start: usize, end: usize) -> Result<Step, End> {
        let now = clock::now();
        self.slot.phase.set(Phase::Executing);
        self.slot.active_us.set(now.mono_us);
        if self.output.capacity() == 0 {
            self.output = self.worker.take_buffer();
        }
        let (connection, input, output) = (
            &mut self.connection,
            &self.input[start..end],
            &mut self.output,
        );
        isolated(|| connection.process(now, input, output, OUTPUT_MAX))
    }

    /// So much was executed: sees to it that the next piece takes neither long nor only a moment.
    fn pace(&mut self, consumed: usize) {
        if consumed < PIECE_TIMED.min(self.piece / 2) {
            return;
        }
        let took_us = clock::now()
            .mono_us
            .saturating_sub(self.slot.active_us.get());
        if took_us > PIECE_US {
            let fits = consumed as u64 * PIECE_US / took_us;
            self.piece = (fits as usize).max(PIECE_MIN);
        } else if took_us < PIECE_US / 2 {
            self.piece = (self.piece * 2).min(TURN_MAX);
        }
    }

    /// Sends the replies collected; waits until the client has taken them.
    async fn flush(&mut self) -> Result<(), End> {
        let len = self.output.len();
        if len == 0 {
            self.worker.give_buffer(std::mem::take(&mut self.output));
            return Ok(());
        }
        let limit = self.worker.shared.engine.settings().output_limit();
        if limit.hard_bytes > 0 && len as u64 > limit.hard_bytes {
            return Err(End::OutputLimit);
        }
        if len > OUTPUT_MAX {
            self.charge(self.output.capacity())?;
        }
        self.slot.phase.set(Phase::Writing(len));
        let (sent, buffer) = self.stream.send(std::mem::take(&mut self.output)).await;
        self.worker.give_buffer(buffer);
        if len > OUTPUT_MAX {
            self.charge(0)?;
        }
        self.turn += len;
        sent.map_err(|_| self.slot.verdict())
    }

    /// Lets other connections run when this one has had its share.
    async fn share_turn(&mut self, moved: usize) {
        self.turn += moved;
        if self.turn >= TURN_MAX {
            self.turn = 0;
            beehive::yield_now().await;
        }
    }

    /// Drops the requests that were executed from the receive buffer.
    fn consume(&mut self, start: usize) {
        if start == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..start);
        }
        self.slot.unfinished.set(self.input.len());
        self.tell_buffer();
    }

    /// Makes room for what the unfinished request lacks. Without one nothing is
    /// needed here: to a buffer without capacity the stream itself gives the base
    /// size, which counts as this client's once something has been received.
    fn make_room(&mut self) -> Result<(), End> {
        let (len, capacity) = (self.input.len(), self.input.capacity());
        if len == 0 || capacity - len >= self.need {
            return Ok(());
        }
        let limit = self.worker.shared.engine.settings().query_buffer_max();
        let wanted = len.saturating_add(self.need);
        if wanted > limit {
            return Err(End::QueryLimit);
        }
        // A request of many short arguments never says how much it lacks: growing by
        // no less than half keeps the copying linear.
        let ahead = self
            .need
            .max(len / 2)
            .clamp(GROWTH_MIN, len.max(GROWTH_MIN));
        let target = (len + ahead).max(INPUT_BASE);
        if target <= capacity {
            return Ok(());
        }
        self.input.reserve_exact(target - len);
        Ok(())
    }

    /// Makes the receive buffer smaller.
    fn trim(&mut self, trim: Trim) {
        match trim {
            Trim::Release if self.input.is_empty() => self.input = Vec::new(),
            Trim::Release => {}
            Trim::Shrink(capacity) => self.input.shrink_to(capacity),
        }
        self.tell_buffer();
        // Less memory than before cannot be refused.
        let _ = self.charge(0);
    }

    /// Tells others how large the receive buffer is.
    fn tell_buffer(&self) {
        self.slot.capacity.set(self.input.capacity());
        self.connection
            .client()
            .set_query_free(self.input.capacity() - self.input.len());
    }

    /// Counts the receive buffer and `output` bytes of replies against the limit
    /// of all clients. A client that grows beyond its base is refused more when
    /// the limit is reached.
    fn charge(&self, output: usize) -> Result<(), End> {
        let shared = &self.worker.shared;
        let total = self.input.capacity() + output;
        let grows = total > self.slot.charged.get();
        shared.charge(&self.slot, total);
        if grows && total > INPUT_BASE && shared.over_client_memory() {
            return Err(End::ClientMemory);
        }
        Ok(())
    }
}

fn report(connection: &Connection, why: End) {
    let client = connection.client();
    let (id, addr) = (client.id(), client.addr());
    if why.is_remarkable() {
        tracing::warn!(id, addr, %why, "client closed");
    } else {
        tracing::debug!(id, addr, %why, "client closed");
    }
}

/// Turns a panic into the end of one connection. What the connection had borrowed
/// is dropped with it, and the store unlocks as it unwinds, so nobody sees a
/// half-done change of the connection's own state.
fn isolated<T>(execute: impl FnOnce() -> T) -> Result<T, End> {
    catch_unwind(AssertUnwindSafe(execute)).map_err(|_| End::Panicked)
}

#[cfg(test)]
mod tests {
    use super::{End, isolated};

    #[test]
    fn a_panic_while_executing_is_the_end_of_its_connection_only() {
        assert_eq!(isolated(|| 7), Ok(7));
        assert_eq!(isolated(|| panic!("a defect")), Err::<(), _>(End::Panicked));
    }
}
