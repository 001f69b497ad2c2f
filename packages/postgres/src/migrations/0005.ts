/**
 * A shorter way for batches of which the version of every stream is known beforehand, as most are.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import type { MigrationSource } from "./Migration.ts"

/*
 * Writes a batch of commits if every stream has the version that it is said to have, and otherwise nothing: then `head` is
 * null, and `append_1` is to judge each commit by itself.
 *
 * p_ids, p_metadata       one a commit
 * p_wait                  milliseconds to wait for the lock
 * s_*                     the distinct streams of the batch, and their versions before it: "slots", counted from 1
 * e_*                     events, by commit, with the versions that they get
 *
 * Why that is the same: with those versions every condition of every commit holds when they come one by one, which is what
 * the program has made sure of. A commit id that is known fails on the unique index, as in `append_1`. The lock, and the
 * snapshot that is taken after it, are those of `append_1`.
 *
 * Rows are made from a counter and from elements of arrays, which costs less than laying the arrays side by side as a
 * table.
 */
const append = (schema: string): string =>
  `CREATE FUNCTION ${schema}.append_2(
  p_ids uuid[], p_metadata json[], p_wait integer,
  s_tenant text[], s_category text[], s_id text[], s_version integer[],
  e_commit integer[], e_index integer[], e_slot integer[], e_version integer[],
  e_type text[], e_revision integer[], e_payload json[], e_occurred timestamptz[],
  OUT problem text, OUT head bigint, OUT recorded float8
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  lock_key bigint := hashtextextended('varve append ${schema}', 0);
  lock_wait text;
  at timestamptz(3);
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    problem := current_setting('transaction_isolation');
    RETURN;
  END IF;
  IF NOT pg_try_advisory_xact_lock(lock_key) THEN
    lock_wait := current_setting('lock_timeout');
    PERFORM set_config('lock_timeout', p_wait::text, true);
    PERFORM pg_advisory_xact_lock(lock_key);
    PERFORM set_config('lock_timeout', lock_wait, true);
  END IF;
  PERFORM 1 FROM generate_series(1, cardinality(s_version)) s WHERE s_version[s] <> coalesce((
    SELECT x.version FROM ${schema}.events x WHERE x.tenant = s_tenant[s] AND x.category = s_category[s] AND x.id = s_id[s]
    ORDER BY x.tenant DESC, x.category DESC, x.id DESC, x.version DESC LIMIT 1
  ), 0) LIMIT 1;
  IF FOUND THEN
    RETURN;
  END IF;
  SELECT e.position, e.recorded_at INTO head, at FROM ${schema}.events e ORDER BY e.position DESC LIMIT 1;
  head := coalesce(head, 0);
  at := greatest(date_trunc('milliseconds', clock_timestamp()), at);
  recorded := date_part('epoch', at) * 1000;
  INSERT INTO ${schema}.events (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
    tenant, category, id, type, payload, metadata)
  SELECT head + e, coalesce(e_occurred[e], at), at, p_ids[e_commit[e]], e_version[e], e_index[e]::smallint,
    e_revision[e]::smallint, s_tenant[e_slot[e]], s_category[e_slot[e]], s_id[e_slot[e]], e_type[e], e_payload[e],
    p_metadata[e_commit[e]]
  FROM generate_series(1, cardinality(e_slot)) e;
END $body$`

export const migration: MigrationSource = {
  number: 5,
  name: "appends that know their versions",
  minProgram: 1,
  statements: (schema) => [append(schema)]
}
