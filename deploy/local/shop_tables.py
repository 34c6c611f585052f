"""The sample shop's tables: their definitions and how large each is.

Together they hold what a sync has to carry unharmed: every common column type,
composite and string keys, an AUTO_INCREMENT key of 0, references (to itself, with
cascades), secondary unique keys, a full-text index, a point, two character sets, and
tables with no key and with no row. Generated columns only on request: MariaDB's own
CHECKSUM TABLE (seen on 10.11) adds memory it never filled for them, so it differs
between two equal tables, and a person who compares by it would be misled.
Deliberately not here: rows. See shop_rows.
"""

from __future__ import annotations

from typing import Dict

# Share of all rows, in thousandths; what is missing from 1000 is in the small tables.
SHARES: Dict[str, int] = {
    "suppliers": 1,
    "products": 25,
    "product_images": 6,
    "customers": 50,
    "customer_addresses": 60,
    "orders": 150,
    "order_items": 400,
    "payments": 100,
    "stock_levels": 80,
    "reviews": 95,
    "page_views": 30,
}

_TAIL = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"

_GENERATED = ("GENERATED ALWAYS", "KEY `gross`")


def definitions(generated: bool) -> Dict[str, str]:
    """The tables in the order in which they can be made, with generated columns or without."""
    if generated:
        return _DEFINITIONS
    return {
        name: "\n".join(line for line in text.splitlines() if not any(mark in line for mark in _GENERATED))
        for name, text in _DEFINITIONS.items()
    }


