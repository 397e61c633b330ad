//! `hallows replay` as a script or a stranger runs it.

use serde_json::Value;

use crate::support::run;

const LOOP: &str = "gen:loop,capacity=500,times=1.2,requests=20000";
const SCAN: &str = "gen:scan,capacity=500,requests=20000";

fn rows(flags: &[&str]) -> Vec<Value> {
    let line = [&["replay", "--json"], flags].concat();
    let (status, json, message) = run(&line);
    assert_eq!(status, 0, "{message}");
    serde_json::from_str(&json).expect("an array as JSON")
}

#[test]
fn help_names_every_flag_policy_and_format() {
    let (status, help, _) = run(&["replay", "--help"]);
    assert_eq!(status, 0);
    for word in [
        "--capacity",
        "--policy",
        "--bytes",
        "--format",
        "--columns",
        "--against-fifo",
        "--equal-memory",
        "--json",
        "--svg",
        "--threads",
        "--memory",
        "s3fifo",
        "belady",
        "oracle-general",
        "gen:shift",
        "at least 100 objects",
        "Examples:",
    ] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
}

#[test]
fn json_rows_have_exactly_the_documented_fields() {
    let rows = rows(&[LOOP, "--capacity", "100,10%", "--policy", "fifo,belady"]);
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let names: Vec<_> = row
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        let mut expected = [
            "trace",
            "policy",
            "capacity",
            "size_fraction",
            "requests",
            "misses",
            "miss_ratio",
            "prefetches",
            "useful_prefetches",
        ];
        let mut sorted = names.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(row["trace"], LOOP);
    }
    // A loop that does not fit is what FIFO cannot do.
    assert_eq!(
        (&rows[0]["policy"], &rows[0]["miss_ratio"]),
        (&"fifo".into(), &1.0.into())
    );
    assert_eq!(
        rows[1]["capacity"], 100,
        "10% of 600 objects, but at least 100 objects"
    );
    assert!(
        rows[2]["misses"].as_u64() < rows[0]["misses"].as_u64(),
        "belady is better"
    );
}

#[test]
fn results_depend_neither_on_threads_nor_on_how_many_passes_the_memory_allows() {
    let flags = [LOOP, SCAN, "--capacity", "300"];
    let all = rows(&flags);
    let few = [&flags[..], &["--threads", "1", "--memory", "1kb"]].concat();
    assert_eq!(all, rows(&few));
}

#[test]
fn the_table_shows_ratios_and_the_cost_of_an_access() {
    let (status, table, message) = run(&["replay", SCAN, "--capacity", "1%,200"]);
    assert_eq!(status, 0, "{message}");
    for word in ["20000 requests", "ns/access", "200 (", "wtinylfu", "lirs"] {
        assert!(table.contains(word), "{word} is missing in {table}");
    }
}

#[test]
fn against_fifo_is_a_mean_over_the_traces() {
    let flags = [LOOP, SCAN, "--capacity", "5%", "--policy", "lru,belady"];
    let rows = rows(&[&flags[..], &["--policy", "fifo"]].concat());
    let line = [&["replay", "--against-fifo", "--json"], &flags[..]].concat();
    let (status, json, message) = run(&line);
    assert_eq!(status, 0, "{message}");
    let gains: Vec<Value> = serde_json::from_str(&json).expect("an array");
    let ratio = |trace: &str, policy: &str| {
        let mine = |row: &&Value| row["trace"] == trace && row["policy"] == policy;
        let row = rows.iter().find(mine).expect("a row");
        row["miss_ratio"].as_f64().expect("a number")
    };
    let below = |trace| 100.0 * (1.0 - ratio(trace, "belady") / ratio(trace, "fifo"));
    let gain = gains
        .iter()
        .find(|gain| gain["policy"] == "belady")
        .expect("a gain");
    let mean = gain["reduction_percent_mean"].as_f64().expect("a number");
    assert!(
        (mean - (below(LOOP) + below(SCAN)) / 2.0).abs() < 1e-9,
        "{gain}"
    );
    assert_eq!((&gain["size"], &gain["traces"]), (&"5%".into(), &2.into()));
    let (_, table, _) = run(&["replay", LOOP, "--against-fifo", "--policy", "lru"]);
    assert!(
        table.contains("at 0.1%") && table.contains("worst"),
        "{table}"
    );
}

#[test]
fn sizes_that_are_numbers_of_objects_are_common_to_all_traces() {
    let flags = [
        "replay",
        LOOP,
        SCAN,
        "--capacity",
        "200,5%",
        "--policy",
        "lru",
    ];
    let (status, json, message) = run(&[&flags[..], &["--against-fifo", "--json"]].concat());
    assert_eq!(status, 0, "{message}");
    let gains: Vec<Value> = serde_json::from_str(&json).expect("an array");
    let kinds = gains.iter().map(|gain| {
        let text = |name: &str| gain[name].as_str().expect("text").to_owned();
        (text("size"), text("policy"), gain["traces"].as_u64())
    });
    let expected = [
        ("200", "fifo"),
        ("200", "lru"),
        ("5%", "fifo"),
        ("5%", "lru"),
    ];
    let expected = expected.map(|(size, policy)| (size.into(), policy.into(), Some(2)));
    assert!(kinds.eq(expected), "{json}");
}

