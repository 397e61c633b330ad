//! INFO: the state of the server as lines of text, in the sections and with the
//! field names that monitoring of Redis reads. A section is a function in
//! `info/`; fields of features that this server lacks are left out, or have the
//! value of an idle Redis where programs insist on them.
mod activity;
mod resources;

use alloc::string::String;
use core::fmt;

use hallows_resp::Args;

use super::{Categories, Flags, Group, Outcome, Spec};
use crate::context::Context;

pub(crate) const SPECS: &[Spec] = &[Spec::new("info", -1, info)
    .flags(&[Flags::LOADING, Flags::STALE])
    .categories(&[Categories::DANGEROUS])
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ])
    .doc(
        Group::Server,
        "1.0.0",
        "O(1)",
        "The state of the server in sections of text.",
    )];

/// Writes the lines of a section.
type Body = fn(&Context<'_>, &mut String) -> fmt::Result;

/// A part of the text.
struct Section {
    /// Names by which it can be asked for.
    names: &'static [&'static str],
    title: &'static str,
    /// Whether INFO without arguments shows it.
    default: bool,
    body: Body,
}

const SECTIONS: &[Section] = &[
    Section {
        names: &["server"],
        title: "Server",
        default: true,
        body: resources::server,
    },
    Section {
        names: &["clients"],
        title: "Clients",
        default: true,
        body: activity::clients,
    },
    Section {
        names: &["memory"],
        title: "Memory",
        default: true,
        body: resources::memory,
    },
    Section {
        names: &["persistence"],
        title: "Persistence",
        default: true,
        body: resources::persistence,
    },
    Section {
        names: &["stats"],
        title: "Stats",
        default: true,
        body: activity::stats,
    },
    Section {
        names: &["replication"],
        title: "Replication",
        default: true,
        body: resources::replication,
    },
    Section {
        names: &["cpu"],
        title: "CPU",
        default: true,
        body: resources::cpu,
    },
    Section {
        names: &["modules", "module_list"],
        title: "Modules",
        default: true,
        body: |_, _| Ok(()),
    },
    Section {
        names: &["commandstats"],
        title: "Commandstats",
        default: false,
        body: activity::commandstats,
    },
    Section {
        names: &["errorstats"],
        title: "Errorstats",
        default: true,
        body: activity::errorstats,
    },
    Section {
        names: &["latencystats"],
        title: "Latencystats",
        default: false,
        body: |_, _| Ok(()),
    },
    Section {
        names: &["cluster"],
        title: "Cluster",
        default: true,
        body: resources::cluster,
    },
    Section {
        names: &["keyspace"],
        title: "Keyspace",
        default: true,
        body: activity::keyspace,
    },
];

fn info(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let wanted = args.from(1..);
    let text = text(ctx, |section| {
        if wanted.is_empty() {
            section.default
        } else {
            wanted.iter().any(|name| section.is(name))
        }
    });
    ctx.reply().verbatim(*b"txt", text.as_bytes());
    Ok(())
}

impl Section {
    /// Whether a client's `name` means this section.
    fn is(&self, name: &[u8]) -> bool {
        let named = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        named("all")
            || named("everything")
            || (self.default && named("default"))
            || self.names.iter().any(|known| named(known))
    }
}

fn text(ctx: &Context<'_>, wanted: impl Fn(&Section) -> bool) -> String {
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| wanted(section)) {
        let gap = if text.is_empty() { "" } else { "\r\n" };
        text += gap;
        text += "# ";
        text += section.title;
        text += "\r\n";
        // Writing to a String cannot fail.
        let _ = (section.body)(ctx, &mut text);
    }
    text
}

/// Appends lines of `name:value`, each value formatted as a format string says.
macro_rules! fields {
    ($out:expr, $($name:literal: $format:literal $(, $value:expr)*;)*) => {{
        $(
            ::core::write!($out, concat!($name, ":", $format, "\r\n") $(, $value)*)?;
        )*
        Ok(())
    }};
}
use fields;

/// A number of bytes for people: `512B`, `1.50K`, `2.00G`.
struct Human(u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        if bytes < 1024 {
            return write!(f, "{bytes}B");
        }
        let mut scaled = bytes as f64 / 1024.0;
        let mut units = "KMGTP".chars();
        let mut unit = units.next();
        while let (true, Some(next)) = (scaled >= 1024.0, units.clone().next()) {
            scaled /= 1024.0;
            unit = Some(next);
            units.next();
        }
        write!(f, "{scaled:.2}{}", unit.unwrap_or('E'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn sizes_for_people_have_two_decimals_and_one_letter() {
        assert_eq!(Human(0).to_string(), "0B");
        assert_eq!(Human(1023).to_string(), "1023B");
        assert_eq!(Human(1536).to_string(), "1.50K");
        assert_eq!(Human(1 << 20).to_string(), "1.00M");
        assert_eq!(Human(25_276_510_208).to_string(), "23.54G");
        assert_eq!(Human(1 << 50).to_string(), "1.00P");
    }
}
