/*
 * What changes an entry locks its checkpoints first, in the order of partitions, and then the entry. A batch locks one
 * checkpoint, then rows and parked events, which are nobody else's. Who waits for a lock of the first kind holds none of
 * the second. \`lockEntries\` keeps those apart that make, serve or drop entries.
 */
export const lockEntries = (schema: string): string =>
  `PERFORM pg_advisory_xact_lock(hashtextextended('varve entries ${schema}', 0));`

/** The id of the entry that the first three arguments of a function name. */
export const entryOf = (schema: string): string =>
  `(SELECT e.id FROM ${schema}.entries e
    WHERE e.kind = p_kind AND e.name = p_name AND e.revision = p_revision AND NOT e.dropped)`

export const lockCheckpoints = (schema: string): string =>
  `PERFORM 1 FROM ${schema}.checkpoints c WHERE c.entry = target ORDER BY c.partition FOR UPDATE;`
