-- The indexes over time are summaries of ranges of pages (BRIN). A range that was never summed up is read whole by every
-- question about any time: without this the pages since the last vacuum, up to a fifth of a table. With it they are summed
-- up as they fill.
ALTER INDEX leg_at SET (autosummarize = on);
ALTER INDEX event_at SET (autosummarize = on);
ALTER INDEX evidence_known_at SET (autosummarize = on);
ALTER INDEX fact_known_at SET (autosummarize = on);
ALTER INDEX orders_placed_at SET (autosummarize = on);

-- What is missing at a party is rare; coverage asks for a day's.
CREATE INDEX leg_missing ON leg (at) WHERE place = 'missing';
