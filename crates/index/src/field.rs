//! How a value stands in a column, the same way in every database.
//!
//! - Addresses and hashes are `0x` and lower-case hex; the columns compare byte by byte, so order and paging are the same
//!   everywhere.
//! - 256-bit numbers are 78 decimal digits with leading zeros: as text they sort as numbers, no database has such an integer
//!   type, and PostgreSQL sums them after `::numeric`.
//! - Whatever fits 63 bits (blocks, magnitudes, counts) is an integer.

use alloy_primitives::{Address, B256, U256};

/// Digits of 2^256 - 1.
const U256_DIGITS: usize = 78;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Text,
}

/// One value of one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Integer(i64),
    Text(String),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            // Leading zeros are for databases, not for people.
            Self::Text(text) if text.len() == U256_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let digits = text.trim_start_matches('0');
                f.write_str(if digits.is_empty() { "0" } else { digits })
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A type that has a column.
pub trait Field: Sized {
    const KIND: Kind;

    fn cell(&self) -> Cell;

    /// None for a cell that no value of this type makes: somebody wrote into the database.
    fn of_cell(cell: &Cell) -> Option<Self>;
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Integer(_) => None,
    }
}

fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(integer) => Some(*integer),
        Cell::Text(_) => None,
    }
}

/// Hex in the one form that [`Field::cell`] writes.
fn hex<T: std::str::FromStr + std::fmt::LowerHex>(cell: &Cell) -> Option<T> {
    let text = text(cell)?;
    let value: T = text.parse().ok()?;
    (format!("{value:#x}") == text).then_some(value)
}

impl Field for Address {
    const KIND: Kind = Kind::Text;

    fn cell(&self) -> Cell {
        Cell::Text(format!("{self:#x}"))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        hex(cell)
    }
}

impl Field for B256 {
    const KIND: Kind = Kind::Text;

    fn cell(&self) -> Cell {
        Cell::Text(format!("{self:#x}"))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        hex(cell)
    }
}

impl Field for U256 {
    const KIND: Kind = Kind::Text;

    fn cell(&self) -> Cell {
        let digits = self.to_string();
        Cell::Text(format!("{}{digits}", "0".repeat(U256_DIGITS.saturating_sub(digits.len()))))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        let text = text(cell)?;
        let is_whole = text.len() == U256_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| Self::from_str_radix(text, 10).ok())?
    }
}

/// At most 63 bits: events with more are refused before they get here.
impl Field for u64 {
    const KIND: Kind = Kind::Integer;

    fn cell(&self) -> Cell {
        Cell::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        Self::try_from(integer(cell)?).ok()
    }
}

impl Field for u32 {
    const KIND: Kind = Kind::Integer;

    fn cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        Self::try_from(integer(cell)?).ok()
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Integer;

    fn cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        match integer(cell)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;

    fn cell(&self) -> Cell {
        Cell::Text(self.clone())
    }

    fn of_cell(cell: &Cell) -> Option<Self> {
        text(cell).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_text_and_come_back() {
        let numbers = [U256::ZERO, U256::from(9), U256::from(10), U256::from(u128::MAX), U256::MAX];
        let cells: Vec<_> = numbers.iter().map(Field::cell).collect();
        assert!(cells.is_sorted(), "{cells:?}");
        for (number, cell) in numbers.iter().zip(&cells) {
            assert_eq!(U256::of_cell(cell), Some(*number));
            assert_eq!(cell.to_string(), number.to_string());
        }
    }

    #[test]
    fn what_this_program_did_not_write_is_no_value() {
        let address = Address::repeat_byte(0xab);
        assert_eq!(Address::of_cell(&address.cell()), Some(address));
        for wrong in [address.to_string(), "0xab".to_owned(), "9".repeat(U256_DIGITS), "7".to_owned(), String::new()] {
            let cell = Cell::Text(wrong);
            assert_eq!((Address::of_cell(&cell), U256::of_cell(&cell)), (None, None), "{cell}");
        }
        assert_eq!((u64::of_cell(&Cell::Integer(-1)), bool::of_cell(&Cell::Integer(2))), (None, None));
        assert_eq!(u32::of_cell(&Cell::Integer(1 << 32)), None);
    }
}
