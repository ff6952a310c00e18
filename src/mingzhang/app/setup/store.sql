-- name: write_note
-- What was tried or chosen last under a subject.
INSERT INTO setup_note (subject, outcome, detail, noted_by, noted_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (subject) DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail,
  noted_by = excluded.noted_by, noted_at = excluded.noted_at

-- name: list_notes
-- Everything that was noted.
SELECT subject, outcome, detail, noted_by, noted_at FROM setup_note LIMIT 500

-- name: read_archiving
-- Whether the server's own ways of keeping a copy are at work: its log archived, or a standby that follows.
SELECT current_setting('archive_mode') <> 'off' AS archives, a.last_archived_time AS archived_at,
  (SELECT count(*) FROM pg_stat_replication) AS standbys
FROM pg_stat_archiver a

-- name: read_clock
-- What time the database's machine has.
SELECT statement_timestamp() AS at
