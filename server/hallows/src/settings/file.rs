//! The configuration file: TOML whose keys are the names of `serve`'s flags.
//! A key that no flag has is an error that names the nearest one.

use std::path::{Path, PathBuf};

use clap::Args;
use toml::de::DeTable;

use super::given::Given;
use crate::failure::Failure;

/// Below this similarity (0 to 1) a suggestion would only confuse.
const SIMILARITY_MIN: f64 = 0.6;

/// Reads the settings of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Given, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::failed(
            format!(
                "cannot read the configuration file {}: {error}",
                path.display()
            ),
            "Check the path given with --config or HALLOWS_CONFIG.",
        )
    })?;
    let mut given = parse(&text).map_err(|Problem { message, remedy }| {
        Failure::usage(format!("in {}: {message}", path.display()), remedy)
    })?;
    // A path in a file is relative to that file, wherever the server starts.
    if let Some(secret) = &mut given.requirepass_file {
        *secret = path
            .parent()
            .map_or(PathBuf::new(), Path::to_path_buf)
            .join(&*secret);
    }
    Ok(given)
}

struct Problem {
    message: String,
    remedy: String,
}

fn parse(text: &str) -> Result<Given, Problem> {
    let syntax = |error: toml::de::Error| Problem {
        message: error.to_string().trim_end().to_owned(),
        remedy: "Write one `name = value` per line, such as: memory = \"256MiB\"".to_owned(),
    };
    let table = DeTable::parse(text).map_err(syntax)?;
    let valid = names();
    for key in table.get_ref().keys() {
        let name: &str = key.get_ref();
        if !valid.iter().any(|known| known == name) {
            let line = text[..key.span().start].matches('\n').count() + 1;
            return Err(unknown(name, line, &valid));
        }
    }
    toml::from_str(text).map_err(|error| Problem {
        message: error.to_string().trim_end().to_owned(),
        remedy: "See `hallows serve --help` for what each setting takes.".to_owned(),
    })
}

/// The names of all settings, from the one place where they are declared.
fn names() -> Vec<String> {
    Given::augment_args(clap::Command::new("settings"))
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect()
}

fn unknown(name: &str, line: usize, valid: &[String]) -> Problem {
    let spelt = name.replace('_', "-").to_lowercase();
    let nearest = valid
        .iter()
        .map(|known| (strsim::jaro_winkler(&spelt, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN);
    Problem {
        message: format!("line {line}: there is no setting `{name}`"),
        remedy: match nearest {
            Some((_, known)) => format!("Did you mean `{known}`?"),
            None => format!("The settings are: {}.", valid.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{Reactor, Workers, YesNo};
    use super::super::size::ByteSize;
    use super::{names, parse};

    #[test]
    fn a_file_gives_settings_in_the_words_of_the_flags() {
        let given = parse(
            "listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nmemory = \"1GiB\"\nworkers = 2\n\
             io = \"io_uring\"\nprotected-mode = \"no\"\nclient-memory = 65536\n",
        )
        .unwrap_or_else(|problem| panic!("{}", problem.message));
        assert_eq!(given.listen.unwrap().len(), 2);
        assert_eq!(given.memory, Some(ByteSize(1 << 30)));
        assert_eq!(given.workers, Some(Workers::Count(2)));
        assert_eq!(given.io, Some(Reactor::IoUring));
        assert_eq!(given.protected_mode, Some(YesNo::No));
        assert_eq!(given.client_memory, Some(ByteSize(65536)));
        assert_eq!(given.timeout, None);
    }

    #[test]
    fn one_address_needs_no_list() {
        let given = parse("listen = \"127.0.0.1:1\"").unwrap_or_default();
        assert_eq!(given.listen, Some(vec!["127.0.0.1:1".to_owned()]));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_name() {
        for (key, nearest) in [
            ("max-client", "maxclients"),
            ("memry", "memory"),
            ("output_limit", "output-limit"),
        ] {
            let problem = parse(&format!("# comment\nworkers = 1\n{key} = 5\n"))
                .err()
                .unwrap();
            assert!(problem.message.contains("line 3"), "{}", problem.message);
            assert!(problem.message.contains(key), "{}", problem.message);
            assert_eq!(problem.remedy, format!("Did you mean `{nearest}`?"));
        }
    }

    #[test]
    fn a_key_like_no_other_lists_all_names() {
        let problem = parse("zzz = 5").err().unwrap();
        assert!(
            problem.remedy.contains("tcp-keepalive"),
            "{}",
            problem.remedy
        );
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_line() {
        for text in [
            "\nworkers = 0",
            "\nmemory = \"lots\"",
            "\nio = \"kqueue\"",
            "\ntimeout = -1",
        ] {
            let problem = parse(text).err().unwrap();
            assert!(problem.message.contains("line 2"), "{}", problem.message);
        }
    }

    #[test]
    fn every_flag_is_a_key() {
        for name in names() {
            let message = parse(&format!("{name} = {{}}")).err().unwrap().message;
            assert!(!message.contains("unknown field"), "{name}: {message}");
        }
    }
}
