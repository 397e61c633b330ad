//! The access-control categories of a command: those it declares, and those that
//! follow from its flags.
use crate::command::{Categories, Flags, Spec};

/// Whether a command is in a category.
type Test = fn(&Spec) -> bool;

/// Categories in Redis's order, and which commands are in each.
const CATEGORIES: &[(&str, Test)] = &[
    ("keyspace", |spec| {
        spec.categories.contains(Categories::KEYSPACE)
    }),
    ("read", |spec| spec.flags.contains(Flags::READONLY)),
    ("write", |spec| spec.flags.contains(Flags::WRITE)),
    ("string", |spec| {
        spec.categories.contains(Categories::STRING)
    }),
    ("admin", is_admin),
    ("fast", |spec| spec.flags.contains(Flags::FAST)),
    ("slow", |spec| !spec.flags.contains(Flags::FAST)),
    ("dangerous", |spec| {
        is_admin(spec) || spec.categories.contains(Categories::DANGEROUS)
    }),
    ("connection", |spec| {
        spec.categories.contains(Categories::CONNECTION)
    }),
];

fn is_admin(spec: &Spec) -> bool {
    spec.flags.contains(Flags::ADMIN) || spec.categories.contains(Categories::ADMIN)
}

/// Names of the categories of a command, without the `@`.
pub(super) fn of(spec: &Spec) -> impl Iterator<Item = &'static str> + '_ {
    CATEGORIES
        .iter()
        .filter(|(_, holds)| holds(spec))
        .map(|(name, _)| *name)
}
