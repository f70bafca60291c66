//! One WebSocket session from hello to close.
//!
//! Owns the socket, the clocks of the connection and the one thing the session waits for. A single poll function drives
//! reading, writing and time, so that a stalled reader never hides a close, and a queue that overflows is noticed while a
//! write waits.
//!
//! ```text
//!           credential in the upgrade ---------+                            (hello)
//! start ---<                                    +--> signing in --> entering ------> open --> closing --> end
//!           none --> hello --> first frame: auth +                          (ok)      |          ^
//!                                                                                     +-> draining
//! ```
//! While a *step* (sign-in, `sub`, `read`, ...) is under way nothing is read: commands start in the order received.

mod commands;
mod entrance;
mod feed;
mod socket;
mod subscribe;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::error::TrySendError,
    time::{Instant, Sleep},
};
use tokio_tungstenite::WebSocketStream;

pub(super) use self::{commands::ask, entrance::attach};
use self::{
    entrance::{Greeting, Me},
    feed::Feed,
    socket::{Incoming, Socket},
};
use super::{Entrance, Floor, clock, frame::Frame, outbox::Outbox, reply::Reply, room::RoomCommand};
use crate::domain::{
    ChannelId, Timestamp,
    limits::{AUTH_TIMEOUT, CLIENT_FRAME_BYTES, OUTSTANDING_COMMANDS},
    rate::Bucket,
    wire::{
        self, Close, SubResult,
        event::{Credential, Event},
    },
};

/// Frames read in a row before others get their turn.
const READ_BUDGET: usize = 64;
/// How long a client may take to read what is left and to answer the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long answers may take once the server drains; commits are faster or have failed.
const DRAIN_ANSWERS: Duration = Duration::from_secs(5);
/// A credential that is good for longer than this is looked at again then: timers reach only so far.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What a step came to.
enum Stepped {
    /// The credential was looked at.
    SignedIn(Result<Box<Me>, Close>, Greeting),
    /// A fresh one was, on a signed-in session.
    Renewed(Result<Credential, Close>, Reply),
    /// The door was opened, on the text door with its subscription.
    Entered(Result<Option<Vec<SubResult>>, Close>, Greeting),
    /// The answer to `sub`.
    Subscribed(Option<u64>, Vec<SubResult>),
    /// Whatever it was, others have been told.
    Done,
}

type Step = BoxFuture<'static, Stepped>;

/// How a session ended.
pub(super) struct Ended {
    /// The close code that was sent or came; 1006 where the connection broke (RFC 6455 section 7.4.1).
    pub(super) code: u16,
    /// Whether this side decided.
    pub(super) by_server: bool,
    /// Why, in words of this side; empty where the client decided.
    pub(super) reason: String,
}

impl Ended {
    /// Whatever words the client had for it are its own.
    fn by_client(code: u16) -> Self {
        Self { code, by_server: false, reason: String::new() }
    }
}

enum Phase {
    Open,
    /// Nothing is read any more; answers are waited for until then.
    Draining(Instant),
    /// What is queued goes out, then the close frame, until the timer goes off.
    Closing(Close, Ended),
}

pub(super) struct Session<S> {
    floor: Arc<Floor>,
    outbox: Arc<Outbox>,
    socket: Socket<S>,
    feed: Feed,
    entrance: Entrance,
    /// Names the session in logs and to its client.
    name: String,
    me: Option<Box<Me>>,
    step: Option<Step>,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
    /// When the client was last heard of.
    heard: Instant,
    next_ping: Instant,
    auth_by: Option<Instant>,
    expires: Option<Timestamp>,
    drain_at: Option<Instant>,
    /// Allows so many `sub`.
    subs: Bucket,
}

