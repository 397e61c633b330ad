//! The Prometheus endpoint, as a scraper and as a stranger meet it.

use redis::Commands;

use crate::support::{Raw, Server, backends, wait_for};

fn scrape(server: &Server) -> String {
    let mut raw = Raw::new(server.metrics.expect("a metrics address"));
    raw.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = String::from_utf8(raw.rest()).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{head}"
    );
    body.to_owned()
}

fn value(body: &str, name: &str) -> f64 {
    let line = body
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in:\n{body}"));
    line.rsplit(' ').next().unwrap().parse().expect(name)
}

#[test]
fn metrics_follow_what_clients_do() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--metrics", "127.0.0.1:0"]);
        let mut client = server.client();
        let _: () = client.set("x", "1").unwrap();
        let _: String = client.get("x").unwrap();
        let _: Option<String> = client.get("y").unwrap();
        let body = scrape(&server);
        assert!(value(&body, "hallows_commands_total") >= 3.0);
        assert!(value(&body, "hallows_keyspace_hits_total") >= 1.0);
        assert!(value(&body, "hallows_keyspace_misses_total") >= 1.0);
        assert_eq!(value(&body, "hallows_connected_clients"), 1.0);
        assert_eq!(
            value(&body, "hallows_memory_limit_bytes"),
            f64::from(256 << 20)
        );
        assert!(value(&body, "process_resident_memory_bytes") > 0.0);
        let of_first = |name: &str| value(&body, &format!("hallows_worker_{name}"));
        assert!(of_first("polls_total{worker=\"0\",class=\"normal\"}") > 0.0);
        assert!(of_first("phase_seconds_total{worker=\"0\",phase=\"parked\"}") > 0.0);
        assert_eq!(of_first("stalls_total{worker=\"0\"}"), 0.0);
        assert!(body.contains("hallows_keys{db=\"0\"} 1"), "{body}");
        for line in body.lines() {
            assert!(
                line.starts_with("# HELP ") || line.starts_with("# TYPE ") || line.contains(' ')
            );
        }
    }
}

#[test]
fn strangers_at_the_metrics_port_are_answered_and_do_no_harm() {
    let server = Server::start(&["--metrics", "127.0.0.1:0"]);
    let addr = server.metrics.expect("a metrics address");
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], " 404 "),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", " 405 "),
        (b"*1\r\n$4\r\nPING\r\n\r\n", " 400 "),
        (&[b'x'; 20_000], " 431 "),
    ] {
        let mut raw = Raw::new(addr);
        raw.send(request);
        let answer = String::from_utf8_lossy(&raw.rest()).into_owned();
        assert!(answer.contains(status) || answer.is_empty(), "{answer}");
    }
    let held: Vec<Raw> = (0..50).map(|_| Raw::new(addr)).collect();
    wait_for("a scrape beside idle strangers", || Some(scrape(&server)));
    drop(held);
}
