//! A small shop: foreign keys, a self reference, composite keys, a table without a key, and
//! rows with what commonly breaks (emoji, NULLs, empties, blobs, JSON).

use crate::schema::Schema;

/// The shop's table without a key.
pub const KEYLESS: &str = "page_views";

/// Fills an empty schema: `customers` customers and about eight times as many other rows.
pub async fn shop(schema: &Schema, customers: u32) {
    for sql in TABLES {
        schema.run(sql).await;
    }
    for sql in ROWS {
        schema.run(&sql.replace("{n}", &customers.to_string())).await;
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE countries (code CHAR(2) CHARACTER SET ascii PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE)",
    "CREATE TABLE customers (
        id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL, name VARCHAR(100),
        country CHAR(2) CHARACTER SET ascii, balance DECIMAL(12,2) NOT NULL DEFAULT 0, rating FLOAT, born DATE,
        photo BLOB, notes TEXT, seen TIMESTAMP(6) NULL, active TINYINT(1) NOT NULL DEFAULT 1,
        UNIQUE KEY email (email), KEY born (born),
        CONSTRAINT customer_country FOREIGN KEY (country) REFERENCES countries (code))",
    "CREATE TABLE categories (
        id SMALLINT PRIMARY KEY, parent_id SMALLINT NULL, name VARCHAR(60) NOT NULL,
        CONSTRAINT category_parent FOREIGN KEY (parent_id) REFERENCES categories (id))",
    "CREATE TABLE products (
        sku VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, category_id SMALLINT NOT NULL,
        title VARCHAR(200) NOT NULL, price DECIMAL(10,4) NOT NULL, attributes JSON, weight DOUBLE,
        kind ENUM('thing', 'service', 'gift card') NOT NULL, marks SET('new', 'sale', 'last'),
        FULLTEXT KEY title (title),
        CONSTRAINT product_category FOREIGN KEY (category_id) REFERENCES categories (id))",
    "CREATE TABLE orders (
        id BIGINT AUTO_INCREMENT PRIMARY KEY, customer_id INT UNSIGNED NOT NULL, placed DATETIME(3) NOT NULL,
        state ENUM('open', 'paid', 'sent') NOT NULL DEFAULT 'open', KEY placed (placed, state),
        CONSTRAINT order_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE)",
    "CREATE TABLE order_items (
        order_id BIGINT, line SMALLINT, sku VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        quantity INT NOT NULL, price DECIMAL(10,4) NOT NULL,
        total DECIMAL(16,4) AS (quantity * price) STORED, PRIMARY KEY (order_id, line), KEY sku (sku),
        CONSTRAINT item_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
        CONSTRAINT item_product FOREIGN KEY (sku) REFERENCES products (sku))",
    "CREATE TABLE `odd ``name`` ü` (`a b` INT, `c;d` VARCHAR(40), `ключ` CHAR(3) NOT NULL,
        PRIMARY KEY (`ключ`, `a b`))",
    "CREATE TABLE settings (name VARCHAR(60) PRIMARY KEY, value LONGTEXT)",
    "CREATE TABLE empty_table (id INT PRIMARY KEY, note TEXT)",
    "CREATE TABLE page_views (path VARCHAR(100), customer_id INT, at DATETIME, KEY path (path))",
];

const ROWS: &[&str] = &[
    "INSERT INTO countries VALUES ('DE', 'Deutschland'), ('FR', 'France'), ('KR', '대한민국'), ('GR', 'Ελλάδα')",
    "INSERT INTO customers
        SELECT seq, CONCAT('c', seq, '@example.com'),
            IF(seq % 11 = 0, NULL, IF(seq % 7 = 0, '', CONCAT('Näme 😀 ', seq))),
            ELT(1 + seq % 5, 'DE', 'FR', 'KR', 'GR', NULL), seq / 7, seq / 3,
            IF(seq % 13 = 0, NULL, DATE_ADD('1950-01-01', INTERVAL seq % 20000 DAY)),
            IF(seq % 5 = 0, NULL, IF(seq % 5 = 1, '', UNHEX(REPEAT(SHA2(seq, 256), 1 + seq % 4)))),
            REPEAT(CONCAT(CHAR(9, 10, 13, 92, 39 USING utf8mb4), LEFT(SHA2(seq, 256), 32)), seq % 9),
            IF(seq % 3 = 0, NULL, FROM_UNIXTIME(1000000000 + seq * 3601.123456)), seq % 3
        FROM seq_1_to_{n}",
    "INSERT INTO categories SELECT seq, NULL, CONCAT('root ', seq) FROM seq_1_to_5",
    "INSERT INTO categories SELECT seq, 1 + seq % 5, CONCAT('branch ', seq) FROM seq_6_to_40",
    "INSERT INTO products
        SELECT CONCAT('P-', LPAD(seq, 6, '0')), 1 + seq % 40, CONCAT('product ', LEFT(SHA2(seq, 256), 32)), seq * 1.2345,
            IF(seq % 4 = 0, NULL, JSON_OBJECT('n', seq, 't', CONCAT('\\\"', seq, '\\n'))), seq / 9e3,
            1 + seq % 3, seq % 8
        FROM seq_1_to_200",
    "INSERT INTO orders
        SELECT seq, 1 + seq * 7 % {n}, DATE_ADD('2020-01-01', INTERVAL seq * 61 SECOND), 1 + seq % 3
        FROM seq_1_to_{n}",
    "INSERT INTO order_items (order_id, line, sku, quantity, price)
        SELECT o.seq, l.seq, CONCAT('P-', LPAD(1 + (o.seq * 3 + l.seq) % 200, 6, '0')), l.seq, o.seq / 100
        FROM seq_1_to_{n} o JOIN seq_1_to_3 l",
    "INSERT INTO `odd ``name`` ü` SELECT seq, CONCAT('a;b`c', seq), ELT(1 + seq % 3, 'x', 'ä', '') FROM seq_1_to_50",
    "INSERT INTO settings VALUES ('null', NULL), ('empty', ''), ('long', REPEAT('ü€😀\\0', 30000)), ('\\\\', '\\\\N')",
    "INSERT INTO page_views SELECT CONCAT('/p/', seq % 50), seq % 100, '2024-01-01' FROM seq_1_to_{n}",
    "INSERT INTO page_views SELECT '/twice', 1, '2024-01-01' FROM seq_1_to_20",
    "INSERT INTO page_views VALUES (NULL, NULL, NULL), (NULL, NULL, NULL), ('', 0, NULL)",
];
