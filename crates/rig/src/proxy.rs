//! A network that can be broken: a proxy between a program and its server, both of which know nothing of it.
//!
//! One thread accepts, two threads for each connection pass bytes on. Faults strike all connections and are what real
//! networks do: bytes are lost from some point on, never in the middle.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "without ports of this machine no test can go on")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Address;

/// Between two looks for a new connection.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Longest that a fault is waited for.
const STRIKE_MAX: Duration = Duration::from_secs(240);

/// From where to where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Requests.
    ToServer,
    /// Answers.
    ToClient,
}

/// What is lost of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The server never hears the request.
    Request,
    /// The server has carried the request out and answered; the client never hears it.
    Answer,
}

/// A proxy to one server, on a port of its own. Dropped, it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    target: u16,
    rules: Mutex<Rules>,
    /// Rules have changed, or a fault has struck.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rules {
    links: Vec<Arc<Link>>,
    refusing: bool,
    /// There is somebody who accepts.
    listening: bool,
    still: bool,
    /// It stands still by itself when so many bytes have passed.
    still_at: Option<(Way, u64)>,
    delay: Duration,
    cut: Option<(Way, u64)>,
    lose: Option<Lose>,
    /// Bytes passed on, to the server and to the client.
    passed: [u64; 2],
    struck: u32,
    /// Connections for which nobody was there.
    missed: u32,
    over: bool,
}

#[derive(Debug)]
struct Lose {
    what: Lost,
    pattern: Vec<u8>,
    /// The pattern is let pass so many times first.
    spared: u32,
}

/// One connection.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// The client hears nothing more.
    lost: AtomicBool,
}

impl Link {
    fn cut(&self) {
        // Who has hung up already is as good.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Proxy {
    /// A proxy that passes everything on.
    #[must_use]
    pub fn to(server: &Address) -> Self {
        Self::to_port(server.port())
    }

    /// The same to any port of this machine.
    ///
    /// # Panics
    /// If no port is to be had.
    #[must_use]
    pub fn to_port(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = Mutex::new(Rules { listening: true, ..Rules::default() });
        let network = Arc::new(Network { target, rules, changed: Condvar::new() });
        let accepting = network.clone();
        thread::spawn(move || accepting.accept(port, listener));
        Self { port, network }
    }

    /// Its port on 127.0.0.1. See [`Address::through`] for the URL.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections now. New ones are served.
    pub fn cut(&self) {
        self.network.rules().cut_all();
    }

    /// Cuts all connections when so many more bytes have gone one way, in all of them together; the last of these
    /// bytes is still passed on. Strikes once.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.network.rules().cut = Some((way, bytes));
    }

    /// Loses a request, or the answer to it, and cuts that connection: the next request in which these bytes occur
    /// after they were spared so many times. Strikes once. The bytes are seen only without TLS.
    pub fn lose(&self, what: Lost, pattern: &str, spared: u32) {
        self.network.rules().lose = Some(Lose { what, pattern: pattern.into(), spared });
    }

    /// Holds every piece of data back for so long, each way.
    pub fn delay(&self, delay: Duration) {
        self.network.rules().delay = delay;
    }

    /// Stands still: connections stay open, and nothing passes any more. [`Proxy::heal`] lets pass what was held.
    pub fn stand_still(&self) {
        self.network.rules().still = true;
    }

    /// Does so by itself when so many bytes in all have passed one way, however busy its owner is, who is told of it by
    /// [`Proxy::passed`].
    pub fn stand_still_at(&self, way: Way, bytes: u64) {
        self.network.rules().still_at = Some((way, bytes));
    }

    /// Refuses new connections, as a server that is down does. Those that exist stay.
    pub fn refuse(&self) {
        let mut rules = self.network.rules();
        rules.refusing = true;
        drop(self.network.wait(rules, |rules| !rules.listening));
    }

    /// Passes everything on again. What was cut stays cut.
    pub fn heal(&self) {
        let mut rules = self.network.rules();
        (rules.refusing, rules.still, rules.delay) = (false, false, Duration::ZERO);
        (rules.cut, rules.lose, rules.still_at) = (None, None, None);
        self.network.changed.notify_all();
        drop(self.network.wait(rules, |rules| rules.listening));
    }

    /// How many faults of [`Proxy::cut_after`] and [`Proxy::lose`] have struck.
    pub fn struck(&self) -> u32 {
        self.network.rules().struck
    }

    /// Waits until so many faults have struck.
    #[track_caller]
    pub fn wait_struck(&self, faults: u32) {
        drop(self.network.wait(self.network.rules(), |rules| rules.struck >= faults));
    }

    /// Waits until somebody has tried to connect while the server was not there.
    #[track_caller]
    pub fn wait_missed(&self) {
        drop(self.network.wait(self.network.rules(), |rules| rules.missed > 0));
    }

    /// How many bytes have been passed on one way.
    pub fn passed(&self, way: Way) -> u64 {
        self.network.rules().passed[way as usize]
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.network.rules().links.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut rules = self.network.rules();
        rules.over = true;
        rules.cut_all();
        self.network.changed.notify_all();
    }
}

impl Rules {
    fn cut_all(&mut self) {
        for link in self.links.drain(..) {
            link.cut();
        }
    }

    fn cut_one(&mut self, link: &Arc<Link>) {
        self.links.retain(|other| !Arc::ptr_eq(other, link));
        link.cut();
    }

