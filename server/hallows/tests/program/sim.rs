//! `hallows sim` as a script or a stranger runs it.

use serde_json::Value;

use crate::support::run;

/// A machine so small that the runs take no time.
const SMALL: &[&str] = &["sim", "--cores", "2", "--seeds", "2"];

fn with<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [SMALL, flags].concat()
}

#[test]
fn help_explains_units_and_shows_examples() {
    let (status, help, _) = run(&["sim", "--help"]);
    assert_eq!(status, 0);
    for word in [
        "--cores",
        "--load",
        "--law",
        "--arrivals",
        "--staleness",
        "--migration-cost",
        "--policy",
        "--seeds",
        "--sweep",
        "--ablation",
        "--json",
        "--plot",
        "mean service times",
        "Examples:",
    ] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
}

#[test]
fn json_holds_the_policy_its_yardsticks_and_a_verdict_for_each_cell() {
    let (status, json, message) = run(&with(&["--json", "--policy", "darc,static"]));
    assert_eq!(status, 0, "{message}");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let cell = &report["cells"][0];
    for name in [
        "cores",
        "load",
        "staleness",
        "migration_cost",
        "p99",
        "p999",
        "probes",
        "moves",
    ] {
        assert!(cell[name].is_number(), "{name} in {cell}");
    }
    assert_eq!(
        (&cell["law"], &cell["arrivals"]),
        (&"exponential".into(), &"uniform".into())
    );
    for contender in [
        &cell["random_stealing"],
        &cell["central_fcfs"],
        &cell["others"]["darc"],
        &cell["others"]["static"],
    ] {
        assert!(
            contender["p99"].as_f64().expect("a number") > 1.0,
            "{contender}"
        );
    }
    let verdict = cell["verdict"].as_str().expect("a word");
    assert!(["better", "equal", "worse"].contains(&verdict), "{verdict}");
}

#[test]
fn two_runs_print_the_same() {
    let first = run(&with(&["--arrivals", "bursty"]));
    assert_eq!(first.0, 0, "{}", first.2);
    assert!(first.1.contains("steal-half") && first.1.contains("95% interval"));
    assert_eq!(first, run(&with(&["--arrivals", "bursty"])));
}

#[test]
fn a_plot_is_an_svg_file_and_a_missing_folder_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sweep.svg");
    let file = file.to_str().expect("text");
    let (status, _, message) = run(&with(&["--load", "0.3,0.6", "--plot", file]));
    assert_eq!(status, 0, "{message}");
    let svg = std::fs::read_to_string(file).expect("the plot");
    assert!(svg.contains("<svg") && svg.contains("steal-half"), "{svg}");
    let missing = folder.path().join("none/sweep.svg");
    let missing = missing.to_str().expect("text");
    let (status, _, message) = run(&with(&["--plot", missing]));
    assert_eq!(status, 1);
    assert!(message.contains(missing), "{message}");
}

#[test]
fn wrong_values_exit_with_2_and_say_what_would_be_right() {
    for (flags, remedy) in [
        (&["--load", "2"][..], "0.5..0.95"),
        (&["--policy", "dark"], "darc"),
        (&["--sweep", "quick", "--load", "0.3"], "Leave out --sweep"),
        (&["--law", "normal"], "lognormal"),
    ] {
        let (status, _, message) = run(&with(flags));
        assert_eq!(status, 2, "{flags:?}: {message}");
        assert!(message.contains(remedy), "{flags:?}: {message}");
    }
}
