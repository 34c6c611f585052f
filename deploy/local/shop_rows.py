"""The sample shop's rows, table by table.

Invariants: a row's literals stand in the order of `COLUMNS`, which leaves out generated
columns; references always hit a row that exists. Deliberately not here: statements, see
shop.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, Tuple

import shop_extremes
from shop_values import CITIES, COUNTRIES, EMOJI, FIRST, LAST, NULL, STREETS, Dice, blob, document, text

Row = Tuple[str, ...]
_CODES = [row[0] for row in COUNTRIES]
_KINDS = ("home", "work", "delivery", "other")
_WAREHOUSES = ("BCN1", "HAM1", "HAM2", "OSL1", "LIS1", "GRZ1", "ZRH1", "WAW1")
_CATEGORIES = 60

COLUMNS: Dict[str, str] = {
    "countries": "code,name,currency,population,independent_since",
    "categories": "id,parent_id,slug,title,position",
    "suppliers": "id,country_code,name,location,tax_number,terms",
    "products": "id,sku,category_id,supplier_id,title,description,price,tax_rate,weight_kg,popularity,flags,"
    "is_active,condition,labels,attributes,model_year,created_at,changed_at",
    "product_images": "product_id,position,media_type,digest,thumbnail,content",
    "customers": "id,email,name,about,legacy_note,birthday,credit,loyalty_points,call_after,preferences,avatar,"
    "registered_at",
    "customer_addresses": "customer_id,kind,number,street,city,postal_code,country_code,position",
    "orders": "id,customer_id,number,state,placed_at,ship_by,pick_time,comment",
    "order_items": "order_id,line,product_id,quantity,unit_price,discount,engraving",
    "payments": "id,order_id,amount,rate,method,receipt,paid_at",
    "stock_levels": "warehouse,product_id,on_hand,reserved,counted_on",
    "reviews": "id,product_id,customer_id,stars,title,body,helpful,written_at",
    "page_views": "viewed_at,path,customer_id,milliseconds",
    "settings": "name,value,raw",
    "exchange_rates": "day,currency,rate,measured",
    "legacy_extremes": "id,tiny,small,medium,normal,big,huge,exact,single,double,bits,day,clock,moment,stamp,era,"
    "fixed,padded,old",
    "coupons": "code,order_id,percent",
}


class Rows:
    """Makes the rows of every table; `counts` says how many."""

    def __init__(self, dice: Dice, counts: Dict[str, int]) -> None:
        self.dice = dice
        self.counts = counts

    def of(self, table: str) -> Iterator[Row]:
        """The rows of one table. Call it for each table once, in the tables' order."""
        made: Callable[[], Iterator[Row]] = getattr(self, f"_{table}")
        return made()

    def _countries(self) -> Iterator[Row]:
        for code, name, currency, population in COUNTRIES:
            since = str(1901 + self.dice.below(200)) if code != "AQ" else "0"
            yield text(code), text(name), text(currency), str(population or NULL), self.dice.maybe(0.6, since)

    def _categories(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(1, _CATEGORIES + 1):
            parent = NULL if number <= 6 else str(1 + dice.below(number - 1))
            slug = f"{dice.one_of(('Boats', 'boats', 'ropes', 'Ropes', 'charts'))}-{number}"
            title = f"{dice.sentence(1, 3)} {dice.one_of(EMOJI)}"
            yield str(number), parent, text(slug), text(title), str(dice.below(256) - 128)

    def _suppliers(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(1, self.counts["suppliers"] + 1):
            tax = dice.maybe(0.8, blob(number.to_bytes(4, "big") + dice.bytes(dice.below(12))))
            terms = dice.maybe(0.5, text(dice.sentence(30, 200)))
            name = f"{dice.one_of(LAST)} & {dice.one_of(LAST)}"
            yield str(number), text(dice.one_of(_CODES)), text(name), dice.point(), tax, terms

    def _products(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(1, self.counts["products"] + 1):
            labels = ",".join(
                label for label in ("sale", "eco", "fragile", "18+", "gift") if dice.unit() < 0.2
            )
            attributes = {
                "colour": dice.one_of(("red", "blau", "緑")),
                "sizes": [dice.below(50), 1.5],
                "deep": {"n": None},
            }
            yield (
                str(number),
                text(f"SKU-{number:07}-{dice.below(10000):04}"),
                dice.maybe(0.95, str(1 + dice.below(_CATEGORIES))),
                str(1 + dice.below(self.counts["suppliers"])),
                text(dice.sentence(2, 6)),
                dice.one_of((NULL, "''", *[text(dice.sentence(10, 60))] * 6)),
                dice.money(5000),
                dice.one_of(("0.190", "0.070", "0.000")),
                dice.maybe(0.9, f"{dice.unit() * 40:.9g}"),
                repr(dice.unit() * 10 ** dice.below(12)),
                f"b'{dice.below(1024):010b}'",
                str(dice.below(2)),
                dice.one_of(("'new'", "'new'", "'used'", "'refurbished'")),
                text(labels),
                dice.maybe(0.7, document(attributes)),
                dice.maybe(0.8, str(1970 + dice.below(60))),
                dice.moment(6),
                dice.maybe(0.7, dice.moment()),
            )

    def _product_images(self) -> Iterator[Row]:
        dice = self.dice
        every_byte = bytes(range(256))
        for number in range(self.counts["product_images"]):
            product, position = (
                1 + number // 3 % self.counts["products"],
                number % 3 + number // 3 // self.counts["products"] * 3,
            )
            content = every_byte * (1 + dice.below(12)) + dice.bytes(dice.below(4096)) if number % 50 else b""
            digest = number.to_bytes(8, "big") + dice.bytes(24)
            thumbnail = dice.maybe(0.8, blob(dice.bytes(dice.below(200))))
            media = dice.one_of(("'image/png'", "'image/jpeg'", "'image/webp'"))
            yield str(product), str(position), media, blob(digest), thumbnail, blob(content)

    def _customers(self) -> Iterator[Row]:
        dice = self.dice
        # The first one has the key 0, which a careless INSERT turns into another.
        for number in range(self.counts["customers"]):
            name = f"{dice.one_of(FIRST)} {dice.one_of(LAST)}"
            preferences = {
                "newsletter": dice.unit() < 0.5,
                "languages": ["de", "fr"][: dice.below(3)],
                "note": 'a"b\\c',
            }
            yield (
                str(number),
                text(f"person{number}@example.{dice.one_of(('com', 'org', 'net'))}"),
                text(name),
                dice.one_of((NULL, "''", text(dice.sentence(3, 10)), text(dice.one_of(EMOJI) * 5))),
                dice.maybe(0.4, text(dice.one_of(("Straße gesperrt", "déjà vu", "£ and §", "mañana", "")))),
                dice.maybe(0.9, f"'{dice.day(1930, 75)}'"),
                f"{dice.below(10**9) - 10**6}.{dice.below(10**6):06}",
                str(dice.below(2**24) - 2**23),
                dice.maybe(0.5, f"'{dice.clock()}'"),
                dice.maybe(0.6, document(preferences)),
                dice.maybe(0.2, blob(dice.bytes(dice.below(300)))),
                dice.moment(6),
            )

    def _customer_addresses(self) -> Iterator[Row]:
        dice, customers = self.dice, self.counts["customers"]
        for number in range(self.counts["customer_addresses"]):
            kind = _KINDS[number // customers % 4]
            street = f"{dice.one_of(STREETS)} {1 + dice.below(200)}"
            yield (
                str(number % customers),
                text(kind),
                str(number // customers // 4),
                text(street),
                text(dice.one_of(CITIES)),
                text(f"{dice.below(100000):05}" if dice.unit() < 0.9 else ""),
                text(dice.one_of(_CODES)),
                dice.maybe(0.3, dice.point()),
            )

    def _orders(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(1, self.counts["orders"] + 1):
            yield (
                str(number),
                str(dice.below(self.counts["customers"])),
                f"'LS-{number:011}'",
                dice.one_of(("'open'", "'paid'", "'shipped'", "'shipped'", "'returned'", "'cancelled'")),
                dice.moment(6),
                dice.maybe(0.7, f"'{dice.day()}'"),
                dice.maybe(
                    0.5,
                    f"'{dice.below(1677) - 838:03}:{dice.below(60):02}:{dice.below(59):02}.{dice.below(10**6):06}'",
                ),
                dice.maybe(0.15, text(dice.sentence(3, 15))),
            )

    def _order_items(self) -> Iterator[Row]:
        dice, orders = self.dice, self.counts["orders"]
        for number in range(self.counts["order_items"]):
            engraving = text(dice.sentence(1, 3)[:60]) if dice.unit() < 0.05 else NULL
            yield (
                str(number % orders + 1),
                str(number // orders + 1),
                str(1 + dice.below(self.counts["products"])),
                str(1 + dice.below(20)),
                dice.money(900),
                "0" if dice.unit() < 0.8 else f"{dice.unit():.7g}",
                engraving,
            )

    def _payments(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(self.counts["payments"]):
            receipt = document({"till": dice.below(9), "ok": True}) if dice.unit() < 0.3 else NULL
            yield (
                blob(dice.bytes(12) + number.to_bytes(4, "big")),
                str(1 + dice.below(self.counts["orders"])),
                dice.money(4000),
                repr(dice.unit()),
                dice.one_of(("'card'", "'transfer'", "'cash'", "'invoice'", "''")),
                receipt,
                dice.maybe(0.9, dice.moment()),
            )

    def _stock_levels(self) -> Iterator[Row]:
        dice, products = self.dice, self.counts["products"]
        for number in range(min(self.counts["stock_levels"], products * len(_WAREHOUSES))):
            counted = dice.maybe(0.8, f"'{dice.day()}'")
            house = text(_WAREHOUSES[number // products])
            yield (
                house,
                str(number % products + 1),
                str(dice.below(65536) - 32768),
                str(dice.below(2**24)),
                counted,
            )

    def _reviews(self) -> Iterator[Row]:
        dice = self.dice
        for number in range(1, self.counts["reviews"] + 1):
            yield (
                str(number),
                str(1 + dice.below(self.counts["products"])),
                dice.maybe(0.8, str(dice.below(self.counts["customers"]))),
                str(1 + dice.below(5)),
                dice.maybe(0.9, text(dice.sentence(1, 5))),
                dice.one_of((NULL, "''", *[text(dice.sentence(5, 40))] * 8)),
                str(dice.below(2001) - 1000),
                dice.moment(3),
            )

    def _page_views(self) -> Iterator[Row]:
        dice = self.dice
        row: Row = ()
        for number in range(self.counts["page_views"]):
            # Each fifth row is equal to the one before it.
            if number % 5 != 4:
                path = text(f"/{dice.sentence(1, 2).replace(' ', '/')}?page={dice.below(9)}")
                visitor = dice.maybe(0.4, str(dice.below(self.counts["customers"])))
                row = (dice.moment(), path, visitor, str(dice.below(30000)))
            yield row

    def _settings(self) -> Iterator[Row]:
        return shop_extremes.settings(self.dice)

    def _exchange_rates(self) -> Iterator[Row]:
        return shop_extremes.exchange_rates(self.dice)

    def _legacy_extremes(self) -> Iterator[Row]:
        return shop_extremes.legacy_extremes()

    def _coupons(self) -> Iterator[Row]:
        return iter(())
