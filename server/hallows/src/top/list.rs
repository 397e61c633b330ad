//! The list of all tasks as a table.

use std::fmt::Write;
use std::time::Duration;

use super::view::{brief, short};
use crate::load::Task;

/// One line per task, the one that has been in its state longest first.
pub(super) fn table(tasks: &[Task]) -> String {
    let mut tasks: Vec<_> = tasks.iter().collect();
    tasks.sort_by(|one, other| other.state_s.total_cmp(&one.state_s));
    let mut text = String::new();
    let mut line = |columns: [&str; 8]| {
        let [id, state, time, class, polls, busy, name, place] = columns;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{id:>6}  {state:<11} {time:>7}  {class:<10} {polls:>6} {busy:>7}  {name}  {place}"
        );
    };
    line([
        "task",
        "state",
        "for",
        "class",
        "polls",
        "busy",
        "name",
        "spawned at",
    ]);
    for task in tasks {
        let state = match task.worker {
            Some(worker) => format!("{} {worker}", task.state),
            None => task.state.clone(),
        };
        let time = |seconds| brief(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        line([
            &task.id.to_string(),
            &state,
            &time(task.state_s),
            &task.class,
            &short(task.polls as f64),
            &time(task.busy_s),
            &task.name,
            &task.place,
        ]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_comes_first() {
        let task = |id, state: &str, state_s, worker| Task {
            id,
            name: "reader".to_owned(),
            place: "main.rs:1".to_owned(),
            class: "normal".to_owned(),
            state: state.to_owned(),
            state_s,
            worker,
            polls: 1_500,
            busy_s: 0.002,
            ..Task::default()
        };
        let tasks = [
            task(1, "running", 0.000_03, Some(1)),
            task(2, "waiting", 75.0, None),
        ];
        let expected = "  \
  task  state           for  class       polls    busy  name  spawned at
     2  waiting       75.0s  normal       1.5k     2ms  reader  main.rs:1
     1  running 1      30µs  normal       1.5k     2ms  reader  main.rs:1
";
        assert_eq!(table(&tasks), expected);
    }
}
