-- name: insert_action
-- What a member of staff did, and to what.
INSERT INTO staff_action (action_id, name, action, subject, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