#[test]
fn with_equal_memory_a_policy_holds_fewer_objects_by_what_its_metadata_takes() {
    let flags = ["--capacity", "300", "--policy", "fifo,lru,sieve"];
    let capacities = |more: &[&str]| {
        let rows = rows(&[&[LOOP][..], &flags, more].concat());
        let capacities = rows.iter().map(|row| row["capacity"].as_u64());
        capacities.collect::<Option<Vec<_>>>().expect("numbers")
    };
    assert_eq!(capacities(&[]), [300, 300, 300]);
    // Two links of four bytes beside objects of eight; SIEVE has a bit more.
    assert_eq!(capacities(&["--equal-memory=8"]), [300, 150, 148]);
    // Generated objects have one byte of their own.
    assert_eq!(capacities(&["--bytes", "--equal-memory"]), [300, 33, 32]);
    let table = run(&["replay", LOOP, "--policy", "lru", "--equal-memory=8"]).1;
    assert!(
        table.contains("B/object") && table.contains(" 8.0"),
        "{table}"
    );
}

#[test]
fn trails_are_reported_by_their_prefetches() {
    let policies = [
        "--capacity",
        "300",
        "--policy",
        "ant,ant-trails,ant-full-trails",
    ];
    let rows = rows(&[&[LOOP][..], &policies].concat());
    let count = |row: usize, name: &str| rows[row][name].as_u64().expect("a number");
    assert_eq!(count(0, "prefetches"), 0);
    for trails in [1, 2] {
        let useful = count(trails, "useful_prefetches");
        assert!(useful > 3_000 && useful <= count(trails, "prefetches"));
        assert!(count(trails, "misses") < 5_000, "{rows:?}");
    }
}

#[test]
fn files_are_read_by_columns_and_in_bytes_and_curves_are_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (table, svg) = (path("disk.csv"), path("curves.svg"));
    let line = |index: u32| format!("{index},{},{}\n", index * index % 701, 1 + index % 50);
    let lines: String = (0..5_000).map(line).collect();
    std::fs::write(&table, lines).expect("a file");
    let flags = [
        &table,
        "--columns",
        "id=2,size=3",
        "--bytes",
        "--capacity",
        "1KiB,50%",
    ];
    let found = rows(&[&flags[..], &["--policy", "lru,arc", "--svg", &svg]].concat());
    assert_eq!(
        (&found[0]["trace"], &found[0]["capacity"]),
        (&"disk".into(), &1_024.into())
    );
    let missed = found[0]["byte_miss_ratio"].as_f64().expect("a number");
    assert!(missed > 0.0 && missed < 1.0, "{missed}");
    let drawn = std::fs::read_to_string(&svg).expect("a picture");
    assert!(drawn.contains("<svg") && drawn.contains("arc"), "{drawn}");
}

#[test]
fn what_is_wrong_exits_with_its_status_and_says_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let prose = folder.path().join("prose");
    std::fs::write(&prose, "once upon a time\n").expect("a file");
    let prose = prose.to_str().expect("text");
    for (flags, status, remedy) in [
        (&[LOOP, "--policy", "siev"][..], 2, "did you mean sieve"),
        (&[LOOP, "--capacity", "0"], 2, "holds nothing"),
        (&[LOOP, "--capacity", "101%"], 2, "at most 100%"),
        (&[LOOP, "--capacity", "many"], 2, "64MiB"),
        (&[LOOP, "--capacity", "1MiB"], 2, "--bytes"),
        (&[LOOP, "--columns", "2"], 2, "id=2,size=3"),
        (&[LOOP, "--equal-memory"], 2, "--equal-memory=100"),
        (&[LOOP, "--equal-memory=0"], 2, "above 0"),
        (&[LOOP, "--bytes", "--equal-memory=9"], 2, "--bytes"),
        (&[LOOP, "--format", "xml"], 2, "oracle-general"),
        (&["gen:spiral"], 1, "loop, scan, zipf, shift and visits"),
        (&["missing.zst"], 1, "missing.zst"),
        (&[prose], 1, "--format"),
        (&[], 2, "<TRACE>"),
    ] {
        let line = [&["replay"], flags].concat();
        let (found, _, message) = run(&line);
        assert_eq!(found, status, "{flags:?}: {message}");
        assert!(message.contains(remedy), "{flags:?}: {message}");
    }
}
