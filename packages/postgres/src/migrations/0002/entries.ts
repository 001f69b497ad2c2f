import { entryOf, lockCheckpoints, lockEntries } from "./locks.ts"

/** Functions that make, change and drop entries. */
export const entries = (schema: string): ReadonlyArray<string> => [
  // All times of leases are the database's: the clocks of its clients need not agree.
  `CREATE FUNCTION ${schema}.open_entry_1(
  p_kind text, p_name text, p_revision integer, p_mode text, p_partitions integer, p_position bigint, p_level boolean,
  p_indexes text[]
) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
  target integer;
  count integer;
  start bigint;
  furthest bigint;
  next_fence bigint;
BEGIN
  -- What was declared otherwise is refused by the caller, who sees it, and changes nothing.
  IF (SELECT e.indexes <> p_indexes FROM ${schema}.entries e WHERE e.id = ${entryOf(schema)}) THEN
    RETURN;
  END IF;
  -- The usual case, when a program starts: nothing is to be locked, and so nothing is waited for.
  target := ${entryOf(schema)};
  count := (SELECT count(*) FROM ${schema}.checkpoints c WHERE c.entry = target);
  IF target IS NOT NULL AND coalesce(p_partitions, count) = count THEN
    UPDATE ${schema}.entries e SET mode = p_mode WHERE e.id = target AND e.mode <> p_mode;
    RETURN;
  END IF;
  ${lockEntries(schema)}
  target := ${entryOf(schema)};
  IF (SELECT e.indexes <> p_indexes FROM ${schema}.entries e WHERE e.id = target) THEN
    RETURN;
  END IF;
  IF target IS NULL THEN
    INSERT INTO ${schema}.entries (revision, store_id, serving, kind, name, mode, indexes)
    SELECT p_revision, m.store_id, p_kind = 'subscription' OR NOT EXISTS (
      SELECT 1 FROM ${schema}.entries e WHERE e.kind = p_kind AND e.name = p_name AND e.serving
    ), p_kind, p_name, p_mode, coalesce(p_indexes, '{}') FROM ${schema}.meta m
    RETURNING id INTO target;
    INSERT INTO ${schema}.checkpoints (entry, partition, position, fence, moved_at)
    SELECT target, n, p_position, 0, clock_timestamp() FROM generate_series(0, coalesce(p_partitions, 1) - 1) n;
    RETURN;
  END IF;
  ${lockCheckpoints(schema)}
  SELECT count(*), min(c.position), max(c.position), max(c.fence) + 1 INTO count, start, furthest, next_fence
  FROM ${schema}.checkpoints c WHERE c.entry = target;
  IF p_partitions <> count AND (start = furthest OR NOT p_level) THEN
    DELETE FROM ${schema}.checkpoints c WHERE c.entry = target;
    INSERT INTO ${schema}.checkpoints (entry, partition, position, fence, moved_at)
    SELECT target, n, start, next_fence, clock_timestamp() FROM generate_series(0, p_partitions - 1) n;
  END IF;
  UPDATE ${schema}.entries e SET mode = p_mode WHERE e.id = target AND e.mode <> p_mode;
END $body$`,
  `CREATE FUNCTION ${schema}.serve_1(p_kind text, p_name text, p_revision integer)
RETURNS boolean LANGUAGE plpgsql AS $body$
DECLARE
  target integer;
BEGIN
  ${lockEntries(schema)}
  target := ${entryOf(schema)};
  IF target IS NULL THEN
    RETURN false;
  END IF;
  -- One after the other: the index allows one at any moment.
  UPDATE ${schema}.entries e SET serving = false
  WHERE e.kind = p_kind AND e.name = p_name AND e.serving AND e.id <> target;
  UPDATE ${schema}.entries e SET serving = true WHERE e.id = target AND NOT e.serving;
  RETURN true;
END $body$`,
  // When it answers no batch is under way, and none that comes later is taken unless the state allows it.
  `CREATE FUNCTION ${schema}.set_state_1(p_kind text, p_name text, p_revision integer, p_state text, p_failure json)
RETURNS boolean LANGUAGE plpgsql AS $body$
DECLARE
  target integer := ${entryOf(schema)};
BEGIN
  ${lockCheckpoints(schema)}
  UPDATE ${schema}.entries e SET state = p_state, failure = coalesce(p_failure, e.failure)
  WHERE e.id = target AND NOT e.dropped;
  RETURN FOUND;
END $body$`,
  // Without its checkpoints nothing more is written of an entry. Its rows go later, a chunk at a time.
  `CREATE FUNCTION ${schema}.drop_entry_1(p_kind text, p_name text, p_revision integer)
RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
  target integer;
BEGIN
  ${lockEntries(schema)}
  target := ${entryOf(schema)};
  IF target IS NULL THEN
    RETURN 'missing';
  END IF;
  IF (SELECT e.serving FROM ${schema}.entries e WHERE e.id = target) AND EXISTS (
    SELECT 1 FROM ${schema}.entries e
    WHERE e.kind = p_kind AND e.name = p_name AND e.id <> target AND NOT e.dropped
  ) THEN
    RETURN 'serving';
  END IF;
  ${lockCheckpoints(schema)}
  DELETE FROM ${schema}.checkpoints c WHERE c.entry = target;
  UPDATE ${schema}.entries e SET dropped = true, serving = false WHERE e.id = target;
  RETURN 'dropped';
END $body$`,
  `CREATE FUNCTION ${schema}.clear_1(p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
  targets integer[] := ARRAY(SELECT e.id FROM ${schema}.entries e WHERE e.dropped);
  rows_gone bigint;
  parked_gone bigint;
BEGIN
  DELETE FROM ${schema}.rows r WHERE r.ctid = ANY (ARRAY(
    SELECT x.ctid FROM ${schema}.rows x WHERE x.entry = ANY (targets) LIMIT p_limit FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS rows_gone = ROW_COUNT;
  DELETE FROM ${schema}.parked p WHERE p.ctid = ANY (ARRAY(
    SELECT x.ctid FROM ${schema}.parked x WHERE x.entry = ANY (targets) LIMIT p_limit FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS parked_gone = ROW_COUNT;
  IF rows_gone + parked_gone = 0 THEN
    DELETE FROM ${schema}.entries e WHERE e.id = ANY (targets)
      AND NOT EXISTS (SELECT 1 FROM ${schema}.rows r WHERE r.entry = e.id)
      AND NOT EXISTS (SELECT 1 FROM ${schema}.parked p WHERE p.entry = e.id);
  END IF;
  RETURN rows_gone + parked_gone;
END $body$`
]
