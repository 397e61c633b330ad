//! Prints the table of the learned policy's prior, as it stands in
//! `ant-colony/policy/src/ant/prior/table.rs`.

fn main() -> Result<(), ant_colony_sim::TraceError> {
    println!(
        "//! The table of the prior: hazards in steps of an eighth of an octave below certainty."
    );
    println!("//!");
    println!("//! Rows: all objects, those of each count, those of each kind. Printed by");
    println!("//! `cargo run -p ant-colony-sim --example prior`.");
    println!();
    println!("use super::super::age::BUCKETS;");
    println!();
    println!("#[rustfmt::skip]");
    println!("pub(super) const TABLE: [[u8; BUCKETS]; super::ROWS] = [");
    for row in ant_colony_sim::prior_table()? {
        println!("    [");
        for levels in row.chunks(16) {
            let levels: Vec<_> = levels.iter().map(|level| format!("{level},")).collect();
            println!("        {}", levels.join(" "));
        }
        println!("    ],");
    }
    println!("];");
    Ok(())
}
