//! Tests of resolving: precedence, defaults as documented, protection.

use std::io::Write;

use clap::Args;

use super::{ByteSize, Given, Settings, Workers, YesNo};

fn resolve(given: Given) -> Result<Settings, String> {
    Settings::resolve(given, None).map_err(|failure| failure.to_string())
}

fn with_file(given: Given, text: &str) -> Result<Settings, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a written file");
    Settings::resolve(given, Some(file.path())).map_err(|failure| failure.to_string())
}

#[test]
fn a_given_value_wins_over_the_file_and_the_file_over_the_default() {
    let flags = Given {
        memory: Some(ByteSize(1 << 30)),
        ..Given::default()
    };
    let settings = with_file(flags, "memory = \"2MiB\"\nmaxclients = 7").unwrap();
    assert_eq!(settings.memory, ByteSize(1 << 30));
    assert_eq!(settings.clients_max, 7);
    assert_eq!(settings.keepalive_s, 300);
}

#[test]
fn the_help_text_tells_the_true_defaults() {
    let settings = resolve(Given {
        workers: Some(Workers::Count(1)),
        ..Given::default()
    })
    .unwrap();
    let command = Given::augment_args(clap::Command::new("settings"));
    let documented = |name: &str| {
        let argument = command.get_arguments().find(|a| a.get_long() == Some(name));
        let help = argument.expect(name).get_help().expect(name).to_string();
        let (_, default) = help.rsplit_once("[default: ").expect(name);
        default.trim_end_matches(']').to_owned()
    };
    assert_eq!(documented("listen"), settings.listen[0].to_string());
    assert_eq!(documented("memory"), settings.memory.to_string());
    assert_eq!(documented("maxclients"), settings.clients_max.to_string());
    assert_eq!(documented("timeout"), settings.idle_s.to_string());
    assert_eq!(
        documented("tcp-keepalive"),
        settings.keepalive_s.to_string()
    );
    assert_eq!(
        documented("output-limit"),
        settings.output_limit.to_string()
    );
    assert_eq!(
        documented("output-timeout"),
        settings.output_timeout_s.to_string()
    );
    assert_eq!(documented("query-limit"), settings.query_limit.to_string());
    assert_eq!(
        documented("client-memory"),
        settings.client_memory.to_string()
    );
    assert_eq!(documented("protected-mode"), "yes");
    assert_eq!(documented("huge-pages"), "no");
    assert!(!settings.huge_pages);
    assert_eq!(documented("signals"), "yes");
    assert!(settings.signals);
    assert_eq!(documented("task-dump"), "no");
    assert!(!settings.task_dump);
    assert!(settings.protected_mode);
}

#[test]
fn a_public_address_without_a_password_is_refused_with_three_remedies() {
    for address in ["0.0.0.0:6379", "[::]:6379", "192.0.2.1:6379"] {
        let public = Given {
            listen: Some(vec![address.to_owned()]),
            ..Given::default()
        };
        let message = resolve(public.clone()).unwrap_err();
        for remedy in [
            "--requirepass-file",
            "--listen 127.0.0.1:6379",
            "--protected-mode no",
        ] {
            assert!(message.contains(remedy), "{message}");
        }
        let open = Given {
            protected_mode: Some(YesNo::No),
            ..public.clone()
        };
        assert!(resolve(open).is_ok());
        let locked = Given {
            requirepass: Some("secret".to_owned()),
            ..public
        };
        assert!(resolve(locked).is_ok());
    }
}

#[test]
fn an_empty_password_is_no_password() {
    let given = Given {
        requirepass: Some(String::new()),
        ..Given::default()
    };
    assert_eq!(resolve(given).unwrap().password, None);
}

#[test]
fn a_password_file_gives_its_first_line() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(b"open sesame\nsecond line\n")
        .expect("a written file");
    let path = Some(file.path().to_path_buf());
    let given = Given {
        requirepass_file: path.clone(),
        ..Given::default()
    };
    assert_eq!(
        resolve(given).unwrap().password.as_deref(),
        Some("open sesame")
    );
    let twice = Given {
        requirepass: Some("x".to_owned()),
        requirepass_file: path,
        ..Given::default()
    };
    assert!(resolve(twice).unwrap_err().contains("given twice"));
}

#[test]
fn a_password_flag_replaces_the_password_file_of_the_configuration() {
    let flag = Given {
        requirepass: Some("flag".to_owned()),
        ..Given::default()
    };
    let settings = with_file(flag, "requirepass-file = \"/nonexistent\"").unwrap();
    assert_eq!(settings.password.as_deref(), Some("flag"));
}

#[test]
fn values_that_cannot_work_are_refused() {
    let memory = Given {
        memory: Some(ByteSize(1000)),
        ..Given::default()
    };
    assert!(resolve(memory).unwrap_err().contains("too small"));
    let clients = Given {
        maxclients: Some(0),
        ..Given::default()
    };
    assert!(resolve(clients).unwrap_err().contains("--maxclients"));
    let nowhere = Given {
        listen: Some(Vec::new()),
        ..Given::default()
    };
    assert!(resolve(nowhere).unwrap_err().contains("at least one"));
    let nonsense = Given {
        listen: Some(vec!["6379".to_owned()]),
        ..Given::default()
    };
    assert!(resolve(nonsense).unwrap_err().contains("host and port"));
}
