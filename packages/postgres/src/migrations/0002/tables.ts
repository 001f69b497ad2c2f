/** Entries, checkpoints, rows and parked events. */
export const tables = (schema: string): ReadonlyArray<string> => [
  // One row a projection at a revision, and one a subscription. What is dropped stays until its rows are gone, so that
  // a drop that was cut off is found again.
  `CREATE TABLE ${schema}.entries (
  id integer GENERATED ALWAYS AS IDENTITY,
  revision integer NOT NULL,
  store_id uuid NOT NULL,
  serving boolean NOT NULL,
  dropped boolean NOT NULL DEFAULT false,
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  mode text NOT NULL,
  state text NOT NULL DEFAULT 'running',
  failure json,
  indexes text[] NOT NULL,
  CONSTRAINT entries_id PRIMARY KEY (id)
)`,
  `CREATE UNIQUE INDEX entries_target ON ${schema}.entries (kind, name, revision) WHERE NOT dropped`,
  `CREATE UNIQUE INDEX entries_serving ON ${schema}.entries (name) WHERE serving AND kind = 'projection'`,
  // Half of a page stays free: a checkpoint moves with every batch, and its new version finds room beside the old one.
  `CREATE TABLE ${schema}.checkpoints (
  entry integer NOT NULL,
  partition integer NOT NULL,
  position bigint NOT NULL,
  fence bigint NOT NULL,
  rate float8 NOT NULL DEFAULT 0,
  moved_at timestamptz NOT NULL,
  lease_until timestamptz,
  owner text,
  CONSTRAINT checkpoints_place PRIMARY KEY (entry, partition)
) WITH (fillfactor = 50)`,
  // The rows of all projections: a new one needs no change of the schema. No index holds a position or a value, so that
  // a row that changes without moving in an index is written without touching one. \`removed\` tells tombstones.
  `CREATE TABLE ${schema}.rows (
  position bigint NOT NULL,
  entry integer NOT NULL,
  index integer NOT NULL,
  removed boolean NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  sort_1 text COLLATE "C",
  sort_2 text COLLATE "C",
  sort_3 text COLLATE "C",
  sort_4 text COLLATE "C",
  value json,
  CONSTRAINT rows_key PRIMARY KEY (entry, tenant, key)
) WITH (fillfactor = 85)`,
  ...[1, 2, 3, 4].map((n) =>
    `CREATE INDEX rows_sort_${n} ON ${schema}.rows (entry, tenant, sort_${n}, key) WHERE sort_${n} IS NOT NULL`
  ),
  `CREATE INDEX rows_removed ON ${schema}.rows (entry, tenant, key) WHERE removed`,
  `CREATE TABLE ${schema}.parked (
  position bigint NOT NULL,
  parked_at timestamptz NOT NULL,
  entry integer NOT NULL,
  index integer NOT NULL,
  attempts integer NOT NULL,
  due boolean NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  cause text NOT NULL,
  CONSTRAINT parked_place PRIMARY KEY (entry, tenant, key, position, index)
)`,
  `CREATE INDEX parked_due ON ${schema}.parked (entry, tenant, key) WHERE due`
]
