//! Natural numbers of any size, with as much arithmetic as it takes to turn decimal
//! text into binary floats and back.
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A natural number of any size: 32-bit limbs, the lowest first, no zero on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(value: u64) -> Self {
        let mut big = Self(alloc::vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }
}

impl Big {
    pub(super) fn from_decimal(digits: &[u8]) -> Self {
        let mut big = Self(Vec::new());
        for chunk in digits.chunks(9) {
            let value = chunk
                .iter()
                .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            big.multiply_add(10_u32.pow(chunk.len() as u32), value);
        }
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bits(&self) -> u32 {
        match self.0.last() {
            Some(top) => self.0.len() as u32 * 32 - top.leading_zeros(),
            None => 0,
        }
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    pub(super) fn multiply_power_of_ten(&mut self, power: u32) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10_u32.pow(power % 9), 0);
    }

    pub(super) fn shift_left(&mut self, by: u32) {
        let bits = by % 32;
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.0 {
                let shifted = (u64::from(*limb) << bits) | carry;
                *limb = shifted as u32;
                carry = shifted >> 32;
            }
            if carry > 0 {
                self.0.push(carry as u32);
            }
        }
        if !self.0.is_empty() {
            self.0
                .splice(0..0, core::iter::repeat_n(0, (by / 32) as usize));
        }
    }

    fn at_least(&self, other: &Self) -> bool {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
            != Ordering::Less
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (i, limb) in self.0.iter_mut().enumerate() {
            let subtrahend = i64::from(other.0.get(i).copied().unwrap_or(0)) + borrow;
            let difference = i64::from(*limb) - subtrahend;
            *limb = difference as u32;
            borrow = i64::from(difference < 0);
        }
        self.trim();
    }

    /// The quotient's leading 66 bits or more as `value * 2^exponent`, and whether
    /// a remainder is left.
    pub(super) fn divide(mut self, mut divisor: Self) -> (u128, i32, bool) {
        const STEPS: i32 = 67;
        let alignment = self.bits() as i32 - divisor.bits() as i32;
        if alignment > 0 {
            divisor.shift_left(alignment.unsigned_abs());
        } else {
            self.shift_left(alignment.unsigned_abs());
        }
        let mut quotient = 0;
        for _ in 0..STEPS {
            quotient <<= 1;
            if self.at_least(&divisor) {
                self.subtract(&divisor);
                quotient |= 1;
            }
            self.shift_left(1);
        }
        (quotient, alignment - (STEPS - 1), !self.0.is_empty())
    }

    pub(super) fn to_decimal(&self) -> String {
        let mut limbs = self.clone();
        let mut groups = Vec::new();
        while !limbs.0.is_empty() {
            let mut remainder = 0;
            for limb in limbs.0.iter_mut().rev() {
                let value = (remainder << 32) | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                remainder = value % 1_000_000_000;
            }
            limbs.trim();
            groups.push(remainder);
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&alloc::format!("{group:09}"));
        }
        text
    }
}