_DEFINITIONS: Dict[str, str] = {
    "countries": f"""CREATE TABLE `countries` (
  `code` char(2) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,
  `name` varchar(80) NOT NULL,
  `currency` char(3) NOT NULL DEFAULT 'EUR',
  `population` int unsigned DEFAULT NULL,
  `independent_since` year DEFAULT NULL,
  PRIMARY KEY (`code`),
  UNIQUE KEY `name` (`name`)
) {_TAIL}""",
    "categories": f"""CREATE TABLE `categories` (
  `id` smallint unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` smallint unsigned DEFAULT NULL,
  `slug` varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `title` varchar(120) NOT NULL COMMENT 'what people see; may hold emoji',
  `position` tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `slug` (`slug`),
  KEY `parent` (`parent_id`,`position`),
  CONSTRAINT `categories_parent` FOREIGN KEY (`parent_id`) REFERENCES `categories` (`id`) ON DELETE SET NULL
) {_TAIL}""",
    "suppliers": f"""CREATE TABLE `suppliers` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `country_code` char(2) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,
  `name` varchar(100) NOT NULL,
  `location` point NOT NULL,
  `tax_number` varbinary(16) DEFAULT NULL,
  `terms` mediumtext DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `tax_number` (`tax_number`),
  KEY `country` (`country_code`),
  CONSTRAINT `suppliers_country` FOREIGN KEY (`country_code`) REFERENCES `countries` (`code`) ON UPDATE CASCADE
) {_TAIL}""",
    "products": f"""CREATE TABLE `products` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `sku` varchar(24) NOT NULL,
  `category_id` smallint unsigned DEFAULT NULL,
  `supplier_id` int unsigned NOT NULL,
  `title` varchar(200) NOT NULL,
  `description` text DEFAULT NULL,
  `price` decimal(12,2) NOT NULL,
  `tax_rate` decimal(4,3) NOT NULL DEFAULT 0.190,
  `gross` decimal(14,2) GENERATED ALWAYS AS (round(`price` * (1 + `tax_rate`),2)) STORED,
  `title_length` int GENERATED ALWAYS AS (char_length(`title`)) VIRTUAL,
  `weight_kg` float DEFAULT NULL,
  `popularity` double NOT NULL DEFAULT 0,
  `flags` bit(10) NOT NULL DEFAULT b'0',
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `condition` enum('new','used','refurbished') NOT NULL DEFAULT 'new',
  `labels` set('sale','eco','fragile','18+','gift') NOT NULL DEFAULT '',
  `attributes` json DEFAULT NULL,
  `model_year` year DEFAULT NULL,
  `created_at` datetime(6) NOT NULL,
  `changed_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `sku` (`sku`),
  KEY `category` (`category_id`),
  KEY `supplier` (`supplier_id`),
  KEY `gross` (`gross`),
  FULLTEXT KEY `words` (`title`,`description`),
  CONSTRAINT `products_category` FOREIGN KEY (`category_id`) REFERENCES `categories` (`id`) ON DELETE SET NULL,
  CONSTRAINT `products_supplier` FOREIGN KEY (`supplier_id`) REFERENCES `suppliers` (`id`)
) {_TAIL}""",
    "product_images": f"""CREATE TABLE `product_images` (
  `product_id` bigint unsigned NOT NULL,
  `position` tinyint unsigned NOT NULL,
  `media_type` varchar(40) CHARACTER SET ascii NOT NULL,
  `digest` binary(32) NOT NULL,
  `thumbnail` tinyblob DEFAULT NULL,
  `content` mediumblob NOT NULL,
  PRIMARY KEY (`product_id`,`position`),
  UNIQUE KEY `digest` (`digest`),
  CONSTRAINT `images_product` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE CASCADE
) {_TAIL}""",
    "customers": f"""CREATE TABLE `customers` (
  `id` int NOT NULL AUTO_INCREMENT,
  `email` varchar(120) NOT NULL,
  `name` varchar(120) NOT NULL,
  `about` tinytext DEFAULT NULL,
  `legacy_note` varchar(100) CHARACTER SET latin1 COLLATE latin1_german1_ci DEFAULT NULL,
  `birthday` date DEFAULT NULL,
  `credit` decimal(20,6) NOT NULL DEFAULT 0.000000,
  `loyalty_points` mediumint NOT NULL DEFAULT 0,
  `call_after` time DEFAULT NULL,
  `preferences` json DEFAULT NULL,
  `avatar` blob DEFAULT NULL,
  `registered_at` timestamp(6) NOT NULL DEFAULT current_timestamp(6),
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`),
  KEY `registered` (`registered_at`)
) {_TAIL}""",
    "customer_addresses": f"""CREATE TABLE `customer_addresses` (
  `customer_id` int NOT NULL,
  `kind` enum('home','work','delivery','other') NOT NULL,
  `number` tinyint unsigned NOT NULL,
  `street` varchar(120) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL,
  `city` varchar(80) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL,
  `postal_code` varchar(12) NOT NULL DEFAULT '',
  `country_code` char(2) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,
  `position` point DEFAULT NULL,
  PRIMARY KEY (`customer_id`,`kind`,`number`),
  KEY `country` (`country_code`),
  CONSTRAINT `addresses_customer` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`id`) ON DELETE CASCADE,
  CONSTRAINT `addresses_country` FOREIGN KEY (`country_code`) REFERENCES `countries` (`code`) ON UPDATE CASCADE
) {_TAIL}""",
    "orders": f"""CREATE TABLE `orders` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `customer_id` int NOT NULL,
  `number` char(14) CHARACTER SET ascii NOT NULL,
  `state` enum('open','paid','shipped','returned','cancelled') NOT NULL,
  `placed_at` datetime(6) NOT NULL,
  `ship_by` date DEFAULT NULL,
  `pick_time` time(6) DEFAULT NULL,
  `comment` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `number` (`number`),
  KEY `customer` (`customer_id`,`placed_at`),
  CONSTRAINT `orders_customer` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`id`)
) {_TAIL}""",
    "order_items": f"""CREATE TABLE `order_items` (
  `order_id` bigint NOT NULL,
  `line` smallint unsigned NOT NULL,
  `product_id` bigint unsigned NOT NULL,
  `quantity` int unsigned NOT NULL,
  `unit_price` decimal(12,2) NOT NULL,
  `discount` float NOT NULL DEFAULT 0,
  `line_total` decimal(16,2) GENERATED ALWAYS AS (`quantity` * `unit_price`) STORED,
  `engraving` varchar(60) DEFAULT NULL,
  PRIMARY KEY (`order_id`,`line`),
  KEY `product` (`product_id`),
  CONSTRAINT `items_order` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE CASCADE,
  CONSTRAINT `items_product` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`)
) {_TAIL}""",
    "payments": f"""CREATE TABLE `payments` (
  `id` binary(16) NOT NULL,
  `order_id` bigint NOT NULL,
  `amount` decimal(12,2) NOT NULL,
  `rate` double NOT NULL,
  `method` varchar(20) NOT NULL,
  `receipt` json DEFAULT NULL,
  `paid_at` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `order` (`order_id`),
  CONSTRAINT `payments_order` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE CASCADE
) {_TAIL}""",
    "stock_levels": f"""CREATE TABLE `stock_levels` (
  `warehouse` char(4) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,
  `product_id` bigint unsigned NOT NULL,
  `on_hand` smallint NOT NULL,
  `reserved` mediumint unsigned NOT NULL DEFAULT 0,
  `counted_on` date DEFAULT NULL,
  PRIMARY KEY (`warehouse`,`product_id`),
  KEY `product` (`product_id`),
  CONSTRAINT `stock_product` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE CASCADE
) {_TAIL}""",
    "reviews": f"""CREATE TABLE `reviews` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `product_id` bigint unsigned NOT NULL,
  `customer_id` int DEFAULT NULL,
  `stars` tinyint unsigned NOT NULL,
  `title` varchar(150) DEFAULT NULL,
  `body` text DEFAULT NULL,
  `helpful` int NOT NULL DEFAULT 0,
  `written_at` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `product` (`product_id`,`stars`),
  KEY `customer` (`customer_id`),
  CONSTRAINT `reviews_product` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE CASCADE,
  CONSTRAINT `reviews_customer` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`id`) ON DELETE SET NULL
) {_TAIL}""",
    # No key at all, and rows that are equal to each other.
    "page_views": f"""CREATE TABLE `page_views` (
  `viewed_at` datetime NOT NULL,
  `path` varchar(200) NOT NULL,
  `customer_id` int DEFAULT NULL,
  `milliseconds` int unsigned NOT NULL
) {_TAIL}""",
    "settings": f"""CREATE TABLE `settings` (
  `name` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `value` longtext DEFAULT NULL,
  `raw` longblob DEFAULT NULL,
  PRIMARY KEY (`name`)
) {_TAIL}""",
    "exchange_rates": f"""CREATE TABLE `exchange_rates` (
  `day` date NOT NULL,
  `currency` char(3) CHARACTER SET ascii NOT NULL,
  `rate` decimal(30,15) NOT NULL,
  `measured` double NOT NULL,
  PRIMARY KEY (`day`,`currency`)
) {_TAIL}""",
    # Extremes of every type, and dates that only an old application would write.
    "legacy_extremes": f"""CREATE TABLE `legacy_extremes` (
  `id` tinyint NOT NULL,
  `tiny` tinyint unsigned DEFAULT NULL,
  `small` smallint DEFAULT NULL,
  `medium` mediumint DEFAULT NULL,
  `normal` int DEFAULT NULL,
  `big` bigint DEFAULT NULL,
  `huge` bigint unsigned DEFAULT NULL,
  `exact` decimal(65,30) DEFAULT NULL,
  `single` float DEFAULT NULL,
  `double` double DEFAULT NULL,
  `bits` bit(64) DEFAULT NULL,
  `day` date DEFAULT NULL,
  `clock` time(6) DEFAULT NULL,
  `moment` datetime(6) DEFAULT NULL,
  `stamp` timestamp NULL DEFAULT NULL,
  `era` year DEFAULT NULL,
  `fixed` char(10) DEFAULT NULL,
  `padded` binary(8) DEFAULT NULL,
  `old` varchar(300) CHARACTER SET latin1 DEFAULT NULL,
  PRIMARY KEY (`id`)
) {_TAIL}""",
    "coupons": f"""CREATE TABLE `coupons` (
  `code` varchar(20) NOT NULL,
  `order_id` bigint DEFAULT NULL,
  `percent` decimal(5,2) NOT NULL,
  PRIMARY KEY (`code`),
  KEY `order` (`order_id`),
  CONSTRAINT `coupons_order` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE SET NULL
) {_TAIL}""",
}
