//! How many connections a door has, and which one goes when it is full and one more comes: the one
//! that has had no request under way for the longest, be it idle or half sent. So nobody is kept
//! out by connections on which nothing happens, and no request that is under way is cut off. One that
//! has just come is given time to say what it wants.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// Nobody is sent away sooner: a request may be on its way.
const YOUNG: Duration = Duration::from_millis(250);

/// The connections of a door.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    guests: Mutex<Vec<Arc<Guest>>>,
    /// Counts requests that ended: the smaller a guest's number, the longer ago was its last one.
    moment: AtomicU64,
    /// Whether somebody waits for room.
    full: AtomicBool,
    changed: Notify,
}

#[derive(Debug)]
struct Guest {
    crowd: Arc<Crowd>,
    /// Requests under way.
    busy: AtomicU32,
    since: AtomicU64,
    came: Instant,
    task: OnceLock<AbortHandle>,
}

/// Room for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room(Arc<Guest>);

/// The connection that a room is for.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Guest>);

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Guest>);

/// The body of an answer: its request is under way until it has been sent.
#[derive(Debug)]
pub(crate) struct UnderWay<B> {
    body: B,
    _busy: Busy,
}

impl Crowd {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            guests: Mutex::default(),
            moment: AtomicU64::new(0),
            full: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// Whether any request is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.guests().iter().any(|guest| guest.is_busy())
    }

    /// Finds room for a connection. One after the other may ask.
    pub(crate) async fn enter(self: &Arc<Self>) -> Room {
        loop {
            if let Some(room) = self.try_enter() {
                self.full.store(false, Ordering::Relaxed);
                return room;
            }
            // Meanwhile somebody may have grown old enough.
            let _ = timeout(YOUNG / 4, self.changed.notified()).await;
        }
    }

    /// Room, if there is any. Else the guest that is idle for the longest is sent away.
    fn try_enter(self: &Arc<Self>) -> Option<Room> {
        let mut guests = self.guests();
        if guests.len() < self.most {
            let since = AtomicU64::new(self.next_moment());
            let (busy, task) = (AtomicU32::new(0), OnceLock::new());
            let crowd = Arc::clone(self);
            let guest = Arc::new(Guest { crowd, busy, since, came: Instant::now(), task });
            guests.push(Arc::clone(&guest));
            return Some(Room(guest));
        }
        self.full.store(true, Ordering::Relaxed);
        send_one_away(&guests);
        None
    }

    /// Sends the guest away that is idle for the longest, if any is.
    pub(crate) fn send_one_away(&self) {
        send_one_away(&self.guests());
    }

    fn next_moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::Relaxed)
    }

    fn guests(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send_one_away(guests: &[Arc<Guest>]) {
    let idle = guests.iter().filter(|guest| !guest.is_busy());
    let longest = idle.min_by_key(|guest| guest.since.load(Ordering::Relaxed));
    // If that one is young, it is waited for: another has been of use.
    let longest = longest.filter(|guest| guest.came.elapsed() >= YOUNG);
    if let Some(task) = longest.and_then(|guest| guest.task.get()) {
        task.abort();
    }
}

impl Guest {
    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }
}

impl Room {
    /// Whose room it is, for what happens on the connection.
    pub(crate) fn of(&self) -> Connection {
        Connection(Arc::clone(&self.0))
    }
}

impl Connection {
    /// The task that serves it, which is ended when another needs the room.
    pub(crate) fn served_by(&self, task: AbortHandle) {
        // It is set once.
        let _ = self.0.task.set(task);
    }

    /// Whether a request is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.is_busy()
    }

    /// A request has begun.
    pub(crate) fn begin(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.0))
    }
}

impl Busy {
    /// The request is under way until this body has been sent.
    pub(crate) fn until_sent<B>(self, body: B) -> UnderWay<B> {
        UnderWay { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Guest { crowd, busy, since, .. } = &*self.0;
        since.store(crowd.next_moment(), Ordering::Relaxed);
        busy.fetch_sub(1, Ordering::Relaxed);
        if crowd.full.load(Ordering::Relaxed) {
            crowd.changed.notify_one();
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let crowd = &self.0.crowd;
        crowd.guests().retain(|guest| !Arc::ptr_eq(guest, &self.0));
        crowd.changed.notify_one();
    }
}

impl<B: Body + Unpin> Body for UnderWay<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A connection that lasts until it is sent away.
    async fn come(crowd: &Arc<Crowd>) -> (Connection, tokio::task::JoinHandle<()>) {
        let room = crowd.enter().await;
        let connection = room.of();
        let task = tokio::spawn(async move {
            let _room = room;
            pending::<()>().await;
        });
        connection.served_by(task.abort_handle());
        (connection, task)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_had_nothing_under_way_for_the_longest_makes_room() {
        let crowd = Crowd::new(3);
        let (first, one) = come(&crowd).await;
        let (second, two) = come(&crowd).await;
        let (_third, three) = come(&crowd).await;
        // The first has just been used, the second is in use.
        drop(first.begin());
        let busy = second.begin();
        let (_fourth, four) = come(&crowd).await;
        assert!(three.await.unwrap_err().is_cancelled());
        let (_fifth, five) = come(&crowd).await;
        assert!(one.await.unwrap_err().is_cancelled());
        assert!(!two.is_finished() && !four.is_finished() && !five.is_finished());
        assert!(crowd.is_busy());
        drop(busy);
        assert!(!crowd.is_busy());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_just_come_may_say_what_it_wants() {
        let crowd = Crowd::new(2);
        let (first, _) = come(&crowd).await;
        let _busy = first.begin();
        let (second, task) = come(&crowd).await;
        let mut third = Box::pin(come(&crowd));
        assert!(futures_pending(third.as_mut()).await);
        let busy = second.begin();
        let still = timeout(YOUNG * 10, third.as_mut()).await;
        assert!(still.is_err() && !task.is_finished());
        drop(busy);
        let (_third, _) = third.await;
        assert!(task.await.unwrap_err().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn while_all_are_in_use_one_more_waits_for_the_first_that_ends() {
        let crowd = Crowd::new(1);
        let (only, task) = come(&crowd).await;
        let busy = only.begin();
        let mut more = Box::pin(come(&crowd));
        assert!(futures_pending(more.as_mut()).await);
        assert!(!task.is_finished());
        drop(busy);
        let (_more, _) = more.await;
        assert!(task.await.unwrap_err().is_cancelled());
    }

    async fn futures_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        for _ in 0..100 {
            tokio::task::yield_now().await;
            let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
            if polled.is_ready() {
                return false;
            }
        }
        true
    }
}
