//! Sequences, which hand out numbers beside tables (MariaDB), and tables' use of other things by name.

/// A sequence and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: String,
    /// The type of its numbers, where the server names one: `tinyint unsigned`.
    pub kind: Option<&'static str>,
    /// The number that it began with.
    pub start: i128,
    /// How many numbers its server sets aside at once; 0: none.
    pub cache: u64,
    /// The first number that it has surely not given away.
    pub next: i128,
    /// How often it has begun anew.
    pub round: u64,
    /// What is added for the next number; negative: it counts down.
    pub increment: i128,
    /// Its least and its largest number.
    pub bounds: (i128, i128),
    /// It begins anew after its last number.
    pub cycles: bool,
}

/// A thing that a table's definition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The schema, if it is not the table's own.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

impl Sequence {
    /// Whether numbers that the other one has given away are still to come here.
    pub fn is_behind(&self, other: &Self) -> bool {
        if self.round != other.round {
            return self.round < other.round;
        }
        if other.increment < 0 { self.next > other.next } else { self.next < other.next }
    }

    /// Whether it has no number left to hand out.
    pub fn is_spent(&self) -> bool {
        let (least, largest) = self.bounds;
        !self.cycles && if self.increment < 0 { self.next < least } else { self.next > largest }
    }

    /// Whether both hand out the same numbers in the same order.
    pub fn counts_like(&self, other: &Self) -> bool {
        (self.increment, self.bounds, self.cycles) == (other.increment, other.bounds, other.cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn n04_who_has_no_number_left() {
        for (next, increment, cycles, spent) in [
            (3, 1, false, false),
            (4, 1, false, true),
            (4, 1, true, false),
            (1, -1, false, false),
            (0, -1, false, true),
        ] {
            let (name, start, cache, round) = ("s".into(), 1, 0, 0);
            let of =
                Sequence { name, kind: None, start, cache, next, round, increment, bounds: (1, 3), cycles };
            assert_eq!(of.is_spent(), spent, "{of:?}");
        }
    }

    #[test]
    fn n04_who_is_behind_whom() {
        let of = |next: i128, round: u64, increment: i128| Sequence {
            name: "s".into(),
            kind: None,
            start: 1,
            cache: 0,
            next,
            round,
            increment,
            bounds: (-100, 100),
            cycles: true,
        };
        for (here, there, behind) in [
            (of(5, 0, 1), of(6, 0, 1), true),
            (of(6, 0, 1), of(6, 0, 1), false),
            (of(7, 0, 1), of(6, 0, 1), false),
            (of(-3, 0, -2), of(-5, 0, -2), true),
            (of(-7, 0, -2), of(-5, 0, -2), false),
            (of(90, 0, 1), of(2, 1, 1), true),
            (of(2, 2, 1), of(90, 1, 1), false),
        ] {
            assert_eq!(here.is_behind(&there), behind, "{here:?} {there:?}");
        }
    }
}
