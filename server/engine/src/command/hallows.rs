//! HALLOWS: what only this server has. Its answers are texts in JSON that the host makes.
use alloc::string::String;

use hallows_resp::Args;

use super::{Categories, Flags, Group, Outcome, Spec, help};
use crate::context::Context;
use crate::error::CommandError;

pub(crate) const SPECS: &[Spec] = &[Spec::container("hallows", SUBCOMMANDS).doc(
    Group::Server,
    "7.0.0",
    "Depends on subcommand.",
    "What only this server has.",
)];

const TIPS: &[&str] = &["nondeterministic_output"];

const SUBCOMMANDS: &[Spec] = &[
    Spec::new("load", 2, load)
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::DANGEROUS])
        .tips(TIPS)
        .doc(
            Group::Server,
            "7.0.0",
            "O(N) in the number of workers",
            "What the workers do, as JSON; `hallows top` shows it.",
        ),
    Spec::new("tasks", 2, tasks)
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::DANGEROUS])
        .tips(TIPS)
        .doc(
            Group::Server,
            "7.0.0",
            "O(N) in the number of tasks",
            "All tasks and what they wait for how long, as JSON.",
        ),
    Spec::new("help", 2, help)
        .flags(&[Flags::LOADING, Flags::STALE])
        .doc(Group::Server, "7.0.0", "O(1)", "Describes the subcommands."),
];

fn load(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let report = ctx.engine.host.load(ctx.engine);
    answer(ctx, report, "ERR this server does not know its load")
}

fn tasks(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let report = ctx.engine.host.tasks();
    let remedy = "ERR tasks are not recorded; start the server with --task-dump yes";
    answer(ctx, report, remedy)
}

fn answer(ctx: &mut Context<'_>, report: Option<String>, missing: &'static str) -> Outcome {
    let report = report.ok_or(CommandError::Fixed(missing))?;
    ctx.reply().bulk(report.as_bytes());
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "HALLOWS",
        &[
            "LOAD",
            "    Return what the workers do, as JSON.",
            "TASKS",
            "    Return all tasks and how long each waits, as JSON.",
        ],
    )
}
