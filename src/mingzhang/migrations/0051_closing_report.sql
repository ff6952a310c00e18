-- A closed day's report (日终报告), as made: PDF and JSON, with the hashes of what it was made from.
CREATE TABLE closing_report (
  day date NOT NULL,
  n int NOT NULL,
  json_sha256 bytea NOT NULL,
  pdf_sha256 bytea NOT NULL,
  body_json bytea NOT NULL,
  body_pdf bytea NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT closing_report_pk PRIMARY KEY (day, n)
);
CREATE TRIGGER closing_report_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closing_report
  EXECUTE FUNCTION refuse_change();
