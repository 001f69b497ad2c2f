/*
 * Writes events of another store as they are, or tells why they do not continue this one; then nothing is written.
 *
 * p_wait       milliseconds to wait for the lock
 * p_first      position of the first event; the others follow without a gap
 * s_*          the distinct streams: "slots", counted from 1. s_before: the version that each must have
 * c_*          the commits, in order
 * e_*          events, in order. e_commit and e_slot count from 1
 *
 * problem      what does not fit: "isolation", "head", "time", "version" or "commit"; null when everything was written
 * place        for "version" the slot, for "commit" the place of the commit, both the first
 * actual       for "isolation" the level, for "head" the head, for "time" milliseconds since 1970, for "version" the
 *              version
 *
 * The lock is that of append_1, taken as it is taken there, and needs the same: a snapshot taken after it.
 */
export const restore = (schema: string): ReadonlyArray<string> => [
  `CREATE FUNCTION ${schema}.restore_1(
  p_wait integer, p_first bigint,
  s_tenant text[], s_category text[], s_id text[], s_before integer[],
  c_id uuid[], c_metadata json[], c_recorded timestamptz[],
  e_commit integer[], e_index integer[], e_slot integer[], e_version integer[],
  e_type text[], e_revision integer[], e_payload json[], e_occurred timestamptz[],
  OUT problem text, OUT place integer, OUT actual text
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  lock_key bigint := hashtextextended('varve append ${schema}', 0);
  lock_wait text;
  head bigint;
  at timestamptz(3);
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    problem := 'isolation';
    actual := current_setting('transaction_isolation');
    RETURN;
  END IF;
  IF NOT pg_try_advisory_xact_lock(lock_key) THEN
    lock_wait := current_setting('lock_timeout');
    PERFORM set_config('lock_timeout', p_wait::text, true);
    PERFORM pg_advisory_xact_lock(lock_key);
    PERFORM set_config('lock_timeout', lock_wait, true);
  END IF;
  SELECT e.position, e.recorded_at INTO head, at FROM ${schema}.events e ORDER BY e.position DESC LIMIT 1;
  IF p_first <> coalesce(head, 0) + 1 THEN
    problem := 'head';
    actual := coalesce(head, 0)::text;
    RETURN;
  END IF;
  IF c_recorded[1] < at THEN
    problem := 'time';
    actual := (date_part('epoch', at) * 1000)::bigint::text;
    RETURN;
  END IF;
  -- Scalar sub-selects with LIMIT 1: under the generic plan they stay look-ups in the index.
  SELECT v.slot, v.version::text INTO place, actual FROM (
    SELECT u.slot::integer AS slot, u.before, coalesce((
      SELECT x.version FROM ${schema}.events x WHERE x.tenant = u.tenant AND x.category = u.category AND x.id = u.id
      ORDER BY x.tenant DESC, x.category DESC, x.id DESC, x.version DESC LIMIT 1
    ), 0) AS version FROM unnest(s_tenant, s_category, s_id, s_before) WITH ORDINALITY
      u(tenant, category, id, before, slot)
  ) v WHERE v.version <> v.before ORDER BY v.slot LIMIT 1;
  IF place IS NOT NULL THEN
    problem := 'version';
    RETURN;
  END IF;
  SELECT u.i::integer INTO place FROM unnest(c_id) WITH ORDINALITY u(id, i)
  WHERE (SELECT 1 FROM ${schema}.events x WHERE x.commit_id = u.id AND x.commit_index = 0 LIMIT 1) = 1
  ORDER BY u.i LIMIT 1;
  IF place IS NOT NULL THEN
    problem := 'commit';
    RETURN;
  END IF;
  INSERT INTO ${schema}.events (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
    tenant, category, id, type, payload, metadata)
  SELECT p_first - 1 + u.j, u.occurred, c_recorded[u.commit], c_id[u.commit], u.version, u.index::smallint,
    u.revision::smallint, s_tenant[u.slot], s_category[u.slot], s_id[u.slot], u.type, u.payload, c_metadata[u.commit]
  FROM unnest(e_commit, e_index, e_slot, e_version, e_type, e_revision, e_payload, e_occurred) WITH ORDINALITY
    u(commit, index, slot, version, type, revision, payload, occurred, j);
END $body$`
]
