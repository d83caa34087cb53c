CREATE TABLE about (application VARCHAR, version INTEGER);
CREATE TABLE latest (name VARCHAR, body BLOB);
CREATE TABLE sets (id INTEGER, edge VARCHAR, device VARCHAR, channels VARCHAR[], width INTEGER);
CREATE TABLE scorers (id INTEGER, edge VARCHAR, device VARCHAR, model VARCHAR, version INTEGER, channels VARCHAR[]);
CREATE TABLE fresh_scores (scorer INTEGER, t_ns BIGINT, score FLOAT);
CREATE TABLE kept_scores (scorer INTEGER, t_ns BIGINT, score FLOAT);
CREATE VIEW scores AS SELECT * FROM fresh_scores UNION ALL SELECT * FROM kept_scores;
CREATE TABLE contributions (scorer INTEGER, t_ns BIGINT, parts FLOAT[]);
CREATE TABLE alarms (id VARCHAR, version INTEGER, edge VARCHAR, device VARCHAR, rule VARCHAR, state VARCHAR, priority VARCHAR,
    onset_ns BIGINT, changed_ns BIGINT, summary VARCHAR, body BLOB);
CREATE TABLE alarm_changes (id VARCHAR, version INTEGER, edge VARCHAR, device VARCHAR, rule VARCHAR, state VARCHAR, priority VARCHAR,
    onset_ns BIGINT, changed_ns BIGINT, summary VARCHAR, body BLOB);
CREATE TABLE gaps (edge VARCHAR, device VARCHAR, source VARCHAR, from_ns BIGINT, to_ns BIGINT, lost BIGINT,
    reason VARCHAR);
CREATE TABLE dead (number BIGINT, t_ns BIGINT, source VARCHAR, device VARCHAR, reason VARCHAR, body BLOB);
CREATE TABLE events (edge VARCHAR, log VARCHAR, seq BIGINT, clock_ns BIGINT, kind VARCHAR, subject VARCHAR, body BLOB);
INSERT INTO about VALUES ('tocsin', 1);
