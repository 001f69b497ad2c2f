/**
 * Changes that no operator makes: to SQL, and to what the sources mean. Each finds its text exactly once, so that the
 * list cannot grow stale.
 */
import { type Mutant, naming } from "../../scripts/mutants/operators.ts"

interface Edit {
  readonly file: string
  readonly find: string
  readonly by: string
}

const within = (file: string, ...edits: ReadonlyArray<readonly [find: string, by: string]>): ReadonlyArray<Edit> =>
  edits.map(([find, by]) => ({ file: `packages/${file}`, find, by }))

const meaning: ReadonlyArray<Edit> = [
  ...within(
    "core/src/internal/eventCodec.ts",
    ["raised: revisions[i]!.made ?", "raised: true ?"],
    ["let at = revision", "let at = revision - 1"],
    ["lowered(downcast(lowered as never), lowered as never)", "lowered(lowered, lowered as never)"],
    ["{ ...lifted as object } : lifted)", "lifted : lifted)"]
  ),
  ...within(
    "core/src/internal/remake.ts",
    ["kept && value === before && value !== undefined", "kept && value !== undefined"],
    ["if (!present || field.defaulted) return make(payload)", "if (!present) return make(payload)"],
    ["return is(value) ? value : failed", "return value"],
    ["!mayDefault(ast)", "true"]
  ),
  ...within(
    "core/src/internal/changeSteps.ts",
    ["steps.map(({ up }) => up)", "steps.map(({ up }) => up).reverse()"],
    ["steps.map(({ down }) => down).reverse()", "steps.map(({ down }) => down)"],
    ["reversible: change.reversible && reversible", "reversible"],
    ["value === undefined && leaves ?", "value === undefined ?"]
  ),
  ...within(
    "core/src/internal/decide.ts",
    ["occurredAt: now }, event: decoded.success }", "occurredAt: now }, event }"],
    ["occurredAt: now }, event: decoded.success }", "occurredAt: undefined }, event: decoded.success }"],
    ["(here.state, event)", "(tip.state, event)"],
    ["!(command, here.state, {", "!(command, tip.state, {"],
    ["commit: { id: commitId, writes, checks }", "commit: { id: commitId, writes, checks: [] }"]
  ),
  ...within(
    "core/src/internal/turn.ts",
    [".sort((a, b) => a.key < b.key ? -1 : 1)", ""],
    ["fingerprint: work.given?.fingerprint }", "fingerprint: undefined }"],
    ["Effect.exit(restore(sent))", "Effect.exit(sent)"],
    ["Effect.exit(restore(prepared))", "Effect.exit(prepared)"],
    ["{ ...commit, metadata: work.eventMetadata,", "{ ...commit,"]
  ),
  ...within(
    "core/src/internal/instance.ts",
    ["queueMicrotask(next)", "next()"],
    ["this.waiting.shift()", "this.waiting.pop()"]
  ),
  ...within("core/src/internal/outcome.ts", ["now: first.occurredAt", "now: receipt.recordedAt"], [
    "actor: first.metadata.actor",
    "actor: undefined"
  ]),
  ...within("core/src/internal/check.ts", ["\\\\u007F-\\\\u009F", "\\\\u007F"]),
  ...within("core/src/internal/memoryStore.ts", ["DateTime.makeUnsafe(stored.recordedAt)", "DateTime.makeUnsafe(0)"])
]

