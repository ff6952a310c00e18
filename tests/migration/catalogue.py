"""What a schema is, as the catalogue tells it: one line for each column, constraint, index, trigger and function."""

from __future__ import annotations

import asyncpg

_DUMP = {
    "column": """
        SELECT c.relname || ' ' || a.attnum || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
          || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
          || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
          || coalesce(' collate ' || nullif(l.collname, 'default'), '')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0""",
    "constraint": """
        SELECT c.conrelid::regclass || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid) || ' ' || c.convalidated
        FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace""",
    "index": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "trigger": """
        SELECT t.tgrelid::regclass || ' ' || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
        FROM pg_trigger t WHERE NOT t.tgisinternal""",
    "function": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "grant": """
        SELECT relname || ' ' || relacl::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL""",
}


async def dump_catalogue(dsn: str) -> list[str]:
    """The schema of a database as sorted lines."""
    connection = await asyncpg.connect(dsn)
    try:
        lines = []
        for kind, query in _DUMP.items():
            lines += [f"{kind}: {row[0]}" for row in await connection.fetch(query)]
        return sorted(lines)
    finally:
        await connection.close()