impl<S> Session<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// A session on a socket whose upgrade is done; see [`super::Live::serve`].
    pub(super) fn new(
        floor: Arc<Floor>,
        outbox: Arc<Outbox>,
        socket: WebSocketStream<S>,
        entrance: Entrance,
        signed_in: Option<Result<(Credential, wire::User), ()>>,
    ) -> Self {
        let now = Instant::now();
        let mut session = Self {
            feed: Feed::new(outbox.clone()),
            socket: Socket::new(socket),
            entrance,
            name: uuid::Uuid::now_v7().simple().to_string(),
            me: None,
            step: None,
            phase: Phase::Open,
            timer: Box::pin(tokio::time::sleep_until(now)),
            heard: now,
            next_ping: now + floor.ping_interval(),
            auth_by: None,
            expires: None,
            drain_at: None,
            subs: Bucket::default(),
            floor,
            outbox,
        };
        match signed_in {
            None => {
                session.auth_by = Some(now + AUTH_TIMEOUT);
                session.tell(&session.hello());
            }
            Some(Ok((credential, user))) => session.sign_in(credential, Some(user), Greeting::Hello),
            Some(Err(())) => session.end(Close::BadCredential),
        }
        session
    }

    /// Who is signed in, for the log.
    pub(super) fn user(&self) -> Option<crate::domain::UserId> {
        self.me.as_ref().map(|me| me.credential.user)
    }

    /// The session's name, for the log.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Runs to the end.
    pub(super) async fn run(&mut self) -> Ended {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            if matches!(self.phase, Phase::Closing(..)) {
                return self.poll_closing(cx);
            }
            self.look();
            self.poll_time(cx);
            let mut progress = self.poll_step(cx);
            if let Poll::Ready(Err(_)) = self.socket.poll_write(cx, &mut self.feed, &self.outbox) {
                self.broken();
            }
            if self.socket.was_taken() {
                self.heard = Instant::now();
            }
            match self.poll_reading(cx) {
                Poll::Ready(read) => progress |= read,
                Poll::Pending => return Poll::Pending,
            }
            self.finish_drain();
            let is_open = !matches!(self.phase, Phase::Closing(..));
            if is_open && !progress && self.outbox.rest(cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// What others want of this session.
    fn look(&mut self) {
        let look = self.outbox.look();
        if let Some(close) = look.end {
            self.end(close);
            return;
        }
        if let Some(after) = look.drain {
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.tell(&Event::GoingAway { after_ms });
            self.drain_at = Some(Instant::now() + after);
            self.arm();
        }
        for room in look.lost {
            let Some(queue) = self.floor.rooms.active(room) else { continue };
            if let Err(TrySendError::Full(_)) = queue.try_send(RoomCommand::Resync(self.outbox.key)) {
                self.outbox.lose(room);
            }
        }
    }

    /// Reads while there is something and it may be; `Pending` when others must get their turn, or else whether
    /// something was read.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut read = false;
        for _ in 0..READ_BUDGET {
            if !self.may_read() {
                return Poll::Ready(read);
            }
            let Poll::Ready(incoming) = self.socket.poll_read(cx) else { return Poll::Ready(read) };
            read = true;
            self.heard = Instant::now();
            self.handle_incoming(incoming);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn may_read(&self) -> bool {
        if !matches!(self.phase, Phase::Open) || self.step.is_some() || !self.socket.may_read() {
            return false;
        }
        let load = self.outbox.load();
        load.outstanding < OUTSTANDING_COMMANDS && !load.is_full
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Text(text) => self.handle_frame(&text),
            Incoming::Alive => {}
            Incoming::Closed(code) => {
                self.socket.give_up(&self.outbox);
                self.close(Close::Normal, Ended::by_client(code.unwrap_or(1005)));
            }
            Incoming::Bad(close) => self.end(close),
            Incoming::Broken => self.broken(),
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(step) = &mut self.step else { return false };
        let Poll::Ready(stepped) = step.as_mut().poll(cx) else { return false };
        self.step = None;
        self.handle_step(stepped);
        true
    }

    fn handle_step(&mut self, stepped: Stepped) {
        match stepped {
            Stepped::SignedIn(Ok(me), greeting) => self.signed_in(me, greeting),
            Stepped::Renewed(Ok(credential), reply) => self.renewed(credential, reply),
            Stepped::SignedIn(Err(close), _) | Stepped::Renewed(Err(close), _) | Stepped::Entered(Err(close), _) => {
                self.end(close);
            }
            Stepped::Entered(Ok(subscribed), greeting) => self.entered(subscribed, greeting),
            Stepped::Subscribed(id, results) => self.subscribed(id, results),
            Stepped::Done => {}
        }
    }

    fn poll_time(&mut self, cx: &mut Context<'_>) {
        while self.timer.as_mut().poll(cx).is_ready() {
            self.handle_time(Instant::now());
            if matches!(self.phase, Phase::Closing(..)) {
                return;
            }
            let next = self.next_deadline();
            self.timer.as_mut().reset(next);
        }
    }

    fn handle_time(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.auth_by) {
            return self.end(Close::AuthTimeout);
        }
        if self.expires.is_some_and(|at| at <= clock::wall()) {
            return self.end(Close::TokenExpired);
        }
        // Time in which this side did not read says nothing about the client.
        if self.step.is_some() || self.outbox.load().undecided >= OUTSTANDING_COMMANDS {
            self.heard = now;
        }
        if matches!(self.phase, Phase::Open) && now >= self.heard + self.floor.options.receive_timeout {
            return self.end(Close::NoPong);
        }
        if is_due(self.drain_at) {
            self.drain_at = None;
            self.phase = Phase::Draining(now + DRAIN_ANSWERS);
        }
        if now >= self.next_ping {
            self.next_ping = now + self.floor.ping_interval();
            self.outbox.push_if_some(self.floor.ping.clone());
        }
    }

    fn next_deadline(&self) -> Instant {
        let now = Instant::now();
        let until = match self.phase {
            Phase::Draining(until) => until,
            _ => self.heard + self.floor.options.receive_timeout,
        };
        let expires = self.expires.map(|at| {
            let left = Duration::from_millis(u64::try_from(at.since(clock::wall())).unwrap_or(0));
            // Never in the past, so that two clocks that disagree by a little do not spin.
            now + left.clamp(Duration::from_millis(1), LONGEST_WAIT)
        });
        let times = [self.auth_by, expires, self.drain_at, Some(until)];
        times.into_iter().flatten().fold(self.next_ping, Instant::min)
    }

    /// Sees to it that the timer goes off no later than the next deadline.
    fn arm(&mut self) {
        let next = self.next_deadline();
        if next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
    }

    /// Draining ends when everything that was asked is answered.
    fn finish_drain(&mut self) {
        let Phase::Draining(until) = self.phase else { return };
        let is_answered = self.step.is_none() && self.outbox.load().undecided == 0;
        if is_answered || Instant::now() >= until {
            self.end(Close::Shutdown);
        }
    }

    fn hello(&self) -> Event {
        let me = self.me.as_ref();
        let ping_ms = u64::try_from(self.floor.ping_interval().as_millis()).unwrap_or(u64::MAX);
        Event::Hello {
            v: wire::VERSION,
            ping_ms,
            max_frame: CLIENT_FRAME_BYTES,
            session: me.map(|_| self.name.clone()),
            user: me.map(|me| me.user.clone()),
        }
    }

    /// The answer to command `id`, before everything that is queued.
    fn answer_first(&mut self, id: Option<u64>, ok: &impl Serialize) {
        match id.and_then(|id| Frame::answer(id, ok)) {
            Some(frame) => self.feed.put_first(frame),
            None => self.outbox.answer(None),
        }
    }

    fn tell(&self, event: &Event) {
        self.outbox.push_if_some(Frame::event(event, None));
    }

    /// Ends the session for `close`.
    fn end(&mut self, close: Close) {
        if matches!(close, Close::SlowConsumer | Close::NoPong) {
            // Nobody reads: what is queued would only delay the close frame.
            self.socket.give_up(&self.outbox);
            self.feed.clear();
        }
        let ended = Ended { code: close.code(), by_server: true, reason: close.reason().to_owned() };
        self.close(close, ended);
    }

    fn broken(&mut self) {
        self.socket.give_up(&self.outbox);
        self.feed.clear();
        self.close(Close::Normal, Ended::by_client(1006));
    }

    fn close(&mut self, close: Close, ended: Ended) {
        if matches!(self.phase, Phase::Closing(..)) {
            return;
        }
        if !ended.by_server {
            self.feed.clear();
        }
        self.step = None;
        self.feed.release();
        self.feed.go_on();
        self.floor.leave(&self.outbox);
        self.phase = Phase::Closing(close, ended);
        self.timer.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let Phase::Closing(close, ended) = &mut self.phase else { return Poll::Pending };
        let ended = Ended { reason: ended.reason.clone(), ..*ended };
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(ended);
        }
        match self.socket.poll_write(cx, &mut self.feed, &self.outbox) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(ended),
            Poll::Pending => return Poll::Pending,
        }
        self.socket.poll_close(cx, &self.outbox, close).map(|()| ended)
    }
}

/// What a session's channel commands may reach by the door it came in.
fn leads_to(entrance: &Entrance, channel: ChannelId) -> bool {
    match entrance {
        Entrance::All => true,
        Entrance::Text(target) => target.ch == channel,
        Entrance::Signal(_) => false,
    }
}
