//! Draws a [`View`]: two lines of summary, a table of workers, one of classes, one of the hottest
//! tasks. Colours are the sixteen of every terminal, and say nothing that the figures do not.

use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};
use ratatui::{Frame, Terminal};

use super::view::{ClassRow, KindRow, View, WorkerRow, brief, short};

/// Length of the bars of classes.
const BAR_LEN: usize = 30;
/// A worker that is busier is shown in red, or in yellow.
const FULL: f64 = 0.9;
const WARM: f64 = 0.6;

const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws the view, and a line about the program below it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, status: &str) {
    let [summary, workers, classes, kinds, footer] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(table_height(view.workers.len())),
        Constraint::Length(table_height(view.classes.len())),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Line::styled(view.title.as_str(), HEAD), line(summary, 0));
    frame.render_widget(Line::raw(view.summary.as_str()), line(summary, 1));
    frame.render_widget(worker_table(&view.workers), workers);
    frame.render_widget(class_table(&view.classes), classes);
    match view.kinds.as_deref() {
        Some(rows) => frame.render_widget(kind_table(rows), kinds),
        None => {
            let text = "Hottest tasks: not recorded; start the server with --task-dump yes";
            frame.render_widget(Line::raw(text), line(kinds, 0));
        }
    }
    let status = Line::styled(status, Style::new().add_modifier(Modifier::REVERSED));
    frame.render_widget(status, footer);
}

/// Lines of a table with so many rows, its head, and an empty line.
fn table_height(rows: usize) -> u16 {
    u16::try_from(rows.saturating_add(2)).unwrap_or(u16::MAX)
}

/// One line of an area, or nothing where it has no such line.
fn line(area: Rect, index: u16) -> Rect {
    let wanted = Rect::new(area.x, area.y + index, area.width, 1);
    wanted.intersection(area)
}

fn worker_table(workers: &[WorkerRow]) -> Table<'_> {
    const COLUMNS: &[(&str, u16)] = &[
        ("worker", 6),
        ("now", 9),
        ("busy", 5),
        ("run", 5),
        ("io", 5),
        ("search", 6),
        ("park", 5),
        ("polls/s", 7),
        ("queued", 6),
        ("wait", 6),
        ("oldest", 6),
        ("stolen/s", 8),
        ("wakes/s", 7),
        ("msgs/s", 6),
        ("moved", 6),
        ("stalls", 6),
        ("conns", 6),
        ("signal", 6),
    ];
    table(COLUMNS, workers.iter().map(worker_row))
}

fn table<'a>(
    columns: &'static [(&'static str, u16)],
    rows: impl IntoIterator<Item = Row<'a>>,
) -> Table<'a> {
    let names = columns.iter().map(|(name, _)| *name);
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    Table::new(rows, widths).header(Row::new(names).style(HEAD))
}

fn worker_row(worker: &WorkerRow) -> Row<'_> {
    let busy = worker.busy();
    let heat = if busy >= FULL {
        Style::new().fg(Color::Red)
    } else if busy >= WARM {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new().fg(Color::Green)
    };
    let [run, io, search, park] = worker.shares.map(percent);
    let stalls = if worker.stalls > 0 {
        Style::new().fg(Color::Red)
    } else {
        Style::new()
    };
    let plain = Cell::from;
    Row::new([
        plain(worker.worker.to_string()),
        plain(worker.phase.clone()),
        Cell::from(percent(busy)).style(heat),
        plain(run),
        plain(io),
        plain(search),
        plain(park),
        plain(short(worker.polls)),
        plain(worker.queued.to_string()),
        plain(worker.mean_wait.map_or_else(|| "-".to_owned(), brief)),
        plain(brief(worker.oldest_wait)),
        plain(short(worker.stolen)),
        plain(short(worker.wakes)),
        plain(short(worker.messages)),
        plain(worker.moved.to_string()),
        Cell::from(worker.stalls.to_string()).style(stalls),
        plain(worker.connections.to_string()),
        plain(brief(worker.signal_age)),
    ])
}

