//! Nasty values: numbers, times, and what is stored as a number.

use super::Case;

pub(super) const CASES: &[Case] = &[
    // D23, D24: no number becomes a truth value, no unsigned one overflows.
    Case {
        name: "ints",
        make: &[
            "CREATE TABLE {T} (id BIGINT PRIMARY KEY, a TINYINT(1), b TINYINT UNSIGNED, c SMALLINT, \
             d MEDIUMINT UNSIGNED, e INT(8) UNSIGNED ZEROFILL, f BIGINT UNSIGNED, y YEAR)",
            "INSERT INTO {T} VALUES (-9223372036854775808,127,255,-32768,16777215,4294967295,18446744073709551615,2155),\
             (9223372036854775807,-128,0,32767,0,0,0,'0000'),(0,0,1,1,1,1,9223372036854775808,1901),\
             (-1,NULL,NULL,NULL,NULL,NULL,NULL,NULL),(5,1,1,1,1,42,1,2000),(1000000,1,1,1,1,1,1,1970)",
        ],
    },
    // D2.
    Case {
        name: "u64key",
        make: &[
            "CREATE TABLE {T} (id BIGINT UNSIGNED PRIMARY KEY, v INT)",
            "INSERT INTO {T} VALUES (0,1),(1,2),(9223372036854775807,3),(9223372036854775808,4),\
             (18446744073709551614,5),(18446744073709551615,6)",
        ],
    },
    // D50: key 0 stays 0.
    Case {
        name: "autozero",
        make: &[
            "CREATE TABLE {T} (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20))",
            "INSERT INTO {T} VALUES (0,'zero'),(-5,'minus'),(7,'seven'),(2147483647,'max')",
        ],
    },
    Case {
        name: "autozero2",
        make: &[
            "CREATE TABLE {T} (id INT AUTO_INCREMENT PRIMARY KEY, e ENUM('x','y'), b BIT(3), \
             ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
             ts2 TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, n VARCHAR(5) DEFAULT 'q', g INT GENERATED ALWAYS AS (b+1) VIRTUAL)",
            "INSERT INTO {T} (id,e,b,ts,ts2,n) VALUES (0,'x',1,'2001-01-01','2001-01-01',NULL),\
             (-5,NULL,NULL,'0000-00-00',NULL,''),(7,'y',0,'2038-01-19 03:14:07',NULL,'0')",
        ],
    },
    Case {
        name: "u64auto",
        make: &[
            "CREATE TABLE {T} (v INT, id BIGINT UNSIGNED AUTO_INCREMENT, e SET('a','b') NOT NULL, \
             PRIMARY KEY (id), UNIQUE KEY (v))",
            "INSERT INTO {T} VALUES (1,0,''),(2,18446744073709551614,'a,b'),(NULL,9223372036854775808,'b'),\
             (NULL,5,'a')",
        ],
    },
    // D4.
    Case {
        name: "decimals",
        make: &[
            "CREATE TABLE {T} (k DECIMAL(65,30) PRIMARY KEY, d DECIMAL(10,2) UNSIGNED, z DECIMAL(8,3) ZEROFILL)",
            "INSERT INTO {T} VALUES ('-99999999999999999999999999999999999.999999999999999999999999999999',0.01,1.5),\
             ('99999999999999999999999999999999999.999999999999999999999999999999',99999999.99,0),\
             ('0.000000000000000000000000000001',NULL,NULL),('-0.000000000000000000000000000001',1,1),\
             (0,1,1),(1,1,1),(1.5,2,2)",
        ],
    },
    // D22, D52: every bit of a float.
    Case {
        name: "floats",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, f FLOAT, d DOUBLE, fm FLOAT(7,3), dm DOUBLE(10,2), \
             fu FLOAT UNSIGNED)",
            "INSERT INTO {T} VALUES (1,16777217,1.7976931348623157e308,1234.567,12345678.91,1),\
             (2,1e-45,5e-324,0.001,0.1,1e-45),(3,'-0','-0',0,0,0),(4,3.4028234663852886e38,-1.7976931348623157e308,-1.5,-0.01,3.4e38),\
             (5,1.1,0.1,1.1,1.1,1.1),(6,NULL,NULL,NULL,NULL,NULL),(7,1.17549435e-38,2.2250738585072014e-308,1,1,1),\
             (8,123456.789,1.2345678901234567e-14,1,1,1),(9,9.87654e-15,1.5e-15,1,1,1),\
             (10,1e-16,1.5e-16,1,1,1),(11,1e15,1e34,1,1,1),(12,1e-7,1.5e-17,1,1,1),\
             (13,-1e-20,-1.2345678901234567e-13,1,1,1),(14,0.3,9007199254740993,1,1,1),\
             (15,5,123456789012345678,1,1,1)",
        ],
    },
    Case {
        name: "floatkey",
        make: &[
            "CREATE TABLE {T} (f FLOAT NOT NULL, d DOUBLE NOT NULL, v INT, PRIMARY KEY (f, d))",
            "INSERT INTO {T} VALUES (1.1,0.1,1),(1.1,0.2,2),(-1.1,5e-324,3),(16777216,1e300,4),\
             (1e-45,0,5),(0,-1.5,6)",
        ],
    },
    // D18, D19, D20: zero and partial dates, repeated hours, long and negative times.
    Case {
        name: "temporal",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, d DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(6) NULL, \
             t0 TIME, dt0 DATETIME, ts0 TIMESTAMP NULL)",
            "INSERT INTO {T} VALUES (1,'0000-00-00','-838:59:59','0000-00-00','0000-00-00','838:59:59','0000-00-00','1970-01-01 00:00:01'),\
             (2,'2020-00-00','838:59:59','2020-00-00 01:02:03.000001','2038-01-19 03:14:07.999999','-00:00:01','2020-02-31 00:00:00','2038-01-19 03:14:07'),\
             (3,'2020-02-31','-00:00:00.000001','9999-12-31 23:59:59.999999','2021-03-28 02:30:00.5','00:00:00','0001-01-01','2021-10-31 01:30:00'),\
             (4,'9999-12-31','00:00:00','1000-01-01',NULL,NULL,NULL,NULL),(5,'0001-01-01',NULL,'0001-01-01','2021-10-31 02:30:00','1:0:0','2021-03-28 02:30:00','2021-10-31 00:30:00')",
        ],
    },
    Case {
        name: "datekey",
        make: &[
            "CREATE TABLE {T} (d DATE NOT NULL, ts TIMESTAMP(3) NOT NULL DEFAULT '2000-01-01', \
             t TIME(2) NOT NULL, dt DATETIME NOT NULL, y YEAR NOT NULL, PRIMARY KEY (d, ts, \
             t, dt, y))",
            "INSERT INTO {T} VALUES ('0000-00-00','0000-00-00','-1:0:0.5','0000-00-00','0000'),\
             ('2020-00-00','2021-10-31 02:30:00.123','838:59:59','2020-02-31',2000),\
             ('2020-02-31','2021-10-31 02:30:00.123','-838:59:59','2020-02-31 01:00:00',2001),\
             ('2020-02-31','2021-10-31 02:30:00.124','0:0:0','2020-02-31 01:00:00',1901),\
             ('9999-12-31','2038-01-19 03:14:07.999','0:0:0','9999-12-31 23:59:59',2155)",
        ],
    },
    // D14.
    Case {
        name: "bits",
        make: &[
            "CREATE TABLE {T} (k BIT(64) PRIMARY KEY, b1 BIT(1), b5 BIT(5), b64 BIT(64))",
            "INSERT INTO {T} VALUES (18446744073709551615,1,31,9223372036854775808),\
             (0,0,0,0),(92,NULL,10,92),(10,1,9,2573),(9223372036854775808,1,1,1)",
        ],
    },
    // D4.
    Case {
        name: "enums",
        make: &[
            "CREATE TABLE {T} (e ENUM('b','2','1','','ä','0') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, \
             s SET('x','1','2','ü') CHARACTER SET latin1 NOT NULL, n ENUM('3','2','1') NULL, \
             PRIMARY KEY (e,s))",
            "INSERT INTO {T} VALUES ('b','x,1','3'),('2','','2'),('1','1,2,ü','1'),\
             ('','2',NULL),('ä','ü','2'),('0','x','3'),('0','1','3'),('b','1','3')",
        ],
    },
    Case {
        name: "set64",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, s SET('1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16','17','18','19','20','21','22','23','24','25','26','27','28','29','30','31','32','33','34','35','36','37','38','39','40','41','42','43','44','45','46','47','48','49','50','51','52','53','54','55','56','57','58','59','60','61','62','63','64'))",
            "INSERT INTO {T} VALUES (1,18446744073709551615),(2,9223372036854775809),(3,0),(4,NULL),(5,1)",
        ],
    },
];