const writing = within(
  "postgres/src/migrations/0001.ts",
  ["IF NOT pg_try_advisory_xact_lock(lock_key) THEN", "IF false THEN"],
  ["PERFORM pg_advisory_xact_lock(lock_key);", ""],
  ["PERFORM set_config('lock_timeout', p_wait::text, true);", ""],
  ["PERFORM set_config('lock_timeout', lock_wait, true);", ""],
  ["NOT IN ('read committed', 'read uncommitted')", "IN ('none')"],
  ["head := coalesce(head, 0);", "head := coalesce(head, 1);"],
  ["at := greatest(date_trunc('milliseconds', clock_timestamp()), at);", "at := clock_timestamp();"],
  ["greatest(date_trunc(", "least(date_trunc("],
  ["recorded := date_part('epoch', at) * 1000;", "recorded := date_part('epoch', at);"],
  ["x.version DESC LIMIT 1\n    ), 0)", "x.version LIMIT 1\n    ), 0)"],
  [
    "SELECT x.version FROM ${schema}.events x WHERE x.tenant = u.t AND",
    "SELECT x.version FROM ${schema}.events x WHERE"
  ],
  [
    "SELECT x.version FROM ${schema}.events x WHERE x.tenant = u.t AND x.category = u.c AND x.id = u.i",
    "SELECT x.version FROM ${schema}.events x WHERE x.tenant = u.t AND x.id = u.i"
  ],
  ["IF p_linked THEN", "IF false THEN"],
  ["SELECT CASE WHEN x.metadata ->> 'fingerprint' IS NULL THEN x.commit_id END FROM", "SELECT x.commit_id FROM"],
  ["x.version DESC LIMIT 1\n      ) FROM", "x.version LIMIT 1\n      ) FROM"],
  ["THEN current[u.slot] + u.rel = 0", "THEN false"],
  ["THEN current[u.slot] + u.rel = 0", "THEN current[u.slot] = 0"],
  ["WHEN u.version <> current[u.slot] + u.rel THEN true", "WHEN u.version <> current[u.slot] THEN true"],
  ["WHEN u.version <> current[u.slot] + u.rel THEN true", "WHEN u.version > current[u.slot] + u.rel THEN true"],
  ["WHEN u.version <> current[u.slot] + u.rel THEN true", "WHEN u.version < current[u.slot] + u.rel THEN true"],
  ["ELSE u.by IS NOT NULL AND", "ELSE false AND"],
  ["WHEN u.last = 0 THEN writers[u.slot]", "WHEN true THEN writers[u.slot]"],
  ["WHEN p_metadata[u.last] ->> 'fingerprint' IS NULL THEN p_ids[u.last]", "ELSE p_ids[u.last]"],
  ["bad := coalesce(bad, false);", "bad := coalesce(bad, true);"],
  ["bad := coalesce(bad, false);", "bad := false;"],
  ["IF bad OR p_check THEN", "IF bad THEN"],
  ["IF bad OR p_check THEN", "IF p_check THEN"],
  ["IF NOT bad AND replayed IS NULL THEN", "IF NOT bad THEN"],
  ["IF NOT bad AND replayed IS NULL THEN", "IF replayed IS NULL THEN"],
  ["IF NOT bad AND replayed IS NULL THEN", "IF false THEN"],
  ["SELECT head + u.j, coalesce(u.occurred, at)", "SELECT head + u.j + 1, coalesce(u.occurred, at)"],
  ["SELECT head + u.j, coalesce(u.occurred, at)", "SELECT head + u.j, at"],
  ["p_ids[u.commit], current[u.slot] + u.rel, u.index", "p_ids[u.commit], current[u.slot] + 1, u.index"],
  ["ok := replayed IS NULL OR i <> ALL (replayed);", "ok := true;"],
  ["THEN versions[s] > 0", "THEN versions[s] >= 0"],
  ["ELSE c_version[c] = versions[s] AND (", "ELSE (c_version[c] = versions[s]) OR ("],
  ["AND (c_by[c] IS NULL OR c_by[c] IS NOT DISTINCT FROM writers[s]) END", "END"],
  ["IF ok AND NOT (\n", "IF NOT (\n"],
  ["conflict[i] := c;", "conflict[i] := 1;"],
  ["actual[i] := versions[s];", "actual[i] := current[s];"],
  ["accepted[i] := ok;", "accepted[i] := true;"],
  ["versions[s] := versions[s] + w_count[w];", "versions[s] := versions[s] + 1;"],
  ["writers[s] := CASE WHEN p_metadata[i] ->> 'fingerprint' IS NULL THEN p_ids[i] END;", "writers[s] := p_ids[i];"],
  ["writers[s] := CASE WHEN p_metadata[i] ->> 'fingerprint' IS NULL THEN p_ids[i] END;", ""],
  ["shift[w] := lost[s];", "shift[w] := 0;"],
  ["lost[s] := lost[s] + w_count[w];", "lost[s] := w_count[w];"],
  ["row_number() OVER (ORDER BY u.j), coalesce(u.occurred, at)", "u.j, coalesce(u.occurred, at)"],
  ["row_number() OVER (ORDER BY u.j), coalesce(u.occurred, at)", "row_number() OVER (ORDER BY u.j), at"],
  [" - shift[u.write]", ""],
  ["\n  WHERE accepted[u.commit];", ";"],
  ["CREATE UNIQUE INDEX events_commit", "CREATE INDEX events_commit"],
  ["CONSTRAINT events_stream UNIQUE (tenant, category, id, version)", "CONSTRAINT events_stream CHECK (version > 0)"]
)

const protecting = within(
  "postgres/src/migrations/0001.ts",
  ["TG_OP = 'UPDATE' AND current_setting('varve.erase', true) = 'on'", "TG_OP = 'UPDATE'"],
  ["TG_OP = 'UPDATE' AND current_setting('varve.erase', true) = 'on'", "current_setting('varve.erase', true) = 'on'"],
  ["OLD.payload := NULL;", "OLD.payload := NEW.payload;"],
  ["IF NEW *= OLD THEN", "IF true THEN"],
  ["IF NEW *= OLD THEN", "IF NEW.position = OLD.position THEN"],
  ["BEFORE UPDATE OR DELETE ON", "BEFORE UPDATE ON"],
  ["BEFORE UPDATE OR DELETE ON", "BEFORE DELETE ON"],
  ["ENABLE ALWAYS TRIGGER events_protect_rows", "ENABLE TRIGGER events_protect_rows"],
  ["ENABLE ALWAYS TRIGGER events_protect_table", "ENABLE TRIGGER events_protect_table"],
  ["PERFORM set_config('varve.erase', 'off', true);", ""],
  ["e.version BETWEEN p_from AND p_to AND e.payload IS NOT NULL", "e.version BETWEEN p_from AND p_to"],
  ["e.version BETWEEN p_from AND p_to", "e.version BETWEEN p_from AND p_to + 1"],
  ["e.version BETWEEN p_from AND p_to", "e.version <= p_to"],
  ["WHERE e.tenant = p_tenant AND e.category", "WHERE e.category"]
)

const short = (text: string): string => {
  const flat = text.replace(/\s+/g, " ").trim()
  return flat === "" ? "nothing" : flat.length <= 90 ? flat : `${flat.slice(0, 87)}...`
}

/** The written-down changes to a file. */
export const editsOf = (file: string, source: string): ReadonlyArray<Mutant> => {
  const name = naming()
  return [...meaning, ...writing, ...protecting].filter((edit) => edit.file === file).map(({ by, find }) => {
    const start = source.indexOf(find)
    if (start < 0 || source.includes(find, start + 1)) {
      throw new Error(
        `test/mutants/edits.ts: ${file} has ${start < 0 ? "no" : "more than one"} ${JSON.stringify(find)}`
      )
    }
    return {
      id: name(file, [find, by]),
      file,
      line: source.slice(0, start).split("\n").length,
      what: `written down: ${short(find)} -> ${short(by)}`,
      text: source.slice(0, start) + by + source.slice(start + find.length)
    }
  })
}
