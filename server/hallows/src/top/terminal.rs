//! The live view: asks the server once per interval, draws, and hears the keyboard.
//!
//! `ratatui::try_init` also restores the terminal when the program panics; every other way out goes
//! through the end of [`run`].

use std::io;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::client::Client;
use super::screen;
use super::view::View;
use crate::cli::TopArgs;
use crate::failure::Failure;
use crate::load::Load;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Quit,
    Pause,
}

/// Shows the server until the user has seen enough.
///
/// # Errors
/// If the terminal cannot be used, or the first report does not come.
pub(super) fn run(client: Client, args: &TopArgs) -> Result<(), Failure> {
    let mut watch = Watch::begin(client, args)?;
    let mut terminal = ratatui::try_init().map_err(|error| unusable(&error))?;
    let result = watch.run(&mut terminal);
    ratatui::restore();
    result.map_err(|error| unusable(&error))
}

fn unusable(error: &io::Error) -> Failure {
    Failure::failed(
        format!("the terminal cannot be used: {error}"),
        "Use --once for one screen as text, or --json for the figures.",
    )
}

struct Watch<'a> {
    args: &'a TopArgs,
    /// `None` while the server cannot be reached.
    client: Option<Client>,
    last: Load,
    view: View,
    status: String,
    paused: bool,
}

impl<'a> Watch<'a> {
    fn begin(mut client: Client, args: &'a TopArgs) -> Result<Self, Failure> {
        let last = client.load()?;
        Ok(Self {
            args,
            client: Some(client),
            view: View::new(&args.connect, None, &last),
            last,
            status: "since the start; q quits, space pauses".to_owned(),
            paused: false,
        })
    }

    fn run(&mut self, terminal: &mut DefaultTerminal) -> io::Result<()> {
        let mut next = Instant::now() + self.args.interval;
        loop {
            terminal.draw(|frame| screen::draw(frame, &self.view, &self.status))?;
            match wait(next.saturating_duration_since(Instant::now()))? {
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Pause) => self.pause(),
                None => {}
            }
            if Instant::now() >= next {
                next = Instant::now() + self.args.interval;
                if !self.paused {
                    self.look();
                }
            }
        }
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
        if self.paused {
            self.status = "paused; space goes on, q quits".to_owned();
        }
    }

    /// Asks the server. If it does not answer, the last view stays, and the next look connects anew.
    fn look(&mut self) {
        let answer = match self.client.take() {
            Some(client) => Ok(client),
            None => Client::new(&self.args.connect, self.args.password.as_deref()),
        };
        let answer = answer.and_then(|mut client| {
            let load = client.load()?;
            Ok((client, load))
        });
        match answer {
            Ok((client, now)) => {
                self.view = View::new(&self.args.connect, Some(&self.last), &now);
                self.last = now;
                self.client = Some(client);
                let interval = self.args.interval.as_secs_f64();
                self.status = format!("every {interval} s; q quits, space pauses");
            }
            Err(failure) => {
                self.status = format!("{}; trying again, q quits", failure.message());
            }
        }
    }
}

/// Waits for a key, or for anything that needs a new drawing.
fn wait(limit: Duration) -> io::Result<Option<Wish>> {
    if !event::poll(limit)? {
        return Ok(None);
    }
    Ok(wish(&event::read()?))
}

fn wish(event: &Event) -> Option<Wish> {
    let Event::Key(key) = event else { return None };
    if key.kind != KeyEventKind::Press {
        return None;
    }
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char(' ') => Some(Wish::Pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_control_c_quit_and_nothing_else_does() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('q'), none), Some(Wish::Quit));
        assert_eq!(key(KeyCode::Esc, none), Some(Wish::Quit));
        let control_c = key(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(control_c, Some(Wish::Quit));
        assert_eq!(key(KeyCode::Char(' '), none), Some(Wish::Pause));
        assert_eq!(key(KeyCode::Char('c'), none), None);
        assert_eq!(wish(&Event::Resize(1, 1)), None);
    }
}
