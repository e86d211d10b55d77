//! Tables and their rows, described once: the SQL of both databases is made from these descriptions.

use crate::field::{Cell, Field, Kind};

/// A column by name.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// A table: the columns of its primary key, the other ones, and which of all have an index of their own.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub keys: &'static [Column],
    pub fields: &'static [Column],
    pub indexed: &'static [&'static str],
}

impl Table {
    /// All columns, those of the key first, as cells of a row are ordered.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.keys.iter().chain(self.fields)
    }
}

/// A typed row.
pub trait Row: Sized {
    type Key;
    const TABLE: &'static Table;

    /// The row as nothing that happened yet leaves it.
    fn empty(key: Self::Key) -> Self;

    fn key_cells(key: &Self::Key) -> Vec<Cell>;

    /// In the order of [`Table::columns`].
    fn cells(&self) -> Vec<Cell>;

    /// None when a cell holds what its column cannot.
    fn of_cells(cells: &[Cell]) -> Option<Self>;
}

/// A row's place.
#[derive(Clone, Debug)]
pub struct Place {
    pub table: &'static Table,
    pub key: Vec<Cell>,
}

impl Place {
    pub fn of<R: Row>(key: &R::Key) -> Self {
        Self { table: R::TABLE, key: R::key_cells(key) }
    }

    fn order(&self) -> (&'static str, &[Cell]) {
        (self.table.name, &self.key)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key: Vec<_> = self.key.iter().map(ToString::to_string).collect();
        write!(f, "{}[{}]", self.table.name, key.join(" "))
    }
}

pub(crate) fn of_cell<T: Field>(cell: Option<&Cell>) -> Option<T> {
    T::of_cell(cell?)
}

macro_rules! or_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// `Name "table" [indexed columns] { key columns; other columns }`, each column with its type and, where it is not the
/// type's own, its value before anything happened.
macro_rules! rows {
    ($(
        $(#[$doc:meta])*
        $name:ident $table:literal [$($indexed:literal)*] {
            $($(#[$key_doc:meta])* $key:ident: $key_type:ty,)*
            ;
            $($(#[$field_doc:meta])* $field:ident: $field_type:ty $(= $default:expr)?,)*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name {
                $($(#[$key_doc])* pub $key: $key_type,)*
                $($(#[$field_doc])* pub $field: $field_type,)*
            }

            impl $crate::row::Row for $name {
                type Key = ($($key_type,)*);
                const TABLE: &'static $crate::row::Table = &$crate::row::Table {
                    name: concat!("vouch_", $table),
                    keys: &[$($crate::row::Column {
                        name: stringify!($key),
                        kind: <$key_type as $crate::field::Field>::KIND,
                    }),*],
                    fields: &[$($crate::row::Column {
                        name: stringify!($field),
                        kind: <$field_type as $crate::field::Field>::KIND,
                    }),*],
                    indexed: &[$($indexed),*],
                };

                fn empty(($($key,)*): Self::Key) -> Self {
                    Self { $($key,)* $($field: $crate::row::or_default!($($default)?),)* }
                }

                fn key_cells(($($key,)*): &Self::Key) -> Vec<$crate::field::Cell> {
                    vec![$($crate::field::Field::cell($key)),*]
                }

                fn cells(&self) -> Vec<$crate::field::Cell> {
                    vec![
                        $($crate::field::Field::cell(&self.$key),)*
                        $($crate::field::Field::cell(&self.$field),)*
                    ]
                }

                fn of_cells(cells: &[$crate::field::Cell]) -> Option<Self> {
                    let mut cells = cells.iter();
                    Some(Self {
                        $($key: $crate::row::of_cell(cells.next())?,)*
                        $($field: $crate::row::of_cell(cells.next())?,)*
                    })
                }
            }
        )*
    };
}

pub(crate) use {or_default, rows};
