//! Virtual time: a heap of what is due, and futures that wait in it.
//!
//! Nothing here knows a real clock. Two things that are due at the same millisecond happen in the order in which they
//! were asked for, so a run is the same run every time.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
    future::poll_fn,
    task::{Poll, Waker},
};

/// The clock, and what is due.
#[derive(Default)]
pub(crate) struct Scheduler {
    now: Cell<i64>,
    asked: Cell<u64>,
    due: RefCell<BinaryHeap<Reverse<Due>>>,
}

/// What happens when its time comes.
enum What {
    /// A future goes on.
    Wake(Waker),
    /// The world changes, whether or not anybody still waits for it: a request arrives, a write is committed.
    Act(Box<dyn FnOnce()>),
}

struct Due {
    at: i64,
    order: u64,
    what: What,
}

impl Scheduler {
    /// A clock that stands at this time.
    pub(crate) fn starting_at(now: i64) -> Self {
        Self { now: Cell::new(now), ..Self::default() }
    }

    /// The true time, in milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        self.now.get()
    }

    /// Lets this happen so many milliseconds from now.
    pub(crate) fn after(&self, wait: i64, act: impl FnOnce() + 'static) {
        self.push(wait, What::Act(Box::new(act)));
    }

    /// Waits so many milliseconds.
    pub(crate) async fn sleep(&self, wait: i64) {
        let at = self.now() + wait.max(0);
        let mut asked: Option<Waker> = None;
        poll_fn(|context| {
            if asked.is_some() && self.now() >= at {
                return Poll::Ready(());
            }
            // Polls that come before their time, as those of a join do, ask for no second wake.
            if asked.as_ref().is_none_or(|asked| !asked.will_wake(context.waker())) {
                self.push(at - self.now(), What::Wake(context.waker().clone()));
                asked = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Moves the clock to the next thing due, and lets it happen; whether there was any.
    pub(crate) fn go_on(&self) -> bool {
        let next = self.due.borrow_mut().pop();
        let Some(Reverse(due)) = next else { return false };
        self.now.set(self.now().max(due.at));
        match due.what {
            What::Wake(waker) => waker.wake(),
            What::Act(act) => act(),
        }
        true
    }

    /// Forgets everything that is due, and with it whatever it holds on to.
    pub(crate) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.due.borrow_mut());
        drop(forgotten);
    }

    fn push(&self, wait: i64, what: What) {
        let order = self.asked.get();
        self.asked.set(order + 1);
        self.due.borrow_mut().push(Reverse(Due { at: self.now() + wait.max(0), order, what }));
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}
