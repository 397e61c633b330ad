//! CONFIG: reading and changing settings at run time. What the settings are is
//! in [`settings`](crate::settings).
use alloc::format;
use alloc::vec::Vec;

use hallows_resp::Args;

use super::{Flags, Group, Outcome, Spec, help};
use crate::context::Context;
use crate::error::CommandError;
use crate::settings::SettingError;

pub(crate) const SPECS: &[Spec] = &[Spec::container("config", SUBCOMMANDS).doc(
    Group::Server,
    "2.0.0",
    "Depends on subcommand.",
    "Settings of the server.",
)];

const ADMIN: &[Flags] = &[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE];
const PER_NAME: &str = "O(N) where N is the number of names given";

const SUBCOMMANDS: &[Spec] = &[
    Spec::new("get", -3, get).flags(ADMIN).doc(
        Group::Server,
        "2.0.0",
        PER_NAME,
        "Answers with the settings whose names match the patterns.",
    ),
    Spec::new("set", -4, set)
        .flags(ADMIN)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc(
            Group::Server,
            "2.0.0",
            PER_NAME,
            "Changes settings, all of them or none.",
        ),
    Spec::new("resetstat", 2, resetstat).flags(ADMIN).doc(
        Group::Server,
        "2.0.0",
        "O(1)",
        "Sets the counters of INFO back to zero.",
    ),
    Spec::new("rewrite", 2, rewrite).flags(ADMIN).doc(
        Group::Server,
        "2.8.0",
        "O(1)",
        "Refused: the configuration file is never written by the server.",
    ),
    Spec::new("help", 2, help)
        .flags(&[Flags::LOADING, Flags::STALE])
        .doc(Group::Server, "5.0.0", "O(1)", "Describes the subcommands."),
];

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let patterns: Vec<&[u8]> = args.from(2..).iter().collect();
    let mut found = Vec::new();
    ctx.engine.settings.matching(&patterns, |name, value| {
        found.push((Vec::from(name), value));
    });
    let mut reply = ctx.reply();
    reply.map(found.len());
    for (name, value) in &found {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(())
}

fn set(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let given = args.from(2..);
    if !given.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let engine = ctx.engine;
    let pairs = (0..given.len())
        .step_by(2)
        .map(|i| (&given[i], &given[i + 1]));
    engine
        .settings
        .change(pairs, |settings| {
            engine.store.set_memory_limit(settings.maxmemory());
            engine.host.settings_changed(settings);
        })
        .map_err(refusal)?;
    ctx.reply().ok();
    Ok(())
}

fn refusal(error: SettingError) -> CommandError {
    let text = match error {
        SettingError::Unknown(name) => {
            format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
        }
        SettingError::Rejected { name, reason } => {
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        }
    };
    CommandError::Text(text.into_bytes())
}

fn resetstat(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    ctx.engine.stats.reset();
    ctx.engine.rates.reset();
    ctx.engine.store.reset_stats();
    ctx.reply().ok();
    Ok(())
}

fn rewrite(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    Err(CommandError::Fixed(
        if ctx.engine.host.facts().config_file.is_empty() {
            "ERR The server is running without a config file"
        } else {
            "ERR Rewriting config file: not supported, edit the file and restart the server"
        },
    ))
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "CONFIG",
        &[
            "GET <pattern> [<pattern> ...]",
            "    Answer with the settings whose names match a pattern.",
            "SET <name> <value> [<name> <value> ...]",
            "    Change settings: all of them, or none if one is refused.",
            "RESETSTAT",
            "    Set the counters that INFO shows back to zero.",
            "REWRITE",
            "    Refused: this server does not write its configuration file.",
        ],
    )
}