fn class_table(classes: &[ClassRow]) -> Table<'_> {
    const COLUMNS: &[(&str, u16)] = &[
        ("class", 10),
        ("share", 5),
        ("polls/s", 7),
        ("queued", 6),
        ("", BAR_LEN as u16),
    ];
    table(
        COLUMNS,
        classes.iter().map(|class| {
            let len = (class.share * BAR_LEN as f64).round() as usize;
            let bar = Span::styled("#".repeat(len.min(BAR_LEN)), Style::new().fg(Color::Cyan));
            Row::new([
                Cell::from(class.name),
                Cell::from(percent(class.share)),
                Cell::from(short(class.polls)),
                Cell::from(class.queued.to_string()),
                Cell::from(bar),
            ])
        }),
    )
}

fn kind_table(kinds: &[KindRow]) -> Table<'_> {
    let widths = [
        Constraint::Length(5),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Fill(2),
        Constraint::Fill(3),
    ];
    let names = [
        "busy",
        "polls/s",
        "wait",
        "alive",
        "hottest tasks",
        "spawned at",
    ];
    let rows = kinds.iter().map(|kind| {
        Row::new([
            Cell::from(percent(kind.busy)),
            Cell::from(short(kind.polls)),
            Cell::from(kind.wait.map_or_else(|| "-".to_owned(), brief)),
            Cell::from(kind.alive.to_string()),
            Cell::from(kind.name.as_str()),
            Cell::from(kind.place.as_str()),
        ])
    });
    Table::new(rows, widths).header(Row::new(names).style(HEAD))
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// The screen as lines of text, without the empty ones at its end.
pub(super) fn as_text(view: &View, width: u16, height: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(frame, view, ""));
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(width)).map(|cells| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned() + "\n"
    });
    let text: String = lines.collect();
    text.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::load;
    use super::*;
    use crate::load::Load;

    #[test]
    fn the_screen_shows_workers_classes_and_hottest_tasks() {
        let view = View::new("127.0.0.1:6379", Some(&load(3_720.0)), &load(3_724.0));
        let expected = "\
hallows 0.1.0 at 127.0.0.1:6379  pid 4711  io_uring  up 1h2m
cpu 97%  resident 12.0 MiB  clients 8  commands/s 123k  entrance 2  waiting tasks 10  blocking 1

worker now       busy  run   io    search park  polls/s queued wait   oldest stolen/s wakes/s msgs/s moved  stalls conns  signal
0      running   95%   75%   20%   0%     5%    50k     13     42µs   2ms    0        0       0      0      3      8      31µs
1      parked    0%    0%    0%    1%     99%   0       0      -      0      20       400     2.5k   4      0      0      120ms

class      share polls/s queued
latency    33%   100     1      ##########
normal     67%   50k     12     ####################
background 0%    0       0
slices     0%    0       0

busy  polls/s wait   alive  hottest tasks                             spawned at
50%   50k     42µs   8      connection                                server/hallows/src/serve/accept.rs:90
";
        assert_eq!(as_text(&view, 132, 30), expected);
    }

    #[test]
    fn without_a_list_of_tasks_the_screen_says_how_to_get_one() {
        let now = Load {
            kinds: None,
            ..load(10.0)
        };
        let text = as_text(&View::new("a:1", None, &now), 132, 40);
        assert!(text.contains("--task-dump yes"), "{text}");
    }

    #[test]
    fn more_workers_than_a_screen_has_lines_are_drawn_as_far_as_they_go() {
        let mut now = load(10.0);
        now.workers = vec![now.workers[0].clone(); usize::from(u16::MAX)];
        let text = as_text(&View::new("a:1", None, &now), 132, 20);
        assert!(text.contains("running"), "{text}");
    }

    #[test]
    fn a_terminal_of_any_size_is_drawn_on() {
        let view = View::new("a:1", None, &load(10.0));
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal
                .draw(|frame| draw(frame, &view, "q quits"))
                .unwrap();
        }
    }
}
