//! Texts of a server as they may be shown: it is not trusted with the terminal, which obeys control
//! characters.

use serde::{Deserialize, Deserializer};

/// Characters of a text that are kept: types of futures can be long, and nobody reads more.
const TEXT_LEN_MAX: usize = 4_096;

/// The text, with what is not printed, or turns the direction of what is, written out.
pub(crate) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len().min(TEXT_LEN_MAX));
    for char in text.chars().take(TEXT_LEN_MAX) {
        match char {
            '"' | '\'' | '\\' => harmless.push(char),
            char => harmless.extend(char.escape_debug()),
        }
    }
    harmless
}

/// JSON with the same meaning, on one line.
pub(crate) fn harmless_json(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // Only between values: within strings these are written out already.
            '\n' | '\r' | '\t' => harmless.push(' '),
            char if char.is_control() => harmless.push_str(&format!("\\u{:04x}", char as u32)),
            char => harmless.push(char),
        }
    }
    harmless
}

/// Reads a text of a report.
pub(super) fn read<'de, D: Deserializer<'de>>(report: D) -> Result<String, D::Error> {
    String::deserialize(report).map(|text| harmless(&text))
}

#[cfg(test)]
mod tests {
    use super::super::{Load, Task};
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_the_rest_stays() {
        assert_eq!(
            harmless("a\u{1b}[2J\u{9b}31m\r\u{7f}é"),
            "a\\u{1b}[2J\\u{9b}31m\\r\\u{7f}é"
        );
        assert_eq!(
            harmless("\u{202e}\u{2028}\u{200b}"),
            "\\u{202e}\\u{2028}\\u{200b}"
        );
        let plain = r#"core::pin::Pin<&mut dyn Future<Output = [u8; 4]>> "'a' \ 漢""#;
        assert_eq!(harmless(plain), plain);
    }

    #[test]
    fn a_text_without_end_is_cut() {
        assert_eq!(harmless(&"x".repeat(1 << 20)).len(), TEXT_LEN_MAX);
    }

    #[test]
    fn a_report_holds_no_control_characters_wherever_the_server_put_them() {
        let evil = "\\u001b]0;x\\u0007\u{9b}31m";
        let kind = r#""name": "E", "place": "E", "polls": 0, "busy_s": 0, "queued_s": 0"#;
        let task = format!(
            r#"{{{kind}, "id": 1, "class": "E", "state": "E", "state_s": 0, "worker": null, "age_s": 0}}"#
        );
        let task: Task = serde_json::from_str(&task.replace('E', evil)).unwrap();
        let shown = format!("{}{}{}{}", task.name, task.place, task.class, task.state);
        assert!(!shown.contains(char::is_control), "{shown:?}");

        let mut load = serde_json::to_value(Load {
            workers: vec![super::super::WorkerLoad::default()],
            ..Load::default()
        })
        .unwrap();
        let evil: serde_json::Value = serde_json::from_str(&format!("\"{evil}\"")).unwrap();
        for key in ["version", "io"] {
            load[key] = evil.clone();
        }
        load["workers"][0]["phase"] = evil;
        let load: Load = serde_json::from_value(load).unwrap();
        let shown = format!("{}{}{}", load.version, load.io, load.workers[0].phase);
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }

    #[test]
    fn json_keeps_its_meaning_without_control_characters() {
        let text = "{\n\t\"a\": \"\u{7f}\u{9b}\",\r\n \"b\": \"\\n\"}";
        let harmless = harmless_json(text);
        assert!(!harmless.contains(char::is_control), "{harmless:?}");
        let [before, after] =
            [text, &harmless].map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap());
        assert_eq!(before, after);
    }
}
