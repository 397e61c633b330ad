//! Flags of `hallows sim`, and the cells and contenders that they name.

use std::path::PathBuf;

use beehive_sim::sweep::{self, Sweep};
use beehive_sim::{Arrivals, Cell, Contender, Law};
use clap::{Args, ValueEnum};

use crate::failure::Failure;

/// Largest machine that is simulated.
const CORES_MAX: u16 = 1_024;
/// Beyond this load even the best scheduler's queues only grow.
const LOAD_MAX: f64 = 0.99;
/// The step of a range of loads.
const LOAD_STEP: f64 = 0.05;

const EXAMPLES: &str = "\
Examples:
  hallows sim
      64 cores, load 0.8: the policy, random stealing and a central queue.

  hallows sim --cores 8,64,1024 --load 0.5..0.95 --arrivals bursty --plot bursty.svg
      How the tail grows with the load, drawn.

  hallows sim --policy all --law lognormal
      Every rival.

  hallows sim --sweep full --json > sweep.json
      All cells; other flags then select among them.

  hallows sim --ablation --cores 64 --arrivals all
      What each part of the policy is worth.

Times are in mean service times, probes and moves per task. Caches have 8 cores, memory
nodes 32. Every contender is given the same tasks, so ratios are paired by seed; a verdict
is `better` or `worse` only where the 95% interval says so.
Exit status: 0 done, 1 failure, 2 wrong usage.";

/// Flags of `sim`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArgs {
    /// How many cores [default: 64]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=i64::from(CORES_MAX)))]
    cores: Vec<u16>,
    /// Part of the cores' time that tasks need, as numbers or a range in steps of 0.05 [default: 0.8]
    #[arg(long, value_name = "X,...|X..Y", value_delimiter = ',', value_parser = loads)]
    load: Vec<Loads>,
    /// How long tasks run [default: exponential]
    #[arg(long, value_name = "LAW,...|all", value_delimiter = ',')]
    law: Vec<LawName>,
    /// When and where tasks come [default: uniform]
    #[arg(long, value_name = "PATTERN,...|all", value_delimiter = ',')]
    arrivals: Vec<ArrivalsName>,
    /// Shortest time between two signals of a core [default: 0.5]
    #[arg(long, value_name = "X,...", value_delimiter = ',', value_parser = time)]
    staleness: Vec<f64>,
    /// What a task loses by a move to another memory node [default: 0.5]
    #[arg(long, value_name = "X,...", value_delimiter = ',', value_parser = time)]
    migration_cost: Vec<f64>,
    /// Further schedulers to show beside the policy, random stealing and the central queue
    #[arg(long, value_name = "NAME,...|all", value_delimiter = ',', value_parser = rival)]
    policy: Vec<Rivals>,
    /// Runs of each, with different tasks
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub(crate) seeds: u32,
    /// Visit the cells of a sweep; the flags above then select among them
    #[arg(long, value_enum)]
    sweep: Option<SweepName>,
    /// Switch off each part of the policy in turn and compare
    #[arg(long, conflicts_with_all = ["policy", "plot"])]
    pub(crate) ablation: bool,
    /// Print the results as JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the 99th percentiles into this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SweepName {
    Quick,
    Full,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LawName {
    Exponential,
    Bimodal,
    Lognormal,
    TpcC,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArrivalsName {
    Uniform,
    HalfOnOne,
    Bursty,
    Rotating,
    All,
}

#[derive(Debug, Clone)]
struct Loads(Vec<f64>);

#[derive(Debug, Clone)]
struct Rivals(Vec<Contender>);

impl LawName {
    fn laws(self) -> Vec<Law> {
        match self {
            Self::Exponential => vec![Law::Exponential],
            Self::Bimodal => vec![Law::Bimodal],
            Self::Lognormal => vec![Law::Lognormal],
            Self::TpcC => vec![Law::TpcC],
            Self::All => Law::ALL.to_vec(),
        }
    }
}

impl ArrivalsName {
    fn patterns(self) -> Vec<Arrivals> {
        match self {
            Self::Uniform => vec![Arrivals::Uniform],
            Self::HalfOnOne => vec![Arrivals::HalfOnOne],
            Self::Bursty => vec![Arrivals::Bursty],
            Self::Rotating => vec![Arrivals::Rotating],
            Self::All => Arrivals::ALL.to_vec(),
        }
    }
}

impl SimArgs {
    /// The cells that the flags name.
    pub(crate) fn cells(&self) -> Result<Vec<Cell>, Failure> {
        let cores: Vec<_> = self.cores.iter().copied().map(usize::from).collect();
        let loads: Vec<_> = self.load.iter().flat_map(|loads| loads.0.clone()).collect();
        let laws: Vec<_> = self.law.iter().flat_map(|law| law.laws()).collect();
        let patterns = self.arrivals.iter();
        let patterns: Vec<_> = patterns.flat_map(|name| name.patterns()).collect();
        let Some(sweep) = self.sweep else {
            return Ok(self.product(&cores, &loads, &laws, &patterns));
        };
        let mut cells = sweep::cells(match sweep {
            SweepName::Quick => Sweep::Quick,
            SweepName::Full => Sweep::Full,
        });
        cells.retain(|cell| {
            selected(&cores, &cell.cores)
                && selected(&loads, &cell.load)
                && selected(&laws, &cell.law)
                && selected(&patterns, &cell.arrivals)
                && selected(&self.staleness, &cell.staleness)
                && selected(&self.migration_cost, &cell.migration_cost)
        });
        if cells.is_empty() {
            return Err(Failure::usage(
                "the sweep has no cell with these values",
                "Leave out --sweep to simulate exactly what the other flags say.",
            ));
        }
        Ok(cells)
    }

    fn product(
        &self,
        cores: &[usize],
        loads: &[f64],
        laws: &[Law],
        patterns: &[Arrivals],
    ) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &cores in &or(cores, 64) {
            for &law in &or(laws, Law::Exponential) {
                for &arrivals in &or(patterns, Arrivals::Uniform) {
                    let usual = Cell::usual(cores, law, arrivals);
                    for &load in &or(loads, usual.load) {
                        for &staleness in &or(&self.staleness, usual.staleness) {
                            let costs = or(&self.migration_cost, usual.migration_cost);
                            cells.extend(costs.iter().map(|&migration_cost| Cell {
                                load,
                                staleness,
                                migration_cost,
                                ..usual
                            }));
                        }
                    }
                }
            }
        }
        cells
    }

    /// The contenders that were asked for beyond those that are always there.
    pub(crate) fn others(&self) -> Vec<Contender> {
        let mut others: Vec<Contender> = Vec::new();
        for &rival in self.policy.iter().flat_map(|rivals| &rivals.0) {
            let always = matches!(
                rival,
                Contender::Bee(_) | Contender::StealHalf | Contender::CentralFcfs
            );
            if !always && !others.contains(&rival) {
                others.push(rival);
            }
        }
        others
    }
}

