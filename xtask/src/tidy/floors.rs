//! The floors of the house: a crate depends only on lower floors.
//!
//! The table holds every room, also those without a crate yet, so that a new crate takes the floor
//! that was meant for it. A crate in a folder that is not here fails the check: it has to be given
//! a floor before it can grow edges.

use crate::workspace::Package;

use super::Violation;

/// Plain types where two floors need them.
const TYPES: u8 = 0;
/// Decisions and codecs: pure.
const POLICY: u8 = 1;
/// Mechanism without an operating system.
const MECHANISM: u8 = 2;
/// Worlds (Linux, the kernel, simulators) and libraries for users.
const WORLD: u8 = 3;
/// Programs.
const PROGRAM: u8 = 4;

const FLOORS: &[(&str, u8)] = &[
    ("microkernel/abi", TYPES),
    ("beehive/policy", POLICY),
    ("ant-colony/policy", POLICY),
    ("server/resp", POLICY),
    ("lockfree", MECHANISM),
    ("beehive/task", MECHANISM),
    ("ant-colony/store", MECHANISM),
    ("server/engine", MECHANISM),
    ("beehive/macros", WORLD),
    ("beehive/runtime", WORLD),
    ("beehive/adapters", WORLD),
    ("beehive/sim", WORLD),
    ("ant-colony/cache", WORLD),
    ("ant-colony/memory", WORLD),
    ("ant-colony/sim", WORLD),
    ("microkernel/core", WORLD),
    ("microkernel/arch", WORLD),
    ("microkernel/user", WORLD),
    ("compiler/cargo-hallows", PROGRAM),
    ("compiler/passes", PROGRAM),
    ("compiler/profile", PROGRAM),
    ("server/hallows", PROGRAM),
    ("server/image", PROGRAM),
    ("bench", PROGRAM),
    ("xtask", PROGRAM),
];

/// Edges within a floor that the design asks for: from, to.
const SIDEWAYS: &[(&str, &str)] = &[
    // The engine executes commands over the store.
    ("server/engine", "ant-colony/store"),
    // Lock-free structures are there to build the other mechanisms from.
    ("beehive/task", "lockfree"),
    // The runtime offers its attributes itself; what they make names the runtime.
    ("beehive/runtime", "beehive/macros"),
    // Adapters are apart so that who needs none pays for no dependency of theirs.
    ("beehive/adapters", "beehive/runtime"),
    ("ant-colony/store", "lockfree"),
];

fn floor(folder: &str) -> Option<u8> {
    let entry = FLOORS.iter().find(|(known, _)| *known == folder);
    entry.map(|(_, floor)| *floor)
}

/// Whether this crate must build without an operating system.
pub(crate) fn is_bare(folder: &str) -> bool {
    floor(folder).is_some_and(|floor| floor <= MECHANISM)
}

/// Checks every edge between members. Tests may depend on what they like except on programs, which
/// would turn the house upside down.
pub(crate) fn check(packages: &[Package]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages {
        let from = &package.folder;
        let Some(own) = floor(from) else {
            let text = "this crate has no floor; give it one in xtask/src/tidy/floors.rs";
            violations.push(Violation::new(from, 0, text));
            continue;
        };
        for edge in &package.edges {
            let Some(other) = floor(&edge.folder) else {
                // A member is reported where it is declared; this catches paths out of the house.
                let text = format!("depends on {}, which has no floor", edge.folder);
                violations.push(Violation::new(from, 0, text));
                continue;
            };
            let sideways = SIDEWAYS.contains(&(from.as_str(), edge.folder.as_str()));
            let allowed = if edge.dev {
                other < PROGRAM || own == PROGRAM
            } else {
                other < own || sideways
            };
            if !allowed {
                let text = format!(
                    "floor {own} must not depend on {} of floor {other}",
                    edge.folder
                );
                violations.push(Violation::new(from, 0, text));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Edge;

    fn package(folder: &str, edges: &[(&str, bool)]) -> Package {
        Package {
            name: folder.replace('/', "-"),
            folder: folder.to_owned(),
            crate_roots: Vec::new(),
            edges: edges
                .iter()
                .map(|(folder, dev)| Edge {
                    folder: (*folder).to_owned(),
                    dev: *dev,
                })
                .collect(),
        }
    }

    fn texts(package: Package) -> Vec<String> {
        check(&[package]).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn downward_edges_and_the_designed_sideways_edge_pass() {
        let engine = package(
            "server/engine",
            &[("server/resp", false), ("ant-colony/store", false)],
        );
        assert_eq!(texts(engine), [""; 0]);
    }

    #[test]
    fn an_upward_edge_fails() {
        let found = texts(package("beehive/policy", &[("beehive/runtime", false)]));
        assert_eq!(
            found,
            ["beehive/policy: floor 1 must not depend on beehive/runtime of floor 3"]
        );
    }

    #[test]
    fn a_sideways_edge_that_nobody_designed_fails() {
        let found = texts(package("ant-colony/store", &[("beehive/task", false)]));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn an_unclassified_crate_fails_and_so_does_an_edge_to_one() {
        assert_eq!(texts(package("attic", &[])).len(), 1);
        assert_eq!(texts(package("xtask", &[("attic", false)])).len(), 1);
    }

    #[test]
    fn tests_may_look_up_but_not_at_programs() {
        let upward = package("beehive/policy", &[("beehive/sim", true)]);
        assert_eq!(texts(upward), [""; 0]);
        let program = package("beehive/policy", &[("server/hallows", true)]);
        assert_eq!(texts(program).len(), 1);
        let beside = package("bench", &[("server/hallows", true)]);
        assert_eq!(texts(beside), [""; 0]);
    }
}
