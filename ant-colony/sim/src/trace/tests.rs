//! Formats as files have them, and generated traces.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    (folder, path)
}

fn records(trace: &Trace) -> Vec<(u64, u32)> {
    let mut piece = Vec::with_capacity(10_000);
    let mut requests = trace.requests(Unit::Bytes).expect("opens again");
    requests.read(&mut piece).expect("reads again");
    piece.iter().map(|one| (one.key, one.size)).collect()
}

/// What is read from a file of this name and content.
fn read(name: &str, content: &[u8]) -> Vec<(u64, u32)> {
    let (_folder, path) = file(name, content);
    records(&Trace::open(&path).expect(name))
}

fn refused(name: &str, content: &[u8]) -> String {
    let (_folder, path) = file(name, content);
    let error = Trace::open(&path).map(|_| ()).expect_err(name);
    let text = format!("{error} / {}", error.remedy());
    assert!(text.contains(name), "{text}");
    text
}

fn oracle(records: &[(u32, u64, u32)]) -> Vec<u8> {
    let bytes = |&(time, id, size): &(u32, u64, u32)| {
        let mut record = time.to_le_bytes().to_vec();
        record.extend(id.to_le_bytes());
        record.extend(size.to_le_bytes());
        record.extend((-1_i64).to_le_bytes());
        record
    };
    records.iter().flat_map(bytes).collect()
}

fn compressed(content: &[u8]) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    compress_to_vec(content, CompressionLevel::Fastest)
}

#[test]
fn columns_are_read_with_the_sizes_beside_them() {
    let ids: Vec<u8> = [7_u64, 9, 7]
        .iter()
        .flat_map(|id| id.to_le_bytes())
        .collect();
    assert_eq!(read("t.u64", &ids), [(7, 1), (9, 1), (7, 1)]);
    let (folder, path) = file("t.u64.zst", &compressed(&ids));
    let sizes: Vec<u8> = [5_u32, 0, 5]
        .iter()
        .flat_map(|size| size.to_le_bytes())
        .collect();
    fs::write(folder.path().join("t.sz.u32.zst"), compressed(&sizes)).expect("a file");
    let trace = Trace::open(&path).expect("columns");
    assert_eq!(records(&trace), [(7, 5), (9, 1), (7, 5)]);
    assert_eq!(
        (trace.name(), trace.len(), trace.objects(), trace.bytes()),
        ("t", 3, 2, 6)
    );
}

#[test]
fn fewer_or_more_sizes_than_ids_are_an_error_with_the_place() {
    for sizes in [4, 12] {
        let (folder, path) = file("t.u64", &[1; 16]);
        fs::write(folder.path().join("t.sz.u32"), vec![0; sizes]).expect("a file");
        let error = Trace::open(&path)
            .map(|_| ())
            .expect_err("sizes")
            .to_string();
        assert!(error.contains("byte "), "{error}");
    }
}

#[test]
fn oracle_general_is_known_by_name_and_by_content() {
    let content = oracle(&[(1, 5, 100), (1, 6, 20), (2, 5, 100)]);
    let expected = [(5, 100), (6, 20), (5, 100)];
    assert_eq!(read("w.oracleGeneral", &content), expected);
    assert_eq!(
        read("w.oracleGeneral.bin.zst", &compressed(&content)),
        expected
    );
    assert_eq!(read("unnamed", &content), expected);
    assert!(refused("w.oracleGeneral", &content[..30]).contains("byte 24: 6 bytes instead of 24"));
}

#[test]
fn many_frames_and_frames_to_be_skipped_are_one_stream() {
    let mut content = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    for part in [&b"1\n2\n"[..], b"3\n1\n"] {
        content.extend(compressed(part));
    }
    assert_eq!(read("ids.zst", &content), [(1, 1), (2, 1), (3, 1), (1, 1)]);
}

#[test]
fn a_stream_that_is_cut_off_is_an_error_not_an_end() {
    let whole: Vec<u8> = (0..3_000)
        .flat_map(|id| format!("{}\n", id * id).into_bytes())
        .collect();
    let packed = compressed(&whole);
    let text = refused("ids.zst", &packed[..packed.len() / 2]);
    assert!(
        text.contains("cannot read") && text.contains("complete"),
        "{text}"
    );
}

#[test]
fn text_has_an_id_per_line_and_strings_are_hashed() {
    assert_eq!(
        read("ids.txt", b"10\n\n 20 \n10"),
        [(10, 1), (20, 1), (10, 1)]
    );
    let names = read("names", b"/a\n/b\r\n/a\n007\n7\n");
    assert_eq!(
        (names[0], names[1] == names[0], names[3] == names[4]),
        (names[2], false, false)
    );
    let long = refused("long.txt", &[b'x'; 70_000]);
    assert!(long.contains("line 1: longer than 65536 bytes"), "{long}");
}