/// The values that were given, or the usual one.
fn or<T: Clone>(given: &[T], usual: T) -> Vec<T> {
    if given.is_empty() {
        vec![usual]
    } else {
        given.to_vec()
    }
}

/// Whether a value was given, or none at all.
fn selected<T: PartialEq>(given: &[T], value: &T) -> bool {
    given.is_empty() || given.contains(value)
}

fn loads(text: &str) -> Result<Loads, String> {
    let one = |text: &str| match text.trim().parse::<f64>() {
        Ok(load) if load > 0.0 && load <= LOAD_MAX => Ok(load),
        _ => Err(format!(
            "a load is a number above 0 and at most {LOAD_MAX}, as 0.8, or a range, as 0.5..0.95"
        )),
    };
    let Some((from, to)) = text.split_once("..") else {
        return Ok(Loads(vec![one(text)?]));
    };
    let (from, to) = (one(from)?, one(to)?);
    if from > to {
        return Err(format!("the range is empty; write {to}..{from}"));
    }
    let steps = ((to - from) / LOAD_STEP + 1e-9) as u32;
    let round = |load: f64| (load * 1_000.0).round() / 1_000.0;
    let range = (0..=steps).map(|step| round(from + f64::from(step) * LOAD_STEP));
    Ok(Loads(range.collect()))
}

fn time(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(time) if (0.0..=1_000.0).contains(&time) => Ok(time),
        _ => Err("expected a number of mean service times, from 0 to 1000".to_owned()),
    }
}

fn rival(text: &str) -> Result<Rivals, String> {
    if text == "all" {
        return Ok(Rivals(Contender::ALL.to_vec()));
    }
    let found = Contender::ALL.into_iter().find(|one| one.name() == text);
    found.map(|found| Rivals(vec![found])).ok_or_else(|| {
        let names = Contender::ALL.map(Contender::name);
        let nearest = names
            .iter()
            .max_by(|a, b| strsim::jaro(a, text).total_cmp(&strsim::jaro(b, text)));
        format!(
            "did you mean {}? There are: all, {}",
            nearest.unwrap_or(&"bee"),
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(flags: &[&str]) -> SimArgs {
        let line = ["hallows", "sim"].iter().chain(flags);
        match Cli::parse_from(line).command {
            Command::Sim(args) => args,
            other => panic!("not sim: {other:?}"),
        }
    }

    fn refused(flags: &[&str]) -> String {
        let line = ["hallows", "sim"].iter().chain(flags);
        Cli::try_parse_from(line).unwrap_err().to_string()
    }

    #[test]
    fn without_flags_there_is_the_usual_cell() {
        let usual = Cell::usual(64, Law::Exponential, Arrivals::Uniform);
        assert_eq!(parse(&[]).cells().unwrap(), [usual]);
    }

    #[test]
    fn flags_multiply_and_ranges_include_both_ends() {
        let args = parse(&["--cores", "8,64", "--load", "0.5..0.6", "--law", "all"]);
        let cells = args.cells().unwrap();
        assert_eq!(cells.len(), 2 * 3 * 4);
        assert!(
            [0.5, 0.55, 0.6]
                .iter()
                .all(|&load| cells.iter().any(|cell| cell.load == load))
        );
    }

    #[test]
    fn a_full_sweep_has_more_than_a_hundred_cells_and_flags_select_among_them() {
        assert!(parse(&["--sweep", "full"]).cells().unwrap().len() > 100);
        let some = parse(&["--sweep", "full", "--cores", "64", "--law", "bimodal"]);
        let cells = some.cells().unwrap();
        assert!(!cells.is_empty() && cells.iter().all(|cell| cell.cores == 64));
        let none = parse(&["--sweep", "quick", "--cores", "1024"]).cells();
        assert!(none.unwrap_err().to_string().contains("no cell"));
    }

    #[test]
    fn wrong_values_are_refused_with_what_would_be_right() {
        assert!(refused(&["--load", "1.5"]).contains("0.5..0.95"));
        assert!(refused(&["--cores", "4096"]).contains("1..=1024"));
        assert!(refused(&["--policy", "dark"]).contains("did you mean darc"));
        assert!(refused(&["--law", "normal"]).contains("lognormal"));
    }

    #[test]
    fn all_rivals_are_those_that_are_not_shown_anyway() {
        let others = parse(&["--policy", "all,darc"]).others();
        assert_eq!(others.len(), Contender::ALL.len() - 3);
    }
}
