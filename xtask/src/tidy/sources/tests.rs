//! Each rule for source files, shown to fail on a small fake tree and to pass beside it.

use super::*;

/// A package in a temporary folder with these files; `src/lib.rs` is its root.
fn violations(folder: &str, sources: &[(&str, &str)]) -> Vec<String> {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let package = Package {
        name: "fake".into(),
        folder: folder.into(),
        crate_roots: vec![tree.path().join(folder).join("src/lib.rs")],
        edges: Vec::new(),
    };
    for (name, text) in sources {
        let path = tree.path().join(folder).join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    let found = check_package(tree.path(), &package).expect("readable sources");
    found.iter().map(Violation::to_string).collect()
}

const PURE_ROOT: &str = "//! Pure.\n#![no_std]\n#![forbid(unsafe_code)]\n";

#[test]
fn a_clean_package_passes() {
    let found = violations("beehive/policy", &[("src/lib.rs", PURE_ROOT)]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_file_without_an_introduction_fails() {
    let found = violations(
        "beehive/policy",
        &[("src/lib.rs", PURE_ROOT), ("src/a.rs", "// No.\n")],
    );
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("beehive/policy/src/a.rs:1: the first line"));
}

#[test]
fn a_file_that_is_too_long_fails() {
    let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
    let found = violations(
        "beehive/policy",
        &[("src/lib.rs", PURE_ROOT), ("src/a.rs", &long)],
    );
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("split it by subject"), "{found:?}");
}

#[test]
fn unsafe_outside_its_rooms_fails_and_in_comments_does_not_count() {
    let text = "//! unsafe\nfn f() { let _ = \"unsafe\"; }\nunsafe fn g() {}\n";
    let found = violations(
        "server/resp",
        &[("src/lib.rs", PURE_ROOT), ("src/a.rs", text)],
    );
    assert_eq!(
        found,
        ["server/resp/src/a.rs:3: unsafe code is not for server/resp"]
    );
    let root = "//! Store.\n#![no_std]\n";
    let allowed = violations(
        "ant-colony/store",
        &[("src/lib.rs", root), ("src/a.rs", text)],
    );
    assert_eq!(allowed, [""; 0]);
}

#[test]
fn a_root_that_does_not_forbid_unsafe_fails() {
    let found = violations("server/resp", &[("src/lib.rs", "//! R.\n#![no_std]\n")]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("forbid(unsafe_code)"), "{found:?}");
}

#[test]
fn a_bare_floor_that_is_not_no_std_fails_and_a_program_may_use_std() {
    let root = "//! R.\n#![forbid(unsafe_code)]\nuse std::fmt;\n";
    let found = violations("server/resp", &[("src/lib.rs", root)]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(violations("xtask", &[("src/lib.rs", root)]), [""; 0]);
}

#[test]
fn std_is_free_in_tests_and_behind_its_feature() {
    let root = "//! R.\n#![no_std]\n#![forbid(unsafe_code)]\n\
        #[cfg(test)]\nextern crate std;\n\
        #[cfg(feature = \"std\")]\nmod host;\n\
        #[cfg(test)]\nmod tests { use std::vec::Vec; }\n\
        #[cfg(test)]\nmod model;\n";
    let uses = "//! Uses.\nuse std::fmt;\n";
    let found = violations(
        "server/resp",
        &[
            ("src/lib.rs", root),
            ("src/host.rs", uses),
            ("src/model.rs", "//! M.\nmod part;\nuse std::fmt;\n"),
            ("src/model/part.rs", uses),
            ("tests/t.rs", uses),
        ],
    );
    assert_eq!(found, [""; 0]);
    let unguarded = violations(
        "server/resp",
        &[("src/lib.rs", PURE_ROOT), ("src/host.rs", uses)],
    );
    assert_eq!(unguarded.len(), 1, "{unguarded:?}");
}

#[test]
fn a_negation_beside_the_host_is_still_the_host_and_one_of_it_is_not() {
    let with = |condition: &str| {
        let root = format!("{PURE_ROOT}#[cfg({condition})]\nfn f() {{ std::thread::park() }}\n");
        violations("server/resp", &[("src/lib.rs", &root)]).len()
    };
    assert_eq!(with("all(feature = \"std\", not(any(feature = \"x\")))"), 0);
    assert_eq!(with("all(not(feature = \"x\"), test)"), 0);
    assert_eq!(with("all(not(any(test, feature = \"std\")), unix)"), 1);
}

#[test]
fn code_after_a_test_item_is_checked_again() {
    let root = format!("{PURE_ROOT}#[cfg(test)]\nmod tests {{}}\nuse std::fmt;\n");
    assert_eq!(violations("server/resp", &[("src/lib.rs", &root)]).len(), 1);
    let negated = format!("{PURE_ROOT}#[cfg(not(test))]\nuse std::fmt;\n");
    assert_eq!(
        violations("server/resp", &[("src/lib.rs", &negated)]).len(),
        1
    );
}

#[test]
fn reading_a_clock_below_floor_three_fails() {
    let root = format!("{PURE_ROOT}fn f() {{ let _ = Instant::now(); }}\n");
    let found = violations("beehive/policy", &[("src/lib.rs", &root)]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("clock"), "{found:?}");
}

#[test]
fn marks_of_unfinished_work_fail_everywhere() {
    let root = "//! X.\n#![forbid(unsafe_code)]\nfn f() { todo!() }\nfn g() { dbg!(1); }\n";
    let found = violations("xtask", &[("src/lib.rs", root)]);
    assert_eq!(
        found,
        [
            "xtask/src/lib.rs:3: `todo!` must not stay in the code",
            "xtask/src/lib.rs:4: `dbg!` must not stay in the code"
        ]
    );
}