    /// How many of these bytes may pass before everything is cut; none if nothing is to be cut.
    fn cut_within(&mut self, way: Way, bytes: usize) -> Option<usize> {
        let (_, left) = self.cut.as_mut().filter(|(cut, _)| *cut == way)?;
        if *left > bytes as u64 {
            *left -= bytes as u64;
            return None;
        }
        let last = usize::try_from(*left).unwrap();
        self.cut = None;
        Some(last)
    }

    /// Whether this piece of a request, which follows `before`, is the one that loses something.
    fn loses(&mut self, before: &[u8], piece: &[u8]) -> Option<Lost> {
        let lose = self.lose.as_mut()?;
        // So many that no occurrence ends in them: that one was seen with its own piece.
        let begun = before.len().min(lose.pattern.len() - 1);
        let text = [&before[before.len() - begun..], piece].concat();
        for window in text.windows(lose.pattern.len()) {
            if window == lose.pattern {
                if lose.spared == 0 {
                    let what = lose.what;
                    self.lose = None;
                    return Some(what);
                }
                lose.spared -= 1;
            }
        }
        None
    }
}

impl Network {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        // A test that fails while it waits must not fail once more on its way out.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn wait<'a>(&self, mut rules: MutexGuard<'a, Rules>, until: impl Fn(&Rules) -> bool) -> MutexGuard<'a, Rules> {
        let began = Instant::now();
        while !until(&rules) {
            assert!(began.elapsed() < STRIKE_MAX, "nothing happened at the proxy");
            rules = self.changed.wait_timeout(rules, LOOK_EVERY).unwrap().0;
        }
        rules
    }

    /// Accepts connections until the proxy is over.
    fn accept(self: Arc<Self>, port: u16, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let mut listener = Some(listener);
        loop {
            let mut rules = self.rules();
            if rules.over {
                return;
            }
            if rules.refusing {
                listener = None;
            } else if listener.is_none() {
                let again = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
                again.set_nonblocking(true).unwrap();
                listener = Some(again);
            }
            rules.listening = listener.is_some();
            self.changed.notify_all();
            drop(rules);
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((client, _))) => self.connect(client),
                _ => thread::sleep(LOOK_EVERY),
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        client.set_nonblocking(false).unwrap();
        // The client is hung up on, which is what it would see of a server that is down.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target)) else {
            self.rules().missed += 1;
            self.changed.notify_all();
            return;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let link = Arc::new(Link { client, server, lost: AtomicBool::new(false) });
        self.rules().links.push(link.clone());
        for way in [Way::ToServer, Way::ToClient] {
            let (network, link) = (self.clone(), link.clone());
            thread::spawn(move || network.pass(way, &link));
        }
    }

    /// Passes bytes on until one side hangs up or the connection is cut.
    fn pass(&self, way: Way, link: &Arc<Link>) {
        let (mut from, mut to) = match way {
            Way::ToServer => (&link.client, &link.server),
            Way::ToClient => (&link.server, &link.client),
        };
        let mut buffer = [0; 64 * 1024];
        // What came last, as far as a pattern may begin in it.
        let mut before = Vec::new();
        loop {
            let bytes = from.read(&mut buffer).unwrap_or(0);
            let mut rules = self.rules();
            while rules.still && !rules.over {
                rules = self.changed.wait(rules).unwrap();
            }
            let delay = rules.delay;
            drop(rules);
            thread::sleep(delay);
            let piece = &buffer[..bytes];
            let goes_on = match way {
                Way::ToServer => !self.loses(link, &before, piece) && self.pass_piece(way, &mut to, piece),
                Way::ToClient if link.lost.load(Ordering::SeqCst) => {
                    // The server has answered. Hung up on, it ends its session once it has done all it was asked.
                    let _ = link.server.shutdown(Shutdown::Write);
                    true
                }
                Way::ToClient => self.pass_piece(way, &mut to, piece),
            };
            if bytes == 0 || !goes_on {
                break;
            }
            before.extend_from_slice(piece);
            let longest = self.rules().lose.as_ref().map_or(0, |lose| lose.pattern.len() - 1);
            before.drain(..before.len().saturating_sub(longest));
        }
        let _ = to.shutdown(Shutdown::Write);
        if way == Way::ToClient {
            // The server has ended its session, also where an answer is lost: whoever connects anew after that finds
            // everything decided and no lock held.
            let mut rules = self.rules();
            rules.struck += u32::from(link.lost.load(Ordering::SeqCst));
            rules.cut_one(link);
            self.changed.notify_all();
        }
    }

    /// Whether this piece must not be passed on; marks the connection if it is the one that loses something.
    fn loses(&self, link: &Link, before: &[u8], piece: &[u8]) -> bool {
        let lost = self.rules().loses(before, piece);
        if lost.is_some() {
            link.lost.store(true, Ordering::SeqCst);
        }
        lost == Some(Lost::Request)
    }

    /// Passes one piece on; false if this was the last.
    fn pass_piece(&self, way: Way, to: &mut &TcpStream, piece: &[u8]) -> bool {
        let mut rules = self.rules();
        let last = rules.cut_within(way, piece.len());
        let piece = &piece[..last.unwrap_or(piece.len())];
        rules.passed[way as usize] += piece.len() as u64;
        if rules.still_at.is_some_and(|(which, bytes)| which == way && rules.passed[way as usize] >= bytes) {
            (rules.still, rules.still_at) = (true, None);
        }
        // Not under the lock: whoever does not read must not stop the others.
        drop(rules);
        let passed = to.write_all(piece).is_ok();
        if last.is_some() {
            let mut rules = self.rules();
            rules.struck += 1;
            rules.cut_all();
            self.changed.notify_all();
        }
        passed && last.is_none()
    }
}
