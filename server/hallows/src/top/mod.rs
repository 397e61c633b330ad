//! `hallows top`: the workers of a running server, seen from outside. `client.rs` asks the server,
//! `view.rs` makes rates and shares of two answers, `screen.rs` draws them, `terminal.rs` is the live
//! view and `list.rs` the list of tasks.

mod client;
mod list;
mod screen;
mod terminal;
mod view;

use std::io::IsTerminal;

use crate::cli::TopArgs;
use crate::failure::Failure;
use crate::load::text::harmless_json;
use crate::load::{Load, Task};
use crate::stdout;
use client::{Client, Report};
use view::View;

/// Columns and lines of the screen that `--once` prints.
const ONCE_WIDTH: u16 = 132;
const ONCE_HEIGHT: u16 = 200;

/// Watches a server, or prints once what is asked for.
///
/// # Errors
/// When there is no terminal to draw on, or nothing to be learnt from the server.
pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    if args.tasks {
        return print_tasks(args);
    }
    let mut client = Client::new(&args.connect, args.password.as_deref())?;
    if args.json {
        let text = client.ask(Report::Load)?;
        // What cannot be read is not passed on.
        client::parse::<Load>(&args.connect, &text)?;
        return stdout::write(format!("{}\n", harmless_json(&text)).as_bytes());
    }
    if args.once {
        let before = client.load()?;
        std::thread::sleep(args.interval);
        let view = View::new(&args.connect, Some(&before), &client.load()?);
        let text = screen::as_text(&view, ONCE_WIDTH, ONCE_HEIGHT);
        return stdout::write(text.as_bytes());
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "hallows top draws on a terminal, and this is none",
            "Use --once for one screen as text, or --json for the figures.",
        ));
    }
    terminal::run(client, args)
}

fn print_tasks(args: &TopArgs) -> Result<(), Failure> {
    let mut client = Client::new(&args.connect, args.password.as_deref())?;
    let text = client.ask(Report::Tasks)?;
    let tasks = client::parse::<Vec<Task>>(&args.connect, &text)?;
    let text = if args.json {
        format!("{}\n", harmless_json(&text))
    } else {
        list::table(&tasks)
    };
    stdout::write(text.as_bytes())
}
