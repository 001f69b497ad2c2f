import { neverBack, rowArguments, rowColumns } from "./rows.ts"

/** Names and types of the arguments of `append_1`. */
const appendArguments: ReadonlyArray<readonly [string, string]> = [
  ["p_ids", "uuid[]"],
  ["p_metadata", "json[]"],
  ["p_check", "boolean"],
  ["p_linked", "boolean"],
  ["p_wait", "integer"],
  ["s_tenant", "text[]"],
  ["s_category", "text[]"],
  ["s_id", "text[]"],
  ["c_commit", "integer[]"],
  ["c_slot", "integer[]"],
  ["c_rel", "integer[]"],
  ["c_version", "integer[]"],
  ["c_by", "uuid[]"],
  ["c_last", "integer[]"],
  ["w_commit", "integer[]"],
  ["w_slot", "integer[]"],
  ["w_count", "integer[]"],
  ["e_commit", "integer[]"],
  ["e_index", "integer[]"],
  ["e_slot", "integer[]"],
  ["e_rel", "integer[]"],
  ["e_write", "integer[]"],
  ["e_type", "text[]"],
  ["e_revision", "integer[]"],
  ["e_payload", "json[]"],
  ["e_occurred", "timestamptz[]"]
]

/*
 * append_1, and the rows of projections that ride with it. Its arguments, and:
 *
 * p_accepted   which of the commits the rows were folded from: those that the client takes to be accepted
 * t_entry      the projections, by id of their entry, rising: all take the locks in one order
 * n_*          the rows that were read, by number in t_entry, and what each had seen; 0 where there was none
 * r_*          the rows to write. r_position: place of the event among those of the accepted commits, from 0
 *
 * applied      numbers of the projections whose rows were written. The others were not level with the head, not running,
 *              partitioned, held by somebody, or have a touched key parked: they are left behind
 * undone       nothing was written: a row has moved since it was read, or the commits are judged otherwise than the rows
 *              assume. Then \`replayed\` and \`conflict\` tell how.
 *
 * Under the lock of the writers nobody waits for a projection: hence SKIP LOCKED. The lock is taken as append_1 takes it,
 * who takes it once more: it is the same transaction's.
 */
export const inline = (schema: string): string => {
  const append = `SELECT a.problem, a.head, a.recorded, a.current, a.replayed, a.conflict, a.actual
    INTO problem, head, recorded, current, replayed, conflict, actual
    FROM ${schema}.append_1(${appendArguments.map(([name]) => name).join(", ")}) a;`
  return `CREATE FUNCTION ${schema}.append_inline_1(
  ${appendArguments.map((argument) => argument.join(" ")).join(", ")},
  p_accepted boolean[], t_entry integer[],
  n_number integer[], n_tenant text[], n_key text[], n_position bigint[], n_index integer[],
  r_number integer[], ${rowArguments("integer")},
  OUT problem text, OUT head bigint, OUT recorded float8, OUT current integer[],
  OUT replayed integer[], OUT conflict integer[], OUT actual integer[],
  OUT applied integer[], OUT undone boolean
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
DECLARE
  lock_key bigint := hashtextextended('varve append ${schema}', 0);
  lock_wait text;
  before bigint;
  written bigint;
  waits boolean;
  moved boolean;
BEGIN
  applied := '{}';
  undone := false;
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
  before := coalesce((SELECT e.position FROM ${schema}.events e ORDER BY e.position DESC LIMIT 1), 0);
  FOR n IN 1..cardinality(t_entry) LOOP
    PERFORM 1 FROM ${schema}.checkpoints c WHERE c.entry = t_entry[n] AND c.partition = 0 AND c.position = before
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM 1 FROM ${schema}.entries e WHERE e.id = t_entry[n] AND e.state = 'running' AND NOT e.dropped
      AND (SELECT count(*) FROM ${schema}.checkpoints c WHERE c.entry = e.id) = 1;
    CONTINUE WHEN NOT FOUND;
    SELECT bool_or((
        SELECT 1 FROM ${schema}.parked p WHERE p.entry = t_entry[n] AND p.tenant = u.tenant AND p.key = u.key LIMIT 1
      ) = 1),
      bool_or(coalesce(x.position, 0) <> u.position OR coalesce(x.index, 0) <> u.index)
    INTO waits, moved
    FROM unnest(n_number, n_tenant, n_key, n_position, n_index) u(number, tenant, key, position, index)
    LEFT JOIN LATERAL (
      SELECT r.position, r.index FROM ${schema}.rows r
      WHERE r.entry = t_entry[n] AND r.tenant = u.tenant AND r.key = u.key LIMIT 1
    ) x ON true
    WHERE u.number = n;
    CONTINUE WHEN waits;
    IF moved THEN
      applied := '{}';
      undone := true;
      RETURN;
    END IF;
    applied := applied || n;
  END LOOP;
  IF cardinality(applied) = 0 THEN
    ${append}
    RETURN;
  END IF;
  BEGIN
    ${append}
    IF p_accepted <> ARRAY(
      SELECT (replayed IS NULL OR i <> ALL (replayed)) AND (conflict IS NULL OR conflict[i] = 0)
      FROM generate_series(1, cardinality(p_ids)) i
    ) THEN
      RAISE EXCEPTION 'commits judged otherwise than the rows assume' USING ERRCODE = 'VV001';
    END IF;
    INSERT INTO ${schema}.rows AS r (${rowColumns})
    SELECT t_entry[u.number], head + 1 + u.position, u.index, u.value IS NULL, u.tenant, u.key,
      u.sort_1, u.sort_2, u.sort_3, u.sort_4, u.value
    FROM unnest(r_number, r_tenant, r_key, r_position, r_index, r_sort_1, r_sort_2, r_sort_3, r_sort_4, r_value)
      u(number, tenant, key, position, index, sort_1, sort_2, sort_3, sort_4, value)
    WHERE u.number = ANY (applied)
    ${neverBack};
    written := (SELECT count(*) FROM unnest(e_commit) u(commit) WHERE p_accepted[u.commit]);
    IF written > 0 THEN
      UPDATE ${schema}.checkpoints c SET position = head + written, moved_at = clock_timestamp()
      WHERE c.partition = 0 AND c.entry = ANY (ARRAY(SELECT t_entry[u.n] FROM unnest(applied) u(n)));
    END IF;
  EXCEPTION WHEN SQLSTATE 'VV001' THEN
    applied := '{}';
    undone := true;
  END;
END $body$`
}
