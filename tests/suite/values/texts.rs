//! Nasty values: texts, bytes, and all other tables.

use super::Case;

/// A table whose texts all have these attributes.
macro_rules! alone {
    ($name:literal, $attributes:literal) => {
        Case {
            name: $name,
            make: &[
                concat!(
                    "CREATE TABLE {T} (id INT PRIMARY KEY, a VARCHAR(20) ", $attributes,
                    ", n DECIMAL(6,2), at DATETIME, f DOUBLE, b VARCHAR(20) ", $attributes, " NOT NULL)"
                ),
                "INSERT INTO {T} VALUES (1,'a,b',1.5,'2024-02-29 01:02:03',0.1,'c'),(2,NULL,NULL,NULL,NULL,''),\
                 (3,'','0','2024-01-01',-0.5,'a,b')",
            ],
        }
    };
}

pub(super) const CASES: &[Case] = &[
    // D13, D14, D15: every byte, NULL, empty, trailing zeros.
    Case {
        name: "blobs",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, b BINARY(5), vb VARBINARY(300), tb TINYBLOB, \
             lb LONGBLOB)",
            "INSERT INTO {T} VALUES (1,'a',x'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF','',''),\
             (2,'','','\\\\N',NULL),(3,NULL,NULL,NULL,REPEAT('\\t\\n\\\\\\'\\0',1000)),\
             (4,x'0000000000',x'00',x'5C4E',x'5C'),(5,x'FFFFFFFFFF','a ','a\\n',x'0D0A1A22275C00')",
        ],
    },
    // MySQL 5.7 shows such a default byte by byte, and PostgreSQL's texts take no NUL.
    Case {
        name: "nuldefault",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, at BINARY(4) NOT NULL DEFAULT '\\0\\0\\0\\0', \
             word VARCHAR(9) DEFAULT 'a\\0b')",
            "INSERT INTO {T} (id) VALUES (1),(2)",
        ],
    },
    // D4, D15.
    Case {
        name: "binkey",
        make: &[
            "CREATE TABLE {T} (b BINARY(3) NOT NULL, v VARBINARY(10) NOT NULL, PRIMARY KEY (b,v))",
            "INSERT INTO {T} VALUES ('a',''),('a','a'),('a',x'00'),('a',x'0000'),\
             ('a',x'20'),('A',x'FF'),('',''),(x'FFFFFF',x'5C27')",
        ],
    },
    Case {
        name: "nullkeyless",
        make: &[
            "CREATE TABLE {T} (a INT, b VARCHAR(20))",
            "INSERT INTO {T} VALUES (1,'x'),(1,'x'),(NULL,NULL),(NULL,''),(NULL,'NULL'),\
             (2,'\\\\N'),(2,'N')",
        ],
    },
    Case {
        name: "onecol",
        make: &[
            "CREATE TABLE {T} (a VARCHAR(20))",
            "INSERT INTO {T} VALUES (''),(NULL),('\\\\N'),('\\n'),('\\t'),('a')",
        ],
    },
    // D4, D45.
    Case {
        name: "textkey",
        make: &[
            "CREATE TABLE {T} (k VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, \
             n INT NOT NULL, v TEXT, PRIMARY KEY (k, n))",
            "INSERT INTO {T} VALUES ('a',1,'a'),('A',2,'b'),('b',1,''),('B ',2,NULL),\
             ('ä',7,'q'),('',0,'empty'),('x\\0',3,'z'),('it''s \\\\ \"',4,'😀'),('😀',5,'  '),\
             ('zz',-1,'x')",
        ],
    },
    Case {
        name: "textkey3",
        make: &[
            "CREATE TABLE {T} (k VARCHAR(50) CHARACTER SET utf8 COLLATE utf8_general_ci NOT NULL PRIMARY KEY, \
             v TEXT CHARACTER SET utf8)",
            "INSERT INTO {T} VALUES ('a','a'),('b','b'),('ö','ß'),('Z','')",
        ],
    },
    Case {
        name: "latinkey",
        make: &[
            "CREATE TABLE {T} (k CHAR(10) CHARACTER SET latin1 COLLATE latin1_german2_ci NOT NULL, \
             d DATE NOT NULL, u BIGINT UNSIGNED NOT NULL, de DECIMAL(20,3) NOT NULL, bi VARBINARY(10) NOT NULL, \
             e ENUM('x','y') NOT NULL, PRIMARY KEY (k,d,u,de,bi,e))",
            "INSERT INTO {T} VALUES (_latin1 x'E4','2020-00-00',18446744073709551615,1.5,x'00','y'),\
             ('b','0000-00-00',3,1.5,'','y'),('B','0000-00-00',4,1.5,'','y'),(_latin1 x'DF','2020-01-01',4,-1.5,'','x'),\
             ('','2020-01-01',4,-1.5,'','x')",
        ],
    },
    // D14, D16.
    Case {
        name: "charsets",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, l1 VARCHAR(50) CHARACTER SET latin1, u2 VARCHAR(50) CHARACTER SET ucs2, \
             u16 VARCHAR(50) CHARACTER SET utf16, u32 CHAR(20) CHARACTER SET utf32, gbk VARCHAR(50) CHARACTER SET gbk, \
             sj TEXT CHARACTER SET sjis, u3 VARCHAR(50) CHARACTER SET utf8, u4 MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, \
             cp VARCHAR(50) CHARACTER SET cp1251, sw VARCHAR(20) CHARACTER SET swe7, big5 VARCHAR(20) CHARACTER SET big5, \
             bin VARCHAR(20) CHARACTER SET binary)",
            "INSERT INTO {T} VALUES (1,_latin1 x'E4F6FC80FF',_ucs2 x'0041005C0009000A4E2D',_utf16 x'D83DDE000041005C',_utf32 x'0001F60000000041',_gbk x'D55C8E5CC3E3',_sjis x'835C955C',_utf8 x'E4B8AD',_utf8mb4 x'F09F98805C09',_cp1251 x'C0C1',_swe7 x'5B5C5D',_big5 x'A55CB35C',x'00FF5C')",
            "INSERT INTO {T} VALUES (2,'','','','','','','','','','','',''),(3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),\
             (4,_latin1 x'C3A4',_ucs2 x'41425C4E',_utf16 x'5C4E5C4E',_utf32 x'0000005C','a  ','  ',' ',' a ','\\\\N','N','x','x '),\
             (5,'\\t\\n',_ucs2 x'0909',_utf16 x'0A0A',NULL,'\\\\','\\\\','\\n','\\n','\\t','a','\\t',x'0A')",
        ],
    },
    // One character set beside numbers and times, which come in another.
    alone!("only_ascii", "CHARACTER SET ascii COLLATE ascii_general_ci"),
    alone!("only_latin1", "CHARACTER SET latin1 COLLATE latin1_swedish_ci"),
    alone!("only_utf16", "CHARACTER SET utf16 COLLATE utf16_bin"),
    alone!("only_binary", "CHARACTER SET binary"),
    Case {
        name: "collations",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, n INT, \
             b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, c VARBINARY(9), \
             d VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci)",
            "INSERT INTO {T} VALUES (1,'ä,1',1,'ä','x','y'),(2,NULL,NULL,NULL,NULL,NULL),(3,'','0','','','')",
        ],
    },
    // D17.
    Case {
        name: "lengths",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, t TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, m MEDIUMTEXT CHARACTER SET ucs2, \
             b MEDIUMBLOB)",
            "INSERT INTO {T} VALUES (765,REPEAT('a',765),REPEAT('b',765),REPEAT('c',765)),\
             (766,REPEAT('a',766),REPEAT('b',766),REPEAT('c',766)),(767,REPEAT('ä',767),REPEAT('b',767),REPEAT('c',767)),\
             (16383,REPEAT('😀',16383),REPEAT('b',16384),REPEAT('c',16384)),(65535,REPEAT('x',65535),REPEAT('y',70000),REPEAT('z',70000))",
        ],
    },
    Case {
        name: "big",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, b LONGBLOB)",
            "INSERT INTO {T} VALUES (1,REPEAT(UNHEX('00090A5C27FF61'),3000000)),(2,''),\
             (3,REPEAT('\\\\',9000000)),(4,NULL)",
        ],
    },
    // D11.
    Case {
        name: "jsons",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, j JSON, t INT)",
            "INSERT INTO {T} (id,j,t) VALUES (1,'{\"a\": \"ä😀\\\\\\\\ \\\\n \\'\", \"n\": 1.5, \
             \"b\": [1, null, true]}',1),(2,'[]',2),(3,NULL,3),(4,'\"x\"',4),(5,'null',5)",
        ],
    },
    // D25.
    Case {
        name: "geo",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, g GEOMETRY, p POINT NOT NULL)",
            "INSERT INTO {T} VALUES (1,ST_GeomFromText('POINT(1 2)'),ST_GeomFromText('POINT(92 10)')),\
             (2,ST_GeomFromText('LINESTRING(0 0,10 10,9 92)',4326),ST_GeomFromText('POINT(-0 5e-324)')),\
             (3,NULL,ST_GeomFromText('POINT(9 10)',4326)),(4,ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(1 1,2 2))'),ST_GeomFromText('POINT(1e308 0)'))",
        ],
    },
    // D12.
    Case {
        name: "generated",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a + 1) STORED, \
             c INT GENERATED ALWAYS AS (a * 2) VIRTUAL, d VARCHAR(10) DEFAULT 'x', ts TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
            "INSERT INTO {T} (id,a,d,ts) VALUES (1,1,NULL,'2020-01-01'),(2,NULL,'','2021-01-01')",
        ],
    },
    // D51.
    Case {
        name: "secuniq",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, u VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, \
             v INT, UNIQUE KEY u (u))",
            "INSERT INTO {T} VALUES (1,'a',1),(2,'b',2),(3,NULL,3),(4,NULL,4),(5,'',5)",
        ],
    },
    Case {
        name: "uniqkey",
        make: &[
            "CREATE TABLE {T} (v TEXT, u VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, n INT NOT NULL, \
             x INT, UNIQUE KEY `od``d` (n,u))",
            "INSERT INTO {T} VALUES ('x','b',2,NULL),('y','a',2,1),('z','c',1,2),(NULL,'',-5,3)",
        ],
    },
    Case {
        name: "we`ird tab\\le",
        make: &[
            "CREATE TABLE {T} (`i d` INT PRIMARY KEY, `a``b'\"\\\\` VARCHAR(10), `select` INT, `ü,` INT)",
            "INSERT INTO {T} VALUES (1,'x',2,3),(2,'''',NULL,5)",
        ],
    },
    Case {
        name: "prefixkey",
        make: &[
            "CREATE TABLE {T} (a TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, v INT, PRIMARY KEY (a(3)))",
            "INSERT INTO {T} VALUES ('abcdef',1),('abdxxx',2),('b',3),('',4)",
        ],
    },
    Case {
        name: "myisam",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, v VARCHAR(10)) ENGINE=MyISAM",
            "INSERT INTO {T} VALUES (1,'x'),(2,'y'),(3,NULL)",
        ],
    },
    Case {
        name: "addresses",
        make: &[
            "CREATE TABLE {T} (u UUID NOT NULL, i6 INET6 NOT NULL, i4 INET4 NOT NULL, n UUID, \
             PRIMARY KEY (u,i6,i4))",
            "INSERT INTO {T} VALUES ('123e4567-e89b-12d3-a456-426614174000','::1','127.0.0.1',NULL),\
             ('00000000-0000-0000-0000-000000000000','::ffff:10.0.0.1','0.0.0.0','ffffffff-ffff-ffff-ffff-ffffffffffff'),\
             ('ffffffff-ffff-1fff-bfff-ffffffffffff','2001:db8::ff00:42:8329','255.255.255.255',NULL),\
             ('123e4567-e89b-12d3-a456-426614174000','2001:db8::ff00:42:8329','10.0.0.1',NULL)",
        ],
    },
    // D12, D46.
    Case {
        name: "invisible",
        make: &[
            "CREATE TABLE {T} (id INT PRIMARY KEY, a INT INVISIBLE DEFAULT 5, c LONGTEXT COMPRESSED, \
             j JSON)",
            "INSERT INTO {T} (id,a,c,j) VALUES (1,7,'x','{\"a\":  1.0}'),(2,NULL,REPEAT('abc',1000),'[ ]')",
        ],
    },
    Case { name: "empty", make: &["CREATE TABLE {T} (id INT PRIMARY KEY, v INT)"] },
];
