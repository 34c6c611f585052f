"""The sample shop's odd rows: the ends of every type, and what careless code breaks on.

Invariants: the rows' literals stand in the order of `shop_rows.COLUMNS`.
"""

from __future__ import annotations

from typing import Iterator, Tuple

from shop_values import NULL, Dice, blob, text

Row = Tuple[str, ...]

_NINES = "9" * 35 + "." + "9" * 30
_LEGACY_EXTREMES: Tuple[Row, ...] = (
    (
        *("-128", "0", "-32768", "-8388608", "-2147483648", "-9223372036854775808", "0", f"-{_NINES}"),
        *("-3.4028234e38", "-1.7976931348623157e308", "x'0000000000000000'", "'1000-01-01'"),
        *("'-838:59:59.000000'", "'1000-01-01 00:00:00.000000'", "'1970-01-01 00:00:01'", "1901"),
        *("''", "x'0000000000000000'", "''"),
    ),
    (
        *(
            "127",
            "255",
            "32767",
            "8388607",
            "2147483647",
            "9223372036854775807",
            "18446744073709551615",
            _NINES,
        ),
        *("3.4028234e38", "1.7976931348623157e308", "x'ffffffffffffffff'", "'9999-12-31'"),
        *("'838:59:59.000000'", "'9999-12-31 23:59:59.999999'", "'2038-01-19 03:14:07'", "2155"),
        *(
            "'wide wide'",
            "x'ff00ff00ff00ff00'",
            "convert(x'" + bytes(range(128, 256)).hex() + "' using latin1)",
        ),
    ),
    (
        *(
            "0",
            "1",
            "0",
            "0",
            "0",
            "0",
            "1",
            "0.000000000000000000000000000001",
            "1.1754944e-38",
            "5e-324",
            "b'1'",
        ),
        *(
            "'0000-00-00'",
            "'00:00:00.000001'",
            "'0000-00-00 00:00:00.000000'",
            "0",
            "0",
            "'  lead'",
            "'a\\0b'",
        ),
        text('tab\t, comma, "quote", back\\slash, nul\\0, line\n'),
    ),
    ("1", *[NULL] * 18),
)


def settings(dice: Dice) -> Iterator[Row]:
    """Empty and long texts, and names that differ by case only."""
    yield text(""), NULL, NULL
    yield text("empty"), text(""), blob(b"")
    yield text("Case"), text("upper"), NULL
    yield text("case"), text("lower"), NULL
    yield text("long"), text("Longshore ⚓ " * 20_000), blob(bytes(range(256)) * 1000)
    for number in range(100):
        yield (
            text(f"shop.option.{number:03}"),
            text(dice.sentence(0, 20)),
            dice.maybe(0.3, blob(dice.bytes(64))),
        )


def exchange_rates(dice: Dice) -> Iterator[Row]:
    """Long decimals, doubles of every size, a key of date and text."""
    for day in range(1, 29):
        for currency in ("CHF", "DKK", "JPY", "NOK", "PLN", "USD"):
            rate = f"{dice.below(10**6)}.{dice.below(10**15):015}"
            yield (
                f"'2025-02-{day:02}'",
                text(currency),
                rate,
                repr(dice.unit() * 10.0 ** (dice.below(600) - 300)),
            )


def legacy_extremes() -> Iterator[Row]:
    """The least, the greatest, the oddest and no value of every type."""
    return iter(_LEGACY_EXTREMES)
