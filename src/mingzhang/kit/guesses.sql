-- name: take_guess
-- One try more, unless its wait is not over: then nothing comes back. `blocks`: from this try on there is a wait.
-- Without one `until` lies in the past, well before the time of whoever tries at the same moment.
INSERT INTO guess AS g (key, tries, since, until)
VALUES ($1::bytea, 1, $2::timestamptz, CASE WHEN $3::int <= 1 THEN $2 + $5::interval ELSE $2 - $4::interval END)
ON CONFLICT (key) DO UPDATE SET
  tries = CASE WHEN g.since + $4::interval <= $2 THEN 1 ELSE g.tries + 1 END,
  since = CASE WHEN g.since + $4::interval <= $2 THEN $2 ELSE g.since END,
  until = CASE WHEN g.since + $4::interval <= $2 OR g.tries + 1 < $3 THEN $2 - $4::interval
    ELSE $2 + least($6::interval, $5::interval * (2 ^ least(g.tries + 1 - $3, 20))) END
WHERE g.until <= $2
RETURNING until > $2 AS blocks

-- name: read_wait
-- Until when nobody may try.
SELECT until FROM guess WHERE key = $1

-- name: forget_guess
-- The right word was said: what was wrong before is forgotten.
DELETE FROM guess WHERE key = $1

-- name: clear_guesses
-- What is past every rule's time, a bounded number at once.
DELETE FROM guess WHERE key IN (SELECT key FROM guess WHERE until < $1 AND since < $1 LIMIT 1000)
