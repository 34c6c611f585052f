"""SQL literals and invented values for the sample shop.

Invariants: everything comes from one seeded generator, so the same seed makes the same
bytes; texts hold quotes, backslashes, line ends, accents and emoji on purpose.
"""

from __future__ import annotations

import json
import random
from typing import Any, Sequence

NULL = "NULL"

FIRST = (
    "Ada",
    "Björn",
    "Chloé",
    "Dörte",
    "Émile",
    "Fatima",
    "Grzegorz",
    "Hanako",
    "Iñaki",
    "José",
    "Łucja",
    "Müge",
)
LAST = (
    "O'Brien",
    "Nguyễn",
    "Müller",
    "Åkesson",
    "García",
    "Иванова",
    "山田",
    "Ţepeş",
    "D'Angelo",
    "Smith",
    "Çelik",
)
WORDS = (
    "anchor bright canvas delta ember folding granite harbour indigo jasmine kettle lantern marble nimble "
    "oak pewter quartz rustic silver timber umber velvet walnut yellow zinc copper linen birch cobalt slate"
).split()
EMOJI = ("🚢", "⚓", "🧭", "👩‍🚀", "🇺🇳", "🐙", "💶", "🌊", "🎁", "✨")
CITIES = ("Köln", "Málaga", "Århus", "Besançon", "Porto", "Graz", "Leiden", "Vigo", "Pécs", "Zürich")
STREETS = ("Hafenstraße", "Rue de l'Église", "Calle Mayor", "Østergade", "High Street", "Via Roma")
COUNTRIES = (
    ("AT", "Österreich", "EUR", 9_159_000), ("BE", "België / Belgique", "EUR", 11_700_000),
    ("CH", "Schweiz", "CHF", 8_800_000), ("CI", "Côte d'Ivoire", "XOF", 28_160_000),
    ("CZ", "Česko", "CZK", 10_830_000), ("DE", "Deutschland", "EUR", 84_480_000),
    ("DK", "Danmark", "DKK", 5_930_000), ("ES", "España", "EUR", 48_350_000),
    ("FR", "France", "EUR", 68_170_000), ("GR", "Ελλάδα", "EUR", 10_360_000),
    ("IS", "Ísland", "ISK", 380_000), ("JP", "日本", "JPY", 124_500_000),
    ("NO", "Norge", "NOK", 5_520_000), ("PL", "Polska", "PLN", 36_690_000),
    ("PT", "Portugal", "EUR", 10_530_000), ("AQ", "Antarctica 🐧", "XXX", None),
)  # fmt: skip


def text(value: str) -> str:
    """A text literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def blob(value: bytes) -> str:
    """A binary literal."""
    return f"x'{value.hex()}'" if value else "''"


def document(value: Any) -> str:
    """A JSON literal."""
    return text(json.dumps(value, ensure_ascii=False))


class Dice:
    """The one source of chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.unit = self._random.random
        self.bytes = self._random.randbytes

    def below(self, limit: int) -> int:
        """From 0 to `limit` - 1; much faster than `randrange`."""
        return int(self.unit() * limit)

    def one_of(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[int(self.unit() * len(choices))]

    def maybe(self, chance: float, literal: str) -> str:
        """The literal with this chance, else NULL."""
        return literal if self.unit() < chance else NULL

    def sentence(self, least: int, most: int) -> str:
        """Some words; now and then with what breaks careless quoting."""
        words = [self.one_of(WORDS) for _ in range(least + self.below(most - least + 1))]
        luck = self.unit()
        if luck < 0.08:
            words.append(self.one_of(EMOJI))
        elif luck < 0.11:
            words.append(
                self.one_of(("it's", '"quoted"', "back\\slash", "tab\there", "line\nend", "a\r\nb", "100%_"))
            )
        return " ".join(words)

    def day(self, first_year: int = 2015, years: int = 11) -> str:
        """A date, without its quotes."""
        return f"{first_year + self.below(years)}-{1 + self.below(12):02}-{1 + self.below(28):02}"

    def clock(self, digits: int = 0) -> str:
        """A time of day, without its quotes; 02 is left out, since clocks change then."""
        hour = self.below(23)
        whole = f"{hour if hour < 2 else hour + 1:02}:{self.below(60):02}:{self.below(60):02}"
        return f"{whole}.{self.below(10**digits):0{digits}}" if digits else whole

    def moment(self, digits: int = 0) -> str:
        """A point in time as a literal."""
        return f"'{self.day()} {self.clock(digits)}'"

    def money(self, most: int) -> str:
        """An amount with two decimals."""
        cents = self.below(most * 100)
        return f"{cents // 100}.{cents % 100:02}"

    def point(self) -> str:
        """A place on earth."""
        return f"ST_GeomFromText('POINT({self.unit() * 360 - 180:.6f} {self.unit() * 180 - 90:.6f})')"
