//! What all threads of a run share: whether it goes on, what has failed, and how often what has happened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stage::locked;

/// What of a run is still going on.
pub struct State {
    began: Instant,
    /// Transactions a second, of all writers together; 0: as many as they can.
    rate: u64,
    writing: AtomicBool,
    hurting: AtomicBool,
    watching: AtomicBool,
    begun: AtomicU64,
    committed: AtomicU64,
    kills: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
    /// Whether a server or its network is not well, or since when it is again.
    trouble: Mutex<Trouble>,
    failure: Mutex<Option<String>>,
    events: Mutex<File>,
}

enum Trouble {
    Never,
    Now,
    Until(Instant),
}

impl State {
    pub fn new(rate: u64, events: File) -> State {
        State {
            began: Instant::now(),
            rate,
            writing: AtomicBool::new(true),
            hurting: AtomicBool::new(true),
            watching: AtomicBool::new(true),
            begun: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            counts: Mutex::new(BTreeMap::new()),
            trouble: Mutex::new(Trouble::Never),
            failure: Mutex::new(None),
            events: Mutex::new(events),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn writing(&self) -> bool {
        self.writing.load(Ordering::SeqCst)
    }

    pub fn hurting(&self) -> bool {
        self.hurting.load(Ordering::SeqCst)
    }

    pub fn watching(&self) -> bool {
        self.watching.load(Ordering::SeqCst)
    }

    pub fn stop_writing(&self) {
        self.writing.store(false, Ordering::SeqCst);
    }

    pub fn stop_hurting(&self) {
        self.hurting.store(false, Ordering::SeqCst);
    }

    pub fn stop_watching(&self) {
        self.watching.store(false, Ordering::SeqCst);
    }

    /// The first failure ends the run.
    pub fn fail(&self, text: String) {
        self.note(&format!("FAILED: {text}"));
        locked(&self.failure).get_or_insert(text);
        self.stop_writing();
        self.stop_hurting();
        self.stop_watching();
    }

    pub fn failure(&self) -> Option<String> {
        locked(&self.failure).clone()
    }

    /// Waits until the rate allows one more transaction. False if no more are wanted.
    pub fn may_begin(&self) -> bool {
        while self.rate > 0 && self.writing() {
            let allowed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX) * self.rate / 1000;
            if self.begun.load(Ordering::Relaxed) < allowed {
                break;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.writing()
    }

    pub fn committed(&self) {
        self.committed.fetch_add(1, Ordering::SeqCst);
    }

    pub fn transactions(&self) -> u64 {
        self.committed.load(Ordering::SeqCst)
    }

    pub fn killed(&self, how: &str) {
        self.kills.fetch_add(1, Ordering::SeqCst);
        self.count(&format!("killed {how}"));
    }

    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    pub fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub fn add(&self, what: &str, number: u64) {
        *locked(&self.counts).entry(what.to_string()).or_default() += number;
    }

    pub fn counted(&self, what: &str) -> u64 {
        locked(&self.counts).get(what).copied().unwrap_or(0)
    }

    pub fn counts(&self) -> BTreeMap<String, u64> {
        locked(&self.counts).clone()
    }

    /// From now on something around the program is not well. A server may take its time to come back.
    pub fn trouble_begins(&self) {
        *locked(&self.trouble) = Trouble::Now;
    }

    pub fn trouble_ends(&self) {
        *locked(&self.trouble) = Trouble::Until(Instant::now());
    }

    /// Whether something was not well after that moment, or within a while before it.
    pub fn troubled_since(&self, moment: Instant, before: Duration) -> bool {
        match *locked(&self.trouble) {
            Trouble::Never => false,
            Trouble::Now => true,
            Trouble::Until(end) => end + before > moment,
        }
    }

    /// A line for whoever looks into the folder afterwards.
    pub fn note(&self, line: &str) {
        let seconds = self.elapsed().as_secs_f64();
        // A full drive shows in other places.
        let _ = writeln!(locked(&self.events), "{seconds:9.3} {line}");
    }
}
