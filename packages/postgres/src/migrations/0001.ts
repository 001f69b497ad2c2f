/**
 * The events, and the functions that write and erase them.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import type { MigrationSource } from "./Migration.ts"

const tables = (schema: string): ReadonlyArray<string> => [
  // One row. `schema` is the last migration applied, `min_program` the oldest program that may go on.
  `CREATE TABLE ${schema}.meta (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  store_id uuid NOT NULL,
  schema integer NOT NULL,
  min_program integer NOT NULL
)`,
  `INSERT INTO ${schema}.meta (store_id, schema, min_program) VALUES (gen_random_uuid(), 0, 1)`,
  // Wide columns last and fixed ones by size, which saves padding. Text compares bytewise: an upgrade of a collation
  // must not corrupt a unique index. json and not jsonb: half the cost of an insert, and the text stays as it came.
  `CREATE TABLE ${schema}.events (
  position bigint NOT NULL,
  occurred_at timestamptz(3) NOT NULL,
  recorded_at timestamptz(3) NOT NULL,
  commit_id uuid NOT NULL,
  version integer NOT NULL,
  commit_index smallint NOT NULL,
  revision smallint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  payload json,
  metadata json NOT NULL,
  CONSTRAINT events_position PRIMARY KEY (position),
  CONSTRAINT events_stream UNIQUE (tenant, category, id, version)
)`,
  // A commit id is stored once, and only the first event of a commit pays for knowing it.
  `CREATE UNIQUE INDEX events_commit ON ${schema}.events (commit_id) WHERE commit_index = 0`
]

const protection = (schema: string): ReadonlyArray<string> => [
  // *= compares rows byte by byte, json included: the payload goes to NULL and nothing else may differ.
  `CREATE FUNCTION ${schema}.protect_1() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('varve.erase', true) = 'on' THEN
    OLD.payload := NULL;
    IF NEW *= OLD THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'events are never changed (% of %)', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END $body$`,
  `CREATE TRIGGER events_protect_rows BEFORE UPDATE OR DELETE ON ${schema}.events
FOR EACH ROW EXECUTE FUNCTION ${schema}.protect_1()`,
  `CREATE TRIGGER events_protect_table BEFORE TRUNCATE ON ${schema}.events
FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.protect_1()`,
  // Always: also for a session that calls itself a replica.
  `ALTER TABLE ${schema}.events ENABLE ALWAYS TRIGGER events_protect_rows`,
  `ALTER TABLE ${schema}.events ENABLE ALWAYS TRIGGER events_protect_table`,
  `CREATE FUNCTION ${schema}.erase_1(
  p_tenant text, p_category text, p_id text, p_from integer, p_to integer
) RETURNS integer LANGUAGE plpgsql AS $body$
DECLARE
  erased integer;
BEGIN
  PERFORM set_config('varve.erase', 'on', true);
  UPDATE ${schema}.events e SET payload = NULL
  WHERE e.tenant = p_tenant AND e.category = p_category AND e.id = p_id
    AND e.version BETWEEN p_from AND p_to AND e.payload IS NOT NULL;
  GET DIAGNOSTICS erased = ROW_COUNT;
  PERFORM set_config('varve.erase', 'off', true);
  RETURN erased;
END $body$`
]

/*
 * Writes a batch of commits: each is accepted, found again, or in conflict, by itself and as if they came one by one.
 *
 * p_ids, p_metadata       one a commit
 * p_check                 look for the commit ids first; without it a known id fails on the unique index
 * p_linked                some condition names the commit that must have written the version
 * p_wait                  milliseconds to wait for the lock
 * s_*                     the distinct streams of the batch: "slots", counted from 1
 * c_*                     conditions, by commit. c_rel: events that earlier commits of the batch add to the slot.
 *                         c_version: a version; -2: at least one event; -3: never holds.
 *                         c_by: the commit that must have written that version, without a fingerprint, which lets
 *                         other contents stand under its id; c_last: the last earlier commit of the batch that writes
 *                         the slot, or 0
 * w_*                     how many events a commit adds to a slot
 * e_*                     events, by commit. e_rel: place after the slot's version before the batch, if all of the batch
 *                         is accepted. e_write: which of w_*
 *
 * Why judging them at once is right: if every condition holds of the state that all earlier commits of the batch leave
 * when they are accepted, then by induction each of them is accepted when they come one by one. Otherwise the loop lets
 * them come one by one. Both run under the lock that every writer takes, held to the end of the transaction, so nothing
 * comes between reading the versions and being visible. That needs a snapshot taken after the lock: hence READ COMMITTED.
 */
