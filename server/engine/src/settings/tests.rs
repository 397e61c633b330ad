//! What CONFIG SET and the command line may do to settings.
use super::*;

/// CONFIG SET with these pairs.
fn change(settings: &Settings, pairs: &[(&str, &str)]) -> Result<(), String> {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    settings
        .change(pairs, |_| {})
        .map_err(|error| alloc::format!("{error}"))
}

/// CONFIG GET of these patterns, as `name=value` words.
fn get(settings: &Settings, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    let mut found = Vec::new();
    settings.matching(&patterns, |name, value| {
        found.push(alloc::format!("{}={}", printable(name), printable(&value)));
    });
    found
}

#[test]
fn every_default_can_be_set_to_itself() {
    let settings = Settings::default();
    for definition in TABLE {
        let text = printable(&settings.text_of(definition));
        assert_eq!(
            settings.set(definition.name, &text),
            Ok(()),
            "{}",
            definition.name
        );
    }
}

#[test]
fn names_are_unique_and_lower_case() {
    for (i, definition) in TABLE.iter().enumerate() {
        assert_eq!(definition.name, definition.name.to_ascii_lowercase());
        assert!(
            TABLE[..i].iter().all(|earlier| !earlier.is(definition)),
            "{}",
            definition.name
        );
    }
}

