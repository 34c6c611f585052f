"""What servers of every flavour tell alike of a schema's structure.

Types, defaults, collations and comments each flavour words in its own way; not here.
"""

from __future__ import annotations

from typing import Callable, Dict, List

Query = Callable[[str], List[List[str]]]

_WHAT: Dict[str, str] = {
    "columns": """SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION FROM information_schema.COLUMNS
 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN
  (SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE')""",
    # What a spatial index keeps of a value each flavour counts in its own way.
    "index": """SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME,
 IF(INDEX_TYPE IN ('SPATIAL', 'FULLTEXT'), INDEX_TYPE, SUB_PART)
 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()""",
    "foreign key": """SELECT TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, IF(REFERENCED_TABLE_SCHEMA = DATABASE(), '', 'elsewhere'),
 REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
 FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL""",
    # To the storage engine NO ACTION and RESTRICT are one.
    "rule": """SELECT TABLE_NAME, CONSTRAINT_NAME, IF(UPDATE_RULE = 'NO ACTION', 'RESTRICT', UPDATE_RULE),
 IF(DELETE_RULE = 'NO ACTION', 'RESTRICT', DELETE_RULE)
 FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()""",
}


def told(query: Query) -> List[str]:
    """A line for each column, part of an index, and part and rule of a foreign key, sorted."""
    return sorted(" ".join([what, *row]) for what, text in _WHAT.items() for row in query(text.replace("\n", " ")))