const append = (schema: string): ReadonlyArray<string> => [
  `CREATE FUNCTION ${schema}.append_1(
  p_ids uuid[], p_metadata json[], p_check boolean, p_linked boolean, p_wait integer,
  s_tenant text[], s_category text[], s_id text[],
  c_commit integer[], c_slot integer[], c_rel integer[], c_version integer[], c_by uuid[], c_last integer[],
  w_commit integer[], w_slot integer[], w_count integer[],
  e_commit integer[], e_index integer[], e_slot integer[], e_rel integer[], e_write integer[],
  e_type text[], e_revision integer[], e_payload json[], e_occurred timestamptz[],
  OUT problem text, OUT head bigint, OUT recorded float8, OUT current integer[],
  OUT replayed integer[], OUT conflict integer[], OUT actual integer[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  lock_key bigint := hashtextextended('varve append ${schema}', 0);
  lock_wait text;
  at timestamptz(3);
  bad boolean;
  ok boolean;
  s integer;
  c integer := 1;
  w integer := 1;
  commits integer := cardinality(p_ids);
  conditions integer := cardinality(c_slot);
  writes integer := cardinality(w_slot);
  versions integer[];
  writers uuid[];
  lost integer[];
  shift integer[];
  accepted boolean[];
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    problem := current_setting('transaction_isolation');
    RETURN;
  END IF;
  -- The setting is changed, and put back, only by who has to wait. Trying does not overtake others who wait.
  IF NOT pg_try_advisory_xact_lock(lock_key) THEN
    lock_wait := current_setting('lock_timeout');
    PERFORM set_config('lock_timeout', p_wait::text, true);
    PERFORM pg_advisory_xact_lock(lock_key);
    PERFORM set_config('lock_timeout', lock_wait, true);
  END IF;
  SELECT e.position, e.recorded_at INTO head, at FROM ${schema}.events e ORDER BY e.position DESC LIMIT 1;
  head := coalesce(head, 0);
  at := greatest(date_trunc('milliseconds', clock_timestamp()), at);
  recorded := date_part('epoch', at) * 1000;
  -- Scalar sub-selects with LIMIT 1: under the generic plan they stay look-ups in the index, which EXISTS does not.
  current := ARRAY(
    SELECT coalesce((
      SELECT x.version FROM ${schema}.events x WHERE x.tenant = u.t AND x.category = u.c AND x.id = u.i
      ORDER BY x.tenant DESC, x.category DESC, x.id DESC, x.version DESC LIMIT 1
    ), 0) FROM unnest(s_tenant, s_category, s_id) u(t, c, i)
  );
  IF p_linked THEN
    writers := ARRAY(
      SELECT (
        SELECT CASE WHEN x.metadata ->> 'fingerprint' IS NULL THEN x.commit_id END FROM ${schema}.events x WHERE x.tenant = u.t AND x.category = u.c AND x.id = u.i
        ORDER BY x.tenant DESC, x.category DESC, x.id DESC, x.version DESC LIMIT 1
      ) FROM unnest(s_tenant, s_category, s_id) u(t, c, i)
    );
  END IF;
  SELECT bool_or(CASE
    WHEN u.version = -2 THEN current[u.slot] + u.rel = 0
    WHEN u.version <> current[u.slot] + u.rel THEN true
    ELSE u.by IS NOT NULL AND u.by IS DISTINCT FROM CASE
      WHEN u.last = 0 THEN writers[u.slot]
      WHEN p_metadata[u.last] ->> 'fingerprint' IS NULL THEN p_ids[u.last]
    END
  END) INTO bad FROM unnest(c_slot, c_rel, c_version, c_by, c_last) u(slot, rel, version, by, last);
  bad := coalesce(bad, false);
  IF bad OR p_check THEN
    SELECT array_agg(u.i::integer ORDER BY u.i) INTO replayed FROM unnest(p_ids) WITH ORDINALITY u(id, i)
    WHERE (SELECT 1 FROM ${schema}.events x WHERE x.commit_id = u.id AND x.commit_index = 0 LIMIT 1) = 1;
  END IF;
  IF NOT bad AND replayed IS NULL THEN
    INSERT INTO ${schema}.events (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
      tenant, category, id, type, payload, metadata)
    SELECT head + u.j, coalesce(u.occurred, at), at, p_ids[u.commit], current[u.slot] + u.rel, u.index::smallint,
      u.revision::smallint, s_tenant[u.slot], s_category[u.slot], s_id[u.slot], u.type, u.payload, p_metadata[u.commit]
    FROM unnest(e_commit, e_index, e_slot, e_rel, e_type, e_revision, e_payload, e_occurred) WITH ORDINALITY
      u(commit, index, slot, rel, type, revision, payload, occurred, j);
    RETURN;
  END IF;
  versions := current;
  writers := coalesce(writers, array_fill(NULL::uuid, ARRAY[cardinality(current)]));
  lost := array_fill(0, ARRAY[cardinality(current)]);
  shift := array_fill(0, ARRAY[writes]);
  accepted := array_fill(true, ARRAY[commits]);
  conflict := array_fill(0, ARRAY[commits]);
  actual := array_fill(0, ARRAY[commits]);
  FOR i IN 1..commits LOOP
    ok := replayed IS NULL OR i <> ALL (replayed);
    WHILE c <= conditions AND c_commit[c] = i LOOP
      s := c_slot[c];
      IF ok AND NOT (
        CASE WHEN c_version[c] = -2 THEN versions[s] > 0
        ELSE c_version[c] = versions[s] AND (c_by[c] IS NULL OR c_by[c] IS NOT DISTINCT FROM writers[s]) END
      ) THEN
        ok := false;
        conflict[i] := c;
        actual[i] := versions[s];
      END IF;
      c := c + 1;
    END LOOP;
    accepted[i] := ok;
    WHILE w <= writes AND w_commit[w] = i LOOP
      s := w_slot[w];
      IF ok THEN
        versions[s] := versions[s] + w_count[w];
        writers[s] := CASE WHEN p_metadata[i] ->> 'fingerprint' IS NULL THEN p_ids[i] END;
        shift[w] := lost[s];
      ELSE
        lost[s] := lost[s] + w_count[w];
      END IF;
      w := w + 1;
    END LOOP;
  END LOOP;
  INSERT INTO ${schema}.events (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
    tenant, category, id, type, payload, metadata)
  SELECT head + row_number() OVER (ORDER BY u.j), coalesce(u.occurred, at), at, p_ids[u.commit],
    current[u.slot] + u.rel - shift[u.write], u.index::smallint, u.revision::smallint,
    s_tenant[u.slot], s_category[u.slot], s_id[u.slot], u.type, u.payload, p_metadata[u.commit]
  FROM unnest(e_commit, e_index, e_slot, e_rel, e_write, e_type, e_revision, e_payload, e_occurred) WITH ORDINALITY
    u(commit, index, slot, rel, write, type, revision, payload, occurred, j)
  WHERE accepted[u.commit];
END $body$`
]

export const migration: MigrationSource = {
  number: 1,
  name: "events",
  minProgram: 1,
  statements: (schema) => [...tables(schema), ...protection(schema), ...append(schema)]
}
