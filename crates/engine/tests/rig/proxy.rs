//! The proxy breaks connections where it is told to, and only there.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use syncline_rig::Brand;

use crate::support::binary::{PATIENCE, Ran, until};
use crate::support::proxy::{Lost, Proxy, Way};
use crate::support::servers::Database;
use crate::support::{mariadb, psql};

/// A server that gives back in capitals what it hears. It ends with the test's process.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 1024];
                while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..bytes].to_ascii_uppercase()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn connected(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Says something and listens until so many bytes were heard or the other side hung up.
fn heard(mut stream: &TcpStream, say: &str, bytes: usize) -> String {
    // Whoever was cut off cannot say anything, and hears nothing.
    let _ = stream.write_all(say.as_bytes());
    let mut heard = vec![0; bytes];
    let mut at = 0;
    while at < bytes {
        match stream.read(&mut heard[at..]) {
            Ok(0) => break,
            Ok(more) => at += more,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8(heard[..at].to_vec()).unwrap()
}

#[test]
fn everything_passes() {
    let proxy = Proxy::to_port(echo());
    let mut stream = connected(&proxy);
    let long = "abc".repeat(100_000);
    let (mut writing, text) = (stream.try_clone().unwrap(), long.clone());
    thread::spawn(move || {
        writing.write_all(text.as_bytes()).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all == long.to_uppercase());
    assert_eq!((proxy.passed(Way::ToServer), proxy.passed(Way::ToClient)), (300_000, 300_000));
    assert_eq!(proxy.struck(), 0);
}

#[test]
fn all_connections_are_cut_at_once() {
    let proxy = Proxy::to_port(echo());
    let (one, other) = (connected(&proxy), connected(&proxy));
    assert_eq!((heard(&one, "a", 1), heard(&other, "b", 1)), ("A".into(), "B".into()));
    assert_eq!(proxy.connections(), 2);
    proxy.cut();
    assert_eq!((heard(&one, "a", 1), heard(&other, "b", 1)), (String::new(), String::new()));
    assert_eq!(heard(&connected(&proxy), "c", 1), "C");
}

#[test]
fn the_cut_is_exact_to_the_byte() {
    for bytes in 0..=5 {
        let proxy = Proxy::to_port(echo());
        let stream = connected(&proxy);
        assert_eq!(heard(&stream, "ab", 2), "AB");
        proxy.cut_after(Way::ToClient, bytes);
        assert_eq!(heard(&stream, "cdefg", 5), &"CDEFG"[..bytes as usize]);
        proxy.wait_struck(1);
        assert_eq!((proxy.passed(Way::ToServer), proxy.passed(Way::ToClient)), (7, 2 + bytes));
        // Once.
        assert_eq!(heard(&connected(&proxy), "cdefg", 5), "CDEFG");
    }
}

#[test]
fn the_cut_on_the_way_there_is_exact_too() {
    let proxy = Proxy::to_port(echo());
    proxy.cut_after(Way::ToServer, 3);
    assert_eq!(heard(&connected(&proxy), "a", 1), "A");
    let stream = connected(&proxy);
    assert!(heard(&stream, "bcde", 4).len() <= 2);
    proxy.wait_struck(1);
    assert_eq!(proxy.passed(Way::ToServer), 3);
}

#[test]
fn a_delay_goes_both_ways() {
    let proxy = Proxy::to_port(echo());
    let stream = connected(&proxy);
    proxy.delay(Duration::from_millis(150));
    let began = Instant::now();
    assert_eq!(heard(&stream, "a", 1), "A");
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
}

#[test]
fn a_network_that_stands_still_loses_nothing() {
    let proxy = Proxy::to_port(echo());
    let stream = connected(&proxy);
    assert_eq!(heard(&stream, "a", 1), "A");
    proxy.stand_still();
    (&stream).write_all(b"b").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let silence = (&stream).read(&mut [0]).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
    proxy.heal();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(heard(&stream, "", 1), "B");
}

#[test]
fn a_network_stands_still_by_itself() {
    let proxy = Proxy::to_port(echo());
    let stream = connected(&proxy);
    assert_eq!(heard(&stream, "a", 1), "A");
    proxy.stand_still_at(Way::ToServer, 2);
    (&stream).write_all(b"b").unwrap();
    until("what may pass", || proxy.passed(Way::ToServer) == 2);
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!((&stream).read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    proxy.heal();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(heard(&stream, "", 1), "B");
}

#[test]
fn a_pattern_is_seen_across_pieces_and_counted() {
    let proxy = Proxy::to_port(echo());
    let stream = connected(&proxy);
    proxy.lose(Lost::Request, "aba", 2);
    // Overlapping counts: the second ends with the second piece.
    assert_eq!(heard(&stream, "xab", 3), "XAB");
    assert_eq!(heard(&stream, "abab", 4), "ABAB");
    assert_eq!(heard(&stream, "xxb", 3), "XXB");
    assert_eq!(heard(&stream, "abx", 3), "ABX");
    assert_eq!(proxy.struck(), 0);
    assert_eq!(heard(&stream, "aba", 3), "");
    proxy.wait_struck(1);
    assert_eq!(proxy.passed(Way::ToServer), 13);
}

#[test]
fn a_lost_answer_is_not_heard_although_it_was_given() {
    let proxy = Proxy::to_port(echo());
    let stream = connected(&proxy);
    proxy.lose(Lost::Answer, "commit", 0);
    assert_eq!(heard(&stream, "begin", 5), "BEGIN");
    assert_eq!(heard(&stream, "commit", 6), "");
    proxy.wait_struck(1);
    assert_eq!((proxy.passed(Way::ToServer), proxy.passed(Way::ToClient)), (11, 5));
}

fn through(proxy: &Proxy, place: &Database, sql: &str) -> Ran {
    let url = place.server().through(proxy.port()).url(place.name());
    match place.server().brand() {
        Brand::Postgres => psql::ran(&url, sql),
        Brand::Mariadb => mariadb::ran(&url, sql),
    }
}

#[test]
fn a_commit_whose_answer_is_lost_has_happened() {
    for brand in Brand::ALL {
        let place = Database::shared(brand);
        place.sql("CREATE TABLE t (id int PRIMARY KEY);");
        let proxy = Proxy::to(place.server());
        let unit = |id: u32| format!("BEGIN; INSERT INTO t VALUES ({id}); COMMIT; BEGIN; COMMIT;");
        proxy.lose(Lost::Answer, "COMMIT", 0);
        let said = through(&proxy, &place, &unit(1)).complaint("lost answer");
        assert!(said.contains("server closed the connection") || said.contains("Lost connection"), "{said}");
        assert_eq!((proxy.struck(), place.sql("SELECT id FROM t;")), (1, "1".into()), "{brand:?}");
        proxy.lose(Lost::Request, "COMMIT", 0);
        through(&proxy, &place, &unit(2)).complaint("lost request");
        assert_eq!((proxy.struck(), place.sql("SELECT id FROM t;")), (2, "1".into()), "{brand:?}");
        proxy.lose(Lost::Request, "COMMIT", 1);
        through(&proxy, &place, &unit(3)).complaint("lost second request");
        assert_eq!((proxy.struck(), place.sql("SELECT id FROM t;")), (3, "1\n3".into()), "{brand:?}");
        assert_eq!(through(&proxy, &place, &unit(4)).printed("healthy"), "");
    }
}

#[test]
fn a_server_seems_down_and_comes_back() {
    for brand in Brand::ALL {
        let place = Database::shared(brand);
        let proxy = Proxy::to(place.server());
        assert_eq!(through(&proxy, &place, "SELECT 1;").printed("before"), "1");
        proxy.refuse();
        let said = through(&proxy, &place, "SELECT 1;").complaint("refused");
        assert!(said.contains("refused") || said.contains("ERROR 2002"), "{said}");
        proxy.heal();
        assert_eq!(through(&proxy, &place, "SELECT 1;").printed("after"), "1");
    }
}

#[test]
fn a_client_waits_while_the_network_stands_still() {
    let place = Database::postgres();
    let proxy = Proxy::to(place.server());
    let before = proxy.passed(Way::ToClient);
    proxy.stand_still();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| through(&proxy, &place, "SELECT 42;"));
        thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished() && proxy.passed(Way::ToClient) == before);
        proxy.heal();
        assert_eq!(waiting.join().unwrap().printed("healed"), "42");
    });
}