#[test]
fn lis_lines_are_ranges_of_blocks() {
    let expected = [(5, 1), (6, 1), (7, 1), (100, 1)];
    assert_eq!(read("P.lis", b"5 3 0 1\n9 0 0 2\n100 1 0 3\n"), expected);
    assert_eq!(read("P", b"5 3 0 1\n100 1 0 3\n"), expected);
    let text = refused("P.lis", b"5 3 0 1\n5 x 0 2\n");
    assert!(
        text.contains("line 2: `5 x 0 2`") && text.contains("first block"),
        "{text}"
    );
}

#[test]
fn csv_columns_are_found_by_name_or_given() {
    let expected = [(5, 10), (6, 20)];
    assert_eq!(
        read("t.csv", b"time,obj_id,size\n1,5,10\n2,6,20\n"),
        expected
    );
    assert_eq!(read("t", b"\"Key\", Bytes\n5,10\n6,20\n"), expected);
    assert_eq!(read("t.csv", b"5\n6\n"), [(5, 1), (6, 1)]);
    let given = |content: &[u8], id: &str, size: Option<&str>| {
        let (_folder, path) = file("t.csv", content);
        let columns = CsvColumns {
            id: Some(id.to_owned()),
            size: size.map(str::to_owned),
        };
        let trace = Trace::open_as(&path, Format::Csv, columns).map(|trace| records(&trace));
        trace.map_err(|error| error.to_string())
    };
    assert_eq!(
        given(b"1,5,10\n2,6,20\n", "2", Some("3")).as_deref(),
        Ok(&expected[..])
    );
    assert_eq!(
        given(b"t,what,how\n1,5,10\n2,6,20\n", "2", Some("3")).as_deref(),
        Ok(&expected[..])
    );
    assert_eq!(
        given(b"t,what,how\n1,5,10\n2,6,20\n", "what", Some("how")).as_deref(),
        Ok(&expected[..])
    );
    let missing = given(b"t,what\n1,5\n", "who", None).expect_err("no such column");
    assert!(
        missing.contains("no column `who` among: t, what"),
        "{missing}"
    );
}

#[test]
fn csv_errors_name_the_line_and_what_would_help() {
    let unclear = refused("t.csv", b"1,5,10\n2,6,20\n");
    assert!(unclear.contains("which column is the id") && unclear.contains("--columns id=2"));
    let size = refused("t.csv", b"id,size\n1,5\n2,big\n");
    assert!(size.contains("line 3: `big` is not a size"), "{size}");
    let short = refused("t.csv", b"size,id\n1,5\n2\n");
    assert!(short.contains("line 3: there is no column 2"), "{short}");
}

#[test]
fn what_is_no_trace_says_what_can_be_done() {
    assert!(refused("prose", b"once upon a time\n").contains("--format"));
    assert!(refused("noise", &[255, 0, 1, 2, 3, 254]).contains("--format"));
    let (_folder, path) = file("none.txt", b"\n\n");
    let empty = Trace::open(&path)
        .map(|_| ())
        .expect_err("empty")
        .to_string();
    assert_eq!(empty, "none has no requests");
    let missing = Trace::open(&path.with_file_name("missing"))
        .map(|_| ())
        .expect_err("missing");
    assert!(missing.to_string().contains("missing"), "{missing}");
}

#[test]
fn generated_traces_are_what_their_names_say() {
    let distinct = |name: &str| {
        let trace = Trace::generated(name).expect(name);
        (trace.len(), trace.objects())
    };
    assert_eq!(
        distinct("gen:loop,capacity=100,times=1.1,requests=500"),
        (500, 110)
    );
    assert_eq!(
        distinct("gen:zipf,times=2,skew=0,requests=50000"),
        (50_000, 2_000)
    );
    let (requests, objects) = distinct("gen:scan,share=0.4,requests=100000");
    let strangers = f64::from(objects - 500) / requests as f64;
    assert!((0.36..0.44).contains(&strangers), "{strangers}");
    let shifted = distinct("gen:shift,skew=2,every=1000").1;
    assert!(
        shifted > distinct("gen:zipf,skew=2").1,
        "new objects become popular"
    );
}

#[test]
fn a_generated_trace_is_the_same_each_time_and_another_for_each_seed() {
    for name in SUITE {
        let keys = |name: &str| records(&Trace::generated(name).expect(name));
        assert_eq!(keys(name), keys(name));
        assert_ne!(keys(name), keys(&format!("{name},seed=2")));
    }
}

#[test]
fn wrong_parameters_are_refused_with_what_would_be_right() {
    for (name, problem) in [
        ("gen:loops", "loop, scan, zipf, shift and visits"),
        ("gen:loop,skew=1", "no parameter `skew`"),
        ("gen:zipf,skew=9", "skew is a number from 0 to 4"),
        ("gen:loop,requests", "requests is a number"),
    ] {
        let error = Trace::generated(name).map(|_| ()).expect_err(name);
        assert!(error.to_string().contains(problem), "{error}");
    }
}
