//! The command line as a stranger meets it: help, exit statuses, messages, and
//! which source of a setting wins.

use std::io::Write;

use redis::Commands;

use crate::support::{Server, finish, hallows, run};

#[test]
fn help_teaches_every_command_with_examples() {
    let (status, help, _) = run(&["--help"]);
    assert_eq!(status, 0);
    for word in ["serve", "top", "doctor", "sim", "completions", "Examples:"] {
        assert!(help.contains(word), "{help}");
    }
    let (status, help, _) = run(&["serve", "--help"]);
    assert_eq!(status, 0);
    for word in [
        "--listen",
        "--memory",
        "HALLOWS_MEMORY",
        "[default: 256MiB]",
        "Examples:",
    ] {
        assert!(help.contains(word), "{help}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_wrong() {
    for args in [
        &["serve", "--no-such-flag"][..],
        &["no-such-command"],
        &["serve", "--memory", "lots"],
        &["serve", "--workers", "0"],
        &["serve", "--listen", "nowhere"],
        &["completions", "no-such-shell"],
        &[],
    ] {
        let (status, _, message) = run(args);
        assert_eq!(status, 2, "{args:?}: {message}");
        assert!(!message.is_empty(), "{args:?}");
    }
}

#[test]
fn an_address_in_use_exits_with_1_and_names_it() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    let (status, _, message) = run(&["serve", "--listen", &taken]);
    assert_eq!(status, 1, "{message}");
    assert!(message.contains(&taken), "{message}");
}

#[test]
fn a_public_address_without_a_password_is_refused() {
    let (status, _, message) = run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(status, 2);
    for remedy in [
        "--requirepass-file",
        "--listen 127.0.0.1",
        "--protected-mode no",
    ] {
        assert!(message.contains(remedy), "{message}");
    }
}

#[test]
fn completions_are_made_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let (status, script, _) = run(&["completions", shell]);
        assert_eq!(status, 0);
        assert!(
            script.contains("hallows") && script.contains("serve"),
            "{shell}"
        );
    }
}

#[test]
fn doctor_reports_to_people_and_to_scripts() {
    let (status, text, _) = run(&["doctor"]);
    assert_eq!(status, 0);
    assert!(
        text.contains("io_uring") && text.contains("nofile"),
        "{text}"
    );
    let (status, json, _) = run(&["doctor", "--json"]);
    assert_eq!(status, 0);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(report["findings"].as_array().expect("findings").len() >= 10);
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a written file");
    file
}

#[test]
fn an_unknown_key_in_the_file_exits_with_2_and_names_key_line_and_nearest() {
    let config = file("memory = \"1MiB\"\nmax_clients = 5\n");
    let (status, _, message) = run(&["serve", "--config", config.path().to_str().unwrap()]);
    assert_eq!(status, 2);
    assert!(
        message.contains("line 2") && message.contains("max_clients"),
        "{message}"
    );
    assert!(message.contains("Did you mean `maxclients`?"), "{message}");
}

#[test]
fn a_missing_file_exits_with_1_and_names_it() {
    let (status, _, message) = run(&["serve", "--config", "/nonexistent/hallows.toml"]);
    assert_eq!(status, 1);
    assert!(message.contains("/nonexistent/hallows.toml"), "{message}");
}

#[test]
fn a_wrong_environment_variable_exits_with_2_and_is_shown() {
    let (status, _, message) = finish(hallows(&["serve"]).env("HALLOWS_MEMORY", "lots"));
    assert_eq!(status, 2);
    assert!(message.contains("lots"), "{message}");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let config = file("memory = \"3MiB\"\nmaxclients = 30\ntimeout = 300\n");
    let server = Server::launch(
        hallows(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--memory",
            "1MiB",
            "--config",
        ])
        .arg(config.path())
        .env("HALLOWS_MEMORY", "2MiB")
        .env("HALLOWS_MAXCLIENTS", "20"),
    );
    let mut client = server.client();
    let mut value = |name: &str| {
        let pair: Vec<String> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(name)
            .query(&mut client)
            .unwrap();
        pair[1].clone()
    };
    assert_eq!(value("maxmemory"), (1 << 20).to_string());
    assert_eq!(value("maxclients"), "20");
    assert_eq!(value("timeout"), "300");
}

#[test]
fn several_addresses_are_served_at_once() {
    let server = Server::launch(&mut hallows(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.1:0",
        "--workers",
        "1",
    ]));
    let banner = server.log();
    let line = banner
        .lines()
        .find(|line| line.contains("serving"))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let addresses: Vec<&str> = line["listen"].as_str().unwrap().split(", ").collect();
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        let mut client = redis::Client::open(format!("redis://{address}/"))
            .and_then(|client| client.get_connection())
            .expect(address);
        let _: () = client.set("shared", "yes").unwrap();
        assert_eq!(client.get::<_, String>("shared").unwrap(), "yes");
    }
}