#[test]
fn sizes_take_units_of_1000_and_1024() {
    for (text, bytes) in [
        ("10000000", 10_000_000),
        ("2m", 2_000_000),
        ("2MB", 2 << 20),
        ("3000k", 3_000_000),
        ("3000kb", 3_072_000),
        ("1g", 1_000_000_000),
        ("1Gb", 1 << 30),
        ("1048576b", 1 << 20),
    ] {
        let settings = Settings::default();
        assert_eq!(change(&settings, &[("maxmemory", text)]), Ok(()), "{text}");
        assert_eq!(settings.maxmemory(), bytes, "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused() {
    let settings = Settings::default();
    for text in [
        "",
        "-1",
        "1tb",
        "1 gb",
        "gb",
        "1.5gb",
        "99999999999999999999",
        "99999999999gb",
    ] {
        assert_eq!(
            change(&settings, &[("maxmemory", text)]),
            Err("setting 'maxmemory': argument must be a memory value".into()),
            "{text}"
        );
    }
    assert_eq!(
        change(&settings, &[("proto-max-bulk-len", "1000")]),
        Err(
            "setting 'proto-max-bulk-len': argument must be between 1048576 and \
             9223372036854775807 inclusive"
                .into()
        )
    );
}

#[test]
fn numbers_words_and_switches_are_checked() {
    let settings = Settings::default();
    let refused = |name, value| change(&settings, &[(name, value)]).unwrap_err();
    assert!(refused("timeout", "1s").contains("couldn't be parsed into an integer"));
    assert!(refused("timeout", "-1").contains("between 0 and 2147483647 inclusive"));
    assert!(refused("maxclients", "0").contains("between 1 and 4294967295 inclusive"));
    assert!(refused("protected-mode", "maybe").contains("argument must be 'yes' or 'no'"));
    assert!(
        refused("loglevel", "loud")
            .ends_with("argument(s) must be one of the following: debug, verbose, notice, warning")
    );
}

#[test]
fn one_refused_pair_leaves_all_settings_as_they_were() {
    let settings = Settings::default();
    let pairs = [("timeout", "7"), ("maxclients", "many"), ("hz", "100")];
    assert!(change(&settings, &pairs).is_err());
    assert_eq!(settings.idle_timeout_s(), 0);
    assert_eq!(settings.hz(), 10);
    assert_eq!(
        change(&settings, &[("TIMEOUT", "7"), ("hz", "100")]),
        Ok(())
    );
    assert_eq!((settings.idle_timeout_s(), settings.hz()), (7, 100));
}

#[test]
fn unknown_immutable_protected_and_repeated_names_are_refused() {
    let settings = Settings::default();
    let refused = |pairs: &[(&str, &str)]| change(&settings, pairs).unwrap_err();
    assert_eq!(
        refused(&[("No-Such", "1")]),
        "there is no setting 'No-Such'"
    );
    assert_eq!(
        refused(&[("Port", "1")]),
        "setting 'Port': can't set immutable config"
    );
    assert_eq!(
        refused(&[("dir", "/")]),
        "setting 'dir': can't set protected config"
    );
    assert_eq!(
        refused(&[("hz", "1"), ("HZ", "2")]),
        "setting 'HZ': duplicate parameter"
    );
}

#[test]
fn the_command_line_may_set_what_config_set_may_not() {
    let settings = Settings::default();
    assert_eq!(settings.set("port", "7000"), Ok(()));
    assert_eq!(settings.set("enable-debug-command", "local"), Ok(()));
    assert_eq!(settings.debug_command(), Permission::Local);
    assert_eq!(get(&settings, &["port"]), ["port=7000"]);
}

#[test]
fn a_feature_that_is_missing_cannot_be_switched_on() {
    let settings = Settings::default();
    assert_eq!(
        change(&settings, &[("appendonly", "no"), ("save", "")]),
        Ok(())
    );
    assert_eq!(
        change(&settings, &[("appendonly", "yes")]),
        Err(
            "setting 'appendonly': only 'no' is possible: this server keeps its data in memory \
             only"
                .into()
        )
    );
}

#[test]
fn patterns_select_settings_once_and_names_come_back_as_asked() {
    let settings = Settings::default();
    assert_eq!(get(&settings, &["HZ", "h?"]), ["HZ=10"]);
    assert_eq!(get(&settings, &["*of"]), ["replicaof=", "slaveof="]);
    assert_eq!(
        get(&settings, &["TCP-*"]),
        ["tcp-keepalive=300", "tcp-backlog=511"]
    );
    assert!(get(&settings, &["nothing"]).is_empty());
    assert_eq!(get(&settings, &["*"]).len(), TABLE.len());
}

#[test]
fn output_limits_change_by_class() {
    let settings = Settings::default();
    let name = "client-output-buffer-limit";
    assert_eq!(
        get(&settings, &[name]),
        [
            "client-output-buffer-limit=normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 \
          8388608 60"
        ]
    );
    assert_eq!(
        change(&settings, &[(name, "normal 1mb 512kb 5 replica 0 0 0")]),
        Ok(())
    );
    let expected = OutputLimit {
        hard_bytes: 1 << 20,
        soft_bytes: 1 << 19,
        soft_s: 5,
    };
    assert_eq!(settings.output_limit(), expected);
    assert!(get(&settings, &[name])[0].ends_with("5 slave 0 0 0 pubsub 33554432 8388608 60"));
}

#[test]
fn wrong_output_limits_are_refused_with_what_is_wrong() {
    let settings = Settings::default();
    let refused = |text| change(&settings, &[("client-output-buffer-limit", text)]).unwrap_err();
    assert!(refused("normal 1mb 1mb").contains("Wrong number of arguments"));
    assert!(refused("master 1mb 1mb 60").contains("Invalid client class"));
    assert!(refused("normal 1mb 1mb soon").contains("Error in hard, soft or soft_seconds"));
    assert!(refused("normal much 1mb 60").contains("Error in hard, soft or soft_seconds"));
}

#[test]
fn only_the_password_matches_the_password() {
    let settings = Settings::default();
    assert!(!settings.password_required());
    assert_eq!(change(&settings, &[("requirepass", "secret")]), Ok(()));
    assert!(settings.password_required());
    assert!(settings.password_matches(b"secret"));
    for wrong in [
        "",
        "s",
        "secre",
        "secret ",
        "Secret",
        "secretsecret",
        "secret\0",
    ] {
        assert!(!settings.password_matches(wrong.as_bytes()), "{wrong}");
    }
    assert_eq!(change(&settings, &[("requirepass", "")]), Ok(()));
    assert!(!settings.password_required());
}
