//! Huge pages for memory that is there already, whoever it belongs to.

/// The size of a huge page, on x86-64 and usually on 64-bit Arm. Where they are larger, the system
/// refuses, and nothing is lost but the attempt.
const HUGE_BYTES: usize = 2 << 20;
/// `MADV_COLLAPSE` of Linux 6.1, which not every C library names.
const ADVICE_COLLAPSE: libc::c_int = 25;

/// Makes huge pages of the part of a range that whole ones fit into; answers how many bytes are in such
/// pages now. What the range contains does not change, and nobody has to wait but the caller, and who
/// uses a page just then: about a millisecond for each.
///
/// For tables that are large and read at random, once they are filled. Memory in the range that is not
/// used yet is taken from the system, too.
///
/// 0 where the system cannot: a kernel before 6.1, no huge pages, or none free.
#[must_use = "the system may refuse"]
pub fn collapse(start: *const u8, bytes: usize) -> usize {
    let end = start.addr().saturating_add(bytes);
    let first = start.addr().checked_next_multiple_of(HUGE_BYTES);
    (first.unwrap_or(end)..end)
        .step_by(HUGE_BYTES)
        .filter(|page| end - page >= HUGE_BYTES)
        .filter(|&page| {
            let page = start.with_addr(page).cast_mut().cast();
            // SAFETY: which pages may hold a range changes nothing in what it contains. Where nothing
            // is mapped, the system refuses.
            let allowed = unsafe { libc::madvise(page, HUGE_BYTES, libc::MADV_HUGEPAGE) };
            // SAFETY: nor does it matter to the contents which pages do hold it.
            allowed == 0 && unsafe { libc::madvise(page, HUGE_BYTES, ADVICE_COLLAPSE) } == 0
        })
        .count()
        * HUGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_huge_pages_within_the_range_are_made_or_refused_and_keep_their_contents() {
        let memory: Vec<u64> = (0..(3 * HUGE_BYTES / 8) as u64).collect();
        let bytes = collapse(memory.as_ptr().cast(), 3 * HUGE_BYTES);
        assert!(bytes.is_multiple_of(HUGE_BYTES));
        // Two fit for certain, three only if the range happens to begin with one.
        assert!(bytes <= 3 * HUGE_BYTES);
        assert!(memory.iter().zip(0..).all(|(&word, number)| word == number));
    }

    #[test]
    fn a_range_without_memory_or_without_room_is_left_alone() {
        assert_eq!(collapse(std::ptr::null(), HUGE_BYTES), 0);
        assert_eq!(collapse([0_u8; 64].as_ptr(), 64), 0);
        assert_eq!(collapse(std::ptr::without_provenance(usize::MAX - 5), 9), 0);
    }
}
