//! The simulator against the formulas of queueing theory, and what all contenders must do.

use super::*;
use crate::stats::geometric_mean;
use crate::sweep::{Verdict, p99_ratio};

fn cell(cores: usize, load: f64, law: Law) -> Cell {
    Cell {
        load,
        ..Cell::usual(cores, law, Arrivals::Uniform)
    }
}

/// Means over seeds on a machine where nothing costs anything.
fn free(contender: Contender, cell: &Cell) -> Outcome {
    let runs: Vec<_> = (1..=4)
        .map(|seed| contender.run_with(cell, Costs::FREE, 60_000, seed))
        .collect();
    crate::sweep::Summary::of(&runs).mean
}

#[track_caller]
fn near(found: f64, expected: f64) {
    let ratio = found / expected;
    assert!((0.95..1.05).contains(&ratio), "{found}, not {expected}");
}

/// Mean time in an M/M/k queue, in means of service (Erlang's C formula).
fn erlang(cores: u32, load: f64) -> f64 {
    let (k, offered) = (f64::from(cores), load * f64::from(cores));
    let blocking = (1..=cores).fold(1.0, |blocking, n| {
        offered * blocking / (f64::from(n) + offered * blocking)
    });
    let waiting = blocking / (1.0 - load * (1.0 - blocking));
    1.0 + waiting / (k * (1.0 - load))
}

#[test]
fn one_core_is_an_m_m_1_queue() {
    for contender in [
        Contender::Static,
        Contender::CentralFcfs,
        Contender::StealHalf,
    ] {
        let outcome = free(contender, &cell(1, 0.7, Law::Exponential));
        near(outcome.mean, 1.0 / 0.3);
        near(outcome.p99, 100_f64.ln() / 0.3);
    }
}

#[test]
fn one_core_with_other_service_follows_pollaczek_and_khinchine() {
    // The residual of TPC-C in means is 1.24 (see `law`).
    let outcome = free(Contender::Static, &cell(1, 0.7, Law::TpcC));
    near(outcome.mean, 1.0 + 1.24 * 0.7 / 0.3);
}

#[test]
fn a_central_queue_is_an_m_m_k_queue() {
    for (cores, load) in [(2, 0.8), (8, 0.8), (64, 0.9)] {
        let outcome = free(Contender::CentralFcfs, &cell(cores, load, Law::Exponential));
        near(outcome.mean, erlang(cores as u32, load));
    }
}

#[test]
fn processor_sharing_does_not_depend_on_the_law() {
    for law in [Law::Exponential, Law::TpcC] {
        let outcome = free(Contender::ProcessorSharing, &cell(1, 0.6, law));
        near(outcome.mean, 1.0 / 0.4);
    }
    let outcome = free(Contender::ProcessorSharing, &cell(8, 0.8, Law::Exponential));
    near(outcome.mean, erlang(8, 0.8));
}

#[test]
fn stealing_for_free_is_a_central_queue_and_so_is_the_policy() {
    let cell = Cell {
        staleness: 0.0,
        migration_cost: 0.0,
        ..cell(8, 0.8, Law::Exponential)
    };
    // The policy does not wake for what will be served at once, hence a little above.
    for contender in [Contender::StealHalf, Contender::Bee(Elements::ALL)] {
        near(free(contender, &cell).mean, 1.02 * erlang(8, 0.8));
    }
}

#[test]
fn every_contender_ends_every_task_and_twice_in_the_same_way() {
    let mut random = fastrand::Rng::with_seed(17);
    for contender in Contender::ALL {
        for _ in 0..6 {
            let cell = Cell {
                cores: [1, 2, 3, 8, 20, 40][random.usize(..6)],
                load: 0.3 + 0.6 * random.f64(),
                law: Law::ALL[random.usize(..4)],
                arrivals: Arrivals::ALL[random.usize(..4)],
                staleness: [0.0, 0.5, 20.0][random.usize(..3)],
                migration_cost: [0.0, 0.5, 2.0][random.usize(..3)],
            };
            // That every task ends is asserted by the machine.
            let outcome = contender.run(&cell, 3_000, 5);
            assert!(outcome.p999 >= outcome.p99 && outcome.p99 > 0.0);
            assert_eq!(outcome, contender.run(&cell, 3_000, 5), "{cell:?}");
        }
    }
}

#[test]
fn the_policy_ends_every_task_without_any_one_of_its_parts() {
    for (name, elements) in crate::sweep::variants() {
        for arrivals in Arrivals::ALL {
            let cell = Cell::usual(40, Law::Lognormal, arrivals);
            let outcome = Contender::Bee(elements).run(&cell, 4_000, 3);
            assert!(outcome.p99.is_finite(), "{name}");
        }
    }
}

#[test]
fn cores_reserved_for_short_tasks_help_them() {
    let cell = cell(16, 0.7, Law::Bimodal);
    let p99 = |contender: Contender| {
        geometric_mean((1..=3).map(|seed| contender.run(&cell, 40_000, seed).p99))
    };
    assert!(p99(Contender::Darc) < 0.5 * p99(Contender::CentralFcfs));
}

#[test]
fn the_policy_is_not_worse_than_random_stealing_in_a_sample_of_cells() {
    for cores in [2, 8, 64] {
        for arrivals in Arrivals::ALL {
            let cell = Cell::usual(cores, Law::Exponential, arrivals);
            let runs = |contender: Contender| {
                (1..=4)
                    .map(|seed| contender.run(&cell, 10_000, seed))
                    .collect::<Vec<_>>()
            };
            let bee = runs(Contender::Bee(Elements::ALL));
            let ratio = p99_ratio(&bee, &runs(Contender::StealHalf));
            assert_ne!(Verdict::of(ratio), Verdict::Worse, "{cell:?}: {ratio:?}");
        }
    }
}
