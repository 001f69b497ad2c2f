import type { StoreAdmin } from "@varve/core"
import type { Rows } from "./connection.ts"

/** Most findings of one verification. */
export const findings = 100

/**
 * Everything that must hold of the events, in one reading along the positions and one along the streams; and that no
 * checkpoint is ahead of them. Rows of what, expected, actual.
 */
export const verifySql = (schema: string): string =>
  `WITH neighbours AS (
  SELECT e.position, e.commit_id, e.commit_index, e.recorded_at,
    coalesce(lag(e.position) OVER w, 0) AS position_before,
    lag(e.commit_id) OVER w AS commit_before,
    coalesce(lag(e.commit_index) OVER w, -1) AS index_before,
    lag(e.recorded_at) OVER w AS recorded_before
  FROM ${schema}.events e WINDOW w AS (ORDER BY e.position)
), places AS (
  SELECT e.tenant, e.category, e.id, e.version, e.position,
    coalesce(lag(e.version) OVER w, 0) AS version_before,
    coalesce(lag(e.position) OVER w, 0) AS position_before
  FROM ${schema}.events e WINDOW w AS (PARTITION BY e.tenant, e.category, e.id ORDER BY e.version)
)
(SELECT 'position after ' || position_before, (position_before + 1)::text, position::text
  FROM neighbours WHERE position <> position_before + 1 ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'place in its commit of the event at position ' || position,
    CASE WHEN commit_id = commit_before THEN index_before + 1 ELSE 0 END::text, commit_index::text
  FROM neighbours
  WHERE commit_index <> CASE WHEN commit_id = commit_before THEN index_before + 1 ELSE 0 END ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'recordedAt of the event at position ' || position, 'at or after ' || recorded_before::text, recorded_at::text
  FROM neighbours WHERE recorded_at < recorded_before ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'recordedAt of the event at position ' || position, 'that of its commit, ' || recorded_before::text, recorded_at::text
  FROM neighbours WHERE commit_id = commit_before AND recorded_at > recorded_before ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'version after ' || version_before || ' of ' || category || '/' || id || CASE tenant WHEN '' THEN '' ELSE '@' || tenant END,
    (version_before + 1)::text, version::text
  FROM places WHERE version <> version_before + 1 ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'position of version ' || version || ' of ' || category || '/' || id || CASE tenant WHEN '' THEN '' ELSE '@' || tenant END,
    'above ' || position_before, position::text
  FROM places WHERE position <= position_before ORDER BY position LIMIT ${findings})
UNION ALL (SELECT 'payload of the event at position ' || e.position, 'an object, or nothing where it was erased', 'null'
  FROM ${schema}.events e WHERE btrim(e.payload::text) = 'null' ORDER BY e.position LIMIT ${findings})
UNION ALL (SELECT 'trigger ' || t.name || ' on the events', 'enabled always',
    CASE g.tgenabled WHEN 'A' THEN 'enabled always' WHEN 'D' THEN 'disabled' ELSE coalesce('enabled ' || g.tgenabled::text, 'missing') END
  FROM (VALUES ('events_protect_rows'), ('events_protect_table')) t(name)
  LEFT JOIN pg_trigger g ON g.tgname = t.name AND g.tgrelid = '${schema}.events'::regclass
  WHERE g.tgenabled IS DISTINCT FROM 'A')
UNION ALL (SELECT 'index ' || t.name || ' on the events', 'unique and valid',
    CASE WHEN i.indexrelid IS NULL THEN 'missing' ELSE 'something else' END
  FROM (VALUES ('events_position'), ('events_stream'), ('events_commit')) t(name)
  LEFT JOIN (SELECT x.indexrelid, x.indisunique AND x.indisvalid AS sound, c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
    WHERE x.indrelid = '${schema}.events'::regclass) i ON i.relname = t.name
  WHERE i.sound IS NOT TRUE ORDER BY t.name)
UNION ALL (SELECT 'checkpoint of partition ' || c.partition || ' of ' || e.kind || ' ' || e.name || ', revision ' || e.revision,
    'at most ' || h.head, c.position::text
  FROM (SELECT coalesce(max(x.position), 0) AS head FROM ${schema}.events x) h, ${schema}.checkpoints c
  JOIN ${schema}.entries e ON e.id = c.entry
  WHERE c.position > h.head ORDER BY e.id, c.partition LIMIT ${findings})
LIMIT ${findings}`

/** Reads the rows of `verifySql`: three texts each. */
export const readFindings = (rows: Rows): ReadonlyArray<StoreAdmin.Finding> =>
  rows.map(([what, expected, actual]) => ({ what: String(what), expected: String(expected), actual: String(actual) }))
