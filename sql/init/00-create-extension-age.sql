-- Apache AGE comes before everything else: init.sql makes a graph with it.
-- LOAD 'age' is for sessions that run Cypher; making the extension and a graph does without.

CREATE EXTENSION IF NOT EXISTS age;
