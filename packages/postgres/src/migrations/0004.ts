/**
 * Snapshots: states of instances that a load can begin with.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import type { MigrationSource } from "./Migration.ts"

/** The number of the lock of a stream's snapshots: shared by those that save one, for themselves while some are erased. */
const lock = (schema: string, tenant: string, category: string, id: string): string =>
  `hashtextextended(concat_ws('/', 'varve snapshots ${schema}', ${tenant}, ${category}, ${id}), 0)`

const tables = (schema: string): ReadonlyArray<string> => [
  `CREATE TABLE ${schema}.snapshots (
  version integer NOT NULL,
  revision smallint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  state json NOT NULL,
  CONSTRAINT snapshots_stream PRIMARY KEY (tenant, category, id, revision)
)`,
  // The first version of a stream that was erased: a process that has read it before must not save what it made of it.
  `CREATE TABLE ${schema}.erasures (
  version integer NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  CONSTRAINT erasures_stream PRIMARY KEY (tenant, category, id)
)`
]

/*
 * Whoever erases payloads, by erase_1 or otherwise, erases what was made of them: a trigger, because programs of before
 * know nothing of snapshots. Inserts, which are what events mostly see, do not meet it.
 *
 * Nobody may save meanwhile what he has read before. Hence the lock, which needs a snapshot taken after it, in the database's
 * sense of the word: hence READ COMMITTED.
 */
const erasing = (schema: string): ReadonlyArray<string> => [
  `CREATE FUNCTION ${schema}.forget_snapshots_1() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(l.key) FROM (
    SELECT DISTINCT ${lock(schema, "e.tenant", "e.category", "e.id")} AS key FROM erased e ORDER BY 1
  ) l;
  IF FOUND AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'payloads are erased in read committed transactions only' USING ERRCODE = '25001';
  END IF;
  INSERT INTO ${schema}.erasures AS x (version, tenant, category, id)
  SELECT min(e.version), e.tenant, e.category, e.id FROM erased e GROUP BY e.tenant, e.category, e.id
  ON CONFLICT (tenant, category, id) DO UPDATE SET version = excluded.version WHERE x.version > excluded.version;
  DELETE FROM ${schema}.snapshots s USING (
    SELECT min(e.version) AS version, e.tenant, e.category, e.id FROM erased e GROUP BY e.tenant, e.category, e.id
  ) f
  WHERE s.tenant = f.tenant AND s.category = f.category AND s.id = f.id AND s.version >= f.version;
  RETURN NULL;
END $body$`,
  `CREATE TRIGGER events_forget_snapshots AFTER UPDATE ON ${schema}.events
REFERENCING NEW TABLE AS erased FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.forget_snapshots_1()`,
  // Always: also for a session that calls itself a replica.
  `ALTER TABLE ${schema}.events ENABLE ALWAYS TRIGGER events_forget_snapshots`
]

/*
 * Keeps a snapshot, unless there is one of a higher version. A snapshot can be done without, so where its stream is being
 * erased, or the transaction may not see what was erased, none is kept, and nobody waits.
 */
const save = (schema: string): ReadonlyArray<string> => [
  `CREATE FUNCTION ${schema}.save_snapshot_1(
  p_tenant text, p_category text, p_id text, p_revision integer, p_version integer, p_state json
) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
    OR NOT pg_try_advisory_xact_lock_shared(${lock(schema, "p_tenant", "p_category", "p_id")}) THEN
    RETURN;
  END IF;
  PERFORM 1 FROM ${schema}.erasures e
  WHERE e.tenant = p_tenant AND e.category = p_category AND e.id = p_id AND e.version <= p_version;
  IF FOUND THEN
    RETURN;
  END IF;
  INSERT INTO ${schema}.snapshots AS s (version, revision, tenant, category, id, state)
  VALUES (p_version, p_revision::smallint, p_tenant, p_category, p_id, p_state)
  ON CONFLICT (tenant, category, id, revision)
  DO UPDATE SET version = excluded.version, state = excluded.state WHERE s.version <= excluded.version;
  IF FOUND THEN
    DELETE FROM ${schema}.snapshots s
    WHERE s.tenant = p_tenant AND s.category = p_category AND s.id = p_id AND s.revision < p_revision - 1;
  END IF;
END $body$`
]

export const migration: MigrationSource = {
  number: 4,
  name: "snapshots",
  minProgram: 1,
  statements: (schema) => [...tables(schema), ...erasing(schema), ...save(schema)]
}
