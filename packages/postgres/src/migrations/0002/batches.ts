import { entryOf, lockCheckpoints } from "./locks.ts"
import { neverBack, rowArguments, rowColumns } from "./rows.ts"

/** Functions that write rows and parked events. */
export const batches = (schema: string): ReadonlyArray<string> => [
  // Rows by key. A plan made while the table is empty would read all of it for every key, and stay: not here.
  `CREATE FUNCTION ${schema}.look_up_1(p_entry integer, p_tenants text[], p_keys text[])
RETURNS TABLE (n bigint, tenant text, key text, "position" bigint, index integer, removed boolean, value text)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT u.n, r.tenant, r.key, r.position, r.index, r.removed, r.value::text
    FROM unnest(p_tenants, p_keys) WITH ORDINALITY u(tenant, key, n)
    CROSS JOIN LATERAL (
      SELECT x.* FROM ${schema}.rows x WHERE x.entry = p_entry AND x.tenant = u.tenant AND x.key = u.key LIMIT 1
    ) r;
END $body$`,
  // Whether a batch may be written: Committed, Moved, Lost or Stopped. Its checkpoint is locked from here on, and what is
  // asked after that lock is what holds until it is given back.
  `CREATE FUNCTION ${schema}.judge_1(
  p_kind text, p_name text, p_revision integer, p_partition integer, p_fence bigint, p_from bigint,
  OUT target integer, OUT outcome text
) LANGUAGE plpgsql AS $body$
DECLARE
  found_position bigint;
  found_fence bigint;
BEGIN
  target := ${entryOf(schema)};
  outcome := 'Stopped';
  SELECT c.position, c.fence INTO found_position, found_fence FROM ${schema}.checkpoints c
  WHERE c.entry = target AND c.partition = p_partition FOR UPDATE;
  IF NOT FOUND OR (SELECT e.state FROM ${schema}.entries e WHERE e.id = target) <> 'running' THEN
    RETURN;
  END IF;
  outcome := CASE WHEN p_fence <> found_fence THEN 'Lost' WHEN p_from <> found_position THEN 'Moved' ELSE 'Committed' END;
END $body$`,
  /*
   * r_*  rows to write        k_*  parked events, new ones and changed ones        u_*  parked events that are done with
   *
   * p_fence may be NULL: who has no lease relies on the checkpoint. p_lease is in milliseconds.
   */
  `CREATE FUNCTION ${schema}.project_1(
  p_kind text, p_name text, p_revision integer, p_partition integer, p_fence bigint, p_from bigint, p_to bigint,
  p_rate float8, p_lease float8, p_failure json,
  ${rowArguments("bigint")},
  k_tenant text[], k_key text[], k_position bigint[], k_index integer[], k_event_id text[], k_type text[],
  k_attempts integer[], k_cause text[], k_parked_at timestamptz[], k_due boolean[],
  u_tenant text[], u_key text[], u_position bigint[], u_index integer[]
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
DECLARE
  target integer;
  outcome text;
BEGIN
  SELECT j.target, j.outcome INTO target, outcome
  FROM ${schema}.judge_1(p_kind, p_name, p_revision, p_partition, p_fence, p_from) j;
  IF outcome <> 'Committed' THEN
    RETURN outcome;
  END IF;
  -- What is done with is done once: by an earlier call whose end nobody heard of, or by who has skipped it.
  IF cardinality(u_key) > 0 AND cardinality(u_key) <> (
    SELECT count(*) FROM unnest(u_tenant, u_key, u_position, u_index) u(tenant, key, position, index)
    WHERE (
      SELECT 1 FROM ${schema}.parked p
      WHERE p.entry = target AND p.tenant = u.tenant AND p.key = u.key AND p.position = u.position AND p.index = u.index
      LIMIT 1
    ) = 1
  ) THEN
    RETURN 'Moved';
  END IF;
  IF cardinality(r_key) > 0 THEN
    INSERT INTO ${schema}.rows AS r (${rowColumns})
    SELECT target, u.position, u.index, u.value IS NULL, u.tenant, u.key, u.sort_1, u.sort_2, u.sort_3, u.sort_4, u.value
    FROM unnest(r_tenant, r_key, r_position, r_index, r_sort_1, r_sort_2, r_sort_3, r_sort_4, r_value)
      u(tenant, key, position, index, sort_1, sort_2, sort_3, sort_4, value)
    ${neverBack};
  END IF;
  IF cardinality(u_key) > 0 THEN
    DELETE FROM ${schema}.parked p USING unnest(u_tenant, u_key, u_position, u_index) u(tenant, key, position, index)
    WHERE p.entry = target AND p.tenant = u.tenant AND p.key = u.key AND p.position = u.position AND p.index = u.index;
  END IF;
  IF cardinality(k_key) > 0 THEN
    INSERT INTO ${schema}.parked (entry, tenant, key, position, index, event_id, type, attempts, cause, parked_at, due)
    SELECT target, u.* FROM unnest(k_tenant, k_key, k_position, k_index, k_event_id, k_type, k_attempts, k_cause,
      k_parked_at, k_due) u
    ON CONFLICT ON CONSTRAINT parked_place DO UPDATE SET event_id = excluded.event_id, type = excluded.type,
      attempts = excluded.attempts, cause = excluded.cause, parked_at = excluded.parked_at, due = excluded.due;
  END IF;
  IF p_failure IS NOT NULL THEN
    UPDATE ${schema}.entries e SET failure = p_failure WHERE e.id = target;
  END IF;
  UPDATE ${schema}.checkpoints c SET position = p_to, rate = p_rate,
    moved_at = CASE WHEN p_to > c.position THEN clock_timestamp() ELSE c.moved_at END,
    lease_until = CASE WHEN p_fence IS NULL OR c.owner IS NULL THEN c.lease_until
      ELSE clock_timestamp() + p_lease * interval '1 millisecond' END
  WHERE c.entry = target AND c.partition = p_partition;
  RETURN outcome;
END $body$`,
  // NULL when there is no such entry.
  `CREATE FUNCTION ${schema}.retry_1(p_kind text, p_name text, p_revision integer, p_tenant text, p_key text, p_skip boolean)
RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
  target integer := ${entryOf(schema)};
  count bigint;
BEGIN
  IF target IS NULL THEN
    RETURN NULL;
  END IF;
  ${lockCheckpoints(schema)}
  SELECT count(*) INTO count FROM ${schema}.parked p WHERE p.entry = target AND p.tenant = p_tenant AND p.key = p_key;
  IF p_skip THEN
    DELETE FROM ${schema}.parked p WHERE p.entry = target AND p.tenant = p_tenant AND p.key = p_key
      AND (p.position, p.index) = (
        SELECT x.position, x.index FROM ${schema}.parked x
        WHERE x.entry = target AND x.tenant = p_tenant AND x.key = p_key ORDER BY x.position, x.index LIMIT 1
      );
  END IF;
  UPDATE ${schema}.parked p SET due = true
  WHERE p.entry = target AND p.tenant = p_tenant AND p.key = p_key AND NOT p.due;
  RETURN count;
END $body$`,
  // Waits for nobody: a row that is being written is no tombstone of the past.
  `CREATE FUNCTION ${schema}.sweep_1(p_kind text, p_name text, p_revision integer, p_limit integer)
RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
  target integer := ${entryOf(schema)};
  least_position bigint := (SELECT min(c.position) FROM ${schema}.checkpoints c WHERE c.entry = target);
  gone bigint;
BEGIN
  IF target IS NULL THEN
    RETURN NULL;
  END IF;
  DELETE FROM ${schema}.rows r WHERE r.ctid = ANY (ARRAY(
    SELECT x.ctid FROM ${schema}.rows x
    WHERE x.entry = target AND x.removed AND x.position <= least_position LIMIT p_limit FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $body$`
]
