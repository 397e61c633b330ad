//! Clients of the world, unmodified: the Rust `redis` crate, redis-cli,
//! redis-benchmark and redis-py, on each IO backend.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use redis::Commands;

use crate::support::{Server, backends, peer_missing};

#[test]
fn the_rust_client_pipelines_scans_and_expires() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut client = server.client();
        let mut pipeline = redis::pipe();
        for i in 0..1000 {
            pipeline.set(format!("key:{i}"), i).ignore();
        }
        pipeline.incr("counter", 5).incr("counter", -2);
        let counters: (i64, i64) = pipeline.query(&mut client).unwrap();
        assert_eq!(counters, (5, 3));
        let found: BTreeSet<String> = client
            .scan_match("key:*")
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(found.len(), 1000);
        let values: Vec<Option<i64>> = client.mget(&["key:7", "absent", "key:999"]).unwrap();
        assert_eq!(values, [Some(7), None, Some(999)]);
        let _: () = client.pset_ex("brief", "x", 40).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60));
        assert!(!client.exists::<_, bool>("brief").unwrap());
        let _: bool = client.expire("key:1", 100).unwrap();
        assert!((1..=100).contains(&client.ttl::<_, i64>("key:1").unwrap()));
    }
}

#[test]
fn the_rust_client_speaks_resp3_and_authenticates() {
    let server = Server::start(&["--requirepass", "open sesame"]);
    let refused = redis::Client::open(format!("redis://{}/", server.addr))
        .and_then(|client| client.get_connection())
        .and_then(|mut client| client.get::<_, Option<String>>("x"));
    assert!(refused.unwrap_err().to_string().contains("NOAUTH"));
    let mut client = server.client_with(":open%20sesame@");
    let _: () = client.set("x", "1").unwrap();
    let url = format!("redis://:open%20sesame@{}/3?protocol=resp3", server.addr);
    let mut third = redis::Client::open(url).unwrap().get_connection().unwrap();
    assert_eq!(
        third.get::<_, Option<String>>("x").unwrap(),
        None,
        "database 3 is another one"
    );
    let hello: redis::Value = redis::cmd("HELLO").arg(3).query(&mut third).unwrap();
    assert!(matches!(hello, redis::Value::Map(_)), "{hello:?}");
    let wrong = redis::Client::open(format!("redis://:wrong@{}/", server.addr))
        .and_then(|client| client.get_connection());
    assert!(wrong.is_err());
}

fn cli(server: &Server, args: &[&str]) -> Option<String> {
    let output = Command::new("redis-cli")
        .args(["-p", &server.addr.port().to_string()])
        .args(args)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            peer_missing("redis-cli");
            return None;
        }
        output => output.expect("redis-cli runs"),
    };
    Some(
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim_end()
            .to_owned(),
    )
}

#[test]
fn redis_cli_works() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--requirepass", "secret"]);
        let Some(refused) = cli(&server, &["GET", "x"]) else {
            return;
        };
        assert!(refused.contains("NOAUTH"), "{refused}");
        let ask = |args: &[&str]| {
            let args: Vec<&str> = ["-a", "secret", "--no-auth-warning"]
                .iter()
                .chain(args)
                .copied()
                .collect();
            cli(&server, &args).expect("redis-cli was there a moment ago")
        };
        assert_eq!(ask(&["SET", "greeting", "hello world", "EX", "100"]), "OK");
        assert_eq!(ask(&["GET", "greeting"]), "hello world");
        assert!((90..=100).contains(&ask(&["TTL", "greeting"]).parse().unwrap()));
        assert_eq!(ask(&["-3", "PING"]), "PONG");
        assert_eq!(ask(&["--scan"]), "greeting");
        assert!(ask(&["INFO", "server"]).contains("redis_version:7."));
        assert!(ask(&["NOSUCH"]).contains("unknown command"));
    }
}

#[test]
fn redis_benchmark_runs_against_both_backends() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let port = server.addr.port().to_string();
        for pipeline in ["1", "16"] {
            let output = Command::new("redis-benchmark")
                .args([
                    "-p",
                    &port,
                    "-t",
                    "ping,set,get,incr,mset",
                    "-n",
                    "2000",
                    "-c",
                    "50",
                ])
                .args(["-r", "1000", "-q", "--csv", "-P", pipeline])
                .output();
            let output = match output {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return peer_missing("redis-benchmark");
                }
                output => output.expect("redis-benchmark runs"),
            };
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}");
            for name in ["PING_INLINE", "SET", "GET", "INCR", "MSET (10 keys)"] {
                assert!(text.contains(&format!("\"{name}\"")), "{text}");
            }
        }
    }
}

const PYTHON: &str = r#"
import sys, redis
port = int(sys.argv[1])
for protocol in (2, 3):
    r = redis.Redis(port=port, password="secret", protocol=protocol, decode_responses=True)
    r.flushall()
    assert r.ping()
    assert r.set("greeting", "hello", ex=100) and r.get("greeting") == "hello"
    assert 90 <= r.ttl("greeting") <= 100
    with r.pipeline(transaction=False) as p:
        for i in range(1000):
            p.set(f"key:{i}", i)
        p.incr("counter")
        assert p.execute()[-1] == 1
    assert len(list(r.scan_iter("key:*", count=100))) == 1000
    assert r.mget("key:1", "absent") == ["1", None]
    assert r.client_setname("tester") and r.client_getname() == "tester"
    assert r.info("server")["redis_version"].startswith("7.")
    assert r.config_get("maxmemory")
    assert r.pexpire("greeting", 1) and r.dbsize() >= 1000
try:
    redis.Redis(port=port, password="wrong").ping()
    raise SystemExit("a wrong password was accepted")
except redis.AuthenticationError:
    pass
print("done", redis.__version__)
"#;

#[test]
fn redis_py_works_with_both_protocols() {
    let python = std::env::var("HALLOWS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python)
        .args(["-c", "import redis"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        return peer_missing("redis-py (HALLOWS_PYTHON names a Python that has it)");
    }
    for io in backends() {
        let server = Server::start(&["--io", io, "--requirepass", "secret"]);
        let output = Command::new(&python)
            .args(["-c", PYTHON, &server.addr.port().to_string()])
            .output()
            .expect("Python runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
