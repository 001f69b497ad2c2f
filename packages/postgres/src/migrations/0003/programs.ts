/*
 * One at a time: what a program may write is told of what all others read, and none of them may enter in between. Held
 * to the end of the transaction, which is one call. The setting is changed, and put back, only by who has to wait.
 */
const lockPrograms = (schema: string): string =>
  `IF NOT pg_try_advisory_xact_lock(hashtextextended('varve programs ${schema}', 0)) THEN
    lock_wait := current_setting('lock_timeout');
    PERFORM set_config('lock_timeout', p_wait::text, true);
    PERFORM pg_advisory_xact_lock(hashtextextended('varve programs ${schema}', 0));
    PERFORM set_config('lock_timeout', lock_wait, true);
  END IF;`

/** Which programs are at work, and which revisions may be written. */
export const programs = (schema: string): ReadonlyArray<string> => [
  // One row, with a number that grows whenever what the programs alive can read has changed, and when anybody was heard
  // of last.
  `CREATE TABLE ${schema}.program_changes (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  number bigint NOT NULL,
  heard_at timestamptz NOT NULL
)`,
  `INSERT INTO ${schema}.program_changes (number, heard_at) VALUES (1, clock_timestamp())`,
  // A program is heard of every few seconds: no index holds a time, and half of a page stays free for new versions.
  // \`told\` is the number of changes at which it was last judged, \`digest\` what it said then.
  `CREATE TABLE ${schema}.programs (
  id uuid NOT NULL,
  seen_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  told bigint NOT NULL,
  digest text NOT NULL,
  name text COLLATE "C" NOT NULL,
  CONSTRAINT programs_id PRIMARY KEY (id)
) WITH (fillfactor = 50)`,
  `CREATE TABLE ${schema}.program_reads (
  program uuid NOT NULL,
  revision integer NOT NULL,
  category text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  CONSTRAINT program_reads_place PRIMARY KEY (program, category, type),
  CONSTRAINT program_reads_program FOREIGN KEY (program) REFERENCES ${schema}.programs (id) ON DELETE CASCADE
)`,
  `CREATE INDEX program_reads_type ON ${schema}.program_reads (category, type)`,
  // What may be written only rises. Nothing is ever deleted here: it says what there may be in the store.
  `CREATE TABLE ${schema}.writable (
  opened_at timestamptz NOT NULL,
  revision integer NOT NULL,
  category text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  opened_by text NOT NULL,
  CONSTRAINT writable_place PRIMARY KEY (category, type)
)`,
  // Under which other types one that may be written was stored before. Nothing is ever deleted here, either.
  `CREATE TABLE ${schema}.writable_formerly (
  category text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  former text COLLATE "C" NOT NULL,
  CONSTRAINT writable_formerly_place PRIMARY KEY (category, type, former)
)`,
  // r_*: what the program reads; w_*: what it wants to write, answered by \`allowed\` in the same order. \`found_*\` tell
  // what may be written already and the program cannot read; then nothing is entered. f_*: places among
  // those of w_*, what is written there, and under which type it was stored before. There may be thousands of each,
  // which a plan for any number of them does not expect: each call has its own.
  //
  // A program that says what it said before, since when nothing has changed, need not be judged again: all that it was
  // allowed then was opened then, and what was opened since was opened because it can read it.
  `CREATE FUNCTION ${schema}.enter_1(
  p_id uuid, p_name text, p_expiry float8, p_most integer, p_wait integer,
  r_category text[], r_type text[], r_revision integer[],
  w_category text[], w_type text[], w_revision integer[],
  f_place integer[], f_category text[], f_type text[], f_former text[],
  OUT problem text, OUT allowed integer[], OUT found_category text, OUT found_type text, OUT found_revision integer,
  OUT found_reads integer, OUT found_former text, OUT found_at float8, OUT found_by text
) LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $body$
DECLARE
  lock_wait text;
  at timestamptz;
  changes bigint;
  closed integer;
  said text := encode(sha256(convert_to(concat_ws('/', r_category::text, r_type::text, r_revision::text,
    w_category::text, w_type::text, w_revision::text, f_place::text, f_former::text), 'UTF8')), 'hex');
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    problem := current_setting('transaction_isolation');
    RETURN;
  END IF;
  ${lockPrograms(schema)}
  at := clock_timestamp();
  -- A silence of all is no program's own: the store could not be reached, or its clock was put forward.
  UPDATE ${schema}.programs p SET until = p.until + (at - c.heard_at) - p_expiry / 3 * interval '1 millisecond'
  FROM ${schema}.program_changes c WHERE at - c.heard_at > p_expiry / 3 * interval '1 millisecond';
  UPDATE ${schema}.program_changes SET heard_at = at;
  DELETE FROM ${schema}.programs p WHERE p.until <= at;
  IF FOUND THEN
    UPDATE ${schema}.program_changes SET number = number + 1;
  END IF;
  changes := (SELECT c.number FROM ${schema}.program_changes c);
  UPDATE ${schema}.programs p
  SET seen_at = at, until = at + p_expiry * interval '1 millisecond', name = p_name
  WHERE p.id = p_id AND p.digest = said AND p.told = changes;
  IF FOUND THEN
    allowed := ARRAY(
      SELECT coalesce(o.revision, 0) FROM unnest(w_category, w_type) WITH ORDINALITY u(category, type, place)
      LEFT JOIN ${schema}.writable o ON o.category = u.category AND o.type = u.type
      ORDER BY u.place
    );
    FOR closed IN
      SELECT f.place FROM unnest(f_place, f_category, f_type, f_former) f(place, category, type, former)
      WHERE NOT EXISTS (
        SELECT 1 FROM ${schema}.writable_formerly k
        WHERE k.category = f.category AND k.type = f.type AND k.former = f.former
      )
    LOOP
      allowed[closed] := 0;
    END LOOP;
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM ${schema}.programs p WHERE p.id = p_id)
    AND (SELECT count(*) FROM ${schema}.programs) >= p_most
  THEN
    problem := 'too many';
    RETURN;
  END IF;
  SELECT w.category, w.type, w.revision, w.reads, w.former, date_part('epoch', w.opened_at) * 1000, w.opened_by
  INTO found_category, found_type, found_revision, found_reads, found_former, found_at, found_by
  FROM (
    -- Of NULLs, least takes the other: a program that reads neither the type nor its category does not mind.
    SELECT o.*, least(
      CASE WHEN o.category = ANY (r_category) THEN coalesce(here.revision, 0) END, everywhere.revision
    ) AS reads, past.former
    FROM ${schema}.writable o
    LEFT JOIN unnest(r_category, r_type, r_revision) here(category, type, revision)
      ON here.category = o.category AND here.type = o.type
    LEFT JOIN unnest(r_category, r_type, r_revision) everywhere(category, type, revision)
      ON everywhere.category = '' AND everywhere.type = o.type
    LEFT JOIN (
      SELECT k.category, k.type, min(k.former) AS former FROM ${schema}.writable_formerly k
      JOIN unnest(r_category, r_type) u(category, type) ON u.category = '' AND u.type = k.former
      GROUP BY k.category, k.type
    ) past ON past.category = o.category AND past.type = o.type
  ) w
  WHERE w.reads < w.revision OR (w.reads IS NULL AND w.former IS NOT NULL) ORDER BY w.category, w.type LIMIT 1;
  IF FOUND THEN
    problem := CASE WHEN found_reads IS NULL THEN 'passes over' ELSE 'beyond' END;
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM ${schema}.programs p WHERE p.id = p_id AND p.digest = said) THEN
    UPDATE ${schema}.program_changes SET number = number + 1;
    changes := changes + 1;
  END IF;
  INSERT INTO ${schema}.programs AS p (id, seen_at, until, told, digest, name)
  VALUES (p_id, at, at + p_expiry * interval '1 millisecond', changes, said, p_name)
  ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at, until = EXCLUDED.until, told = EXCLUDED.told,
    digest = EXCLUDED.digest, name = EXCLUDED.name;
  -- Mostly it reads what it has read before, and nothing is written.
  DELETE FROM ${schema}.program_reads r WHERE r.program = p_id AND NOT EXISTS (
    SELECT 1 FROM unnest(r_category, r_type, r_revision) u(category, type, revision)
    WHERE u.category = r.category AND u.type = r.type AND u.revision = r.revision
  );
  INSERT INTO ${schema}.program_reads (program, revision, category, type)
  SELECT p_id, u.revision, u.category, u.type FROM unnest(r_category, r_type, r_revision) u(category, type, revision)
  WHERE NOT EXISTS (
    SELECT 1 FROM ${schema}.program_reads r
    WHERE r.program = p_id AND r.category = u.category AND r.type = u.type
  );
  -- Who reads a category and not this type of it cannot read the type at all.
  allowed := ARRAY(
    SELECT greatest(o.revision, least(
      u.revision,
      CASE WHEN here.programs < whole.programs THEN 0 ELSE here.lowest END,
      (SELECT min(r.revision) FROM ${schema}.program_reads r WHERE r.category = '' AND r.type = u.type)
    ))
    FROM unnest(w_category, w_type, w_revision) WITH ORDINALITY u(category, type, revision, place)
    LEFT JOIN ${schema}.writable o ON o.category = u.category AND o.type = u.type
    LEFT JOIN (
      SELECT c.category, count(DISTINCT r.program) AS programs
      FROM unnest(ARRAY(SELECT DISTINCT x FROM unnest(w_category) x)) c(category)
      JOIN ${schema}.program_reads r ON r.category = c.category
      GROUP BY c.category
    ) whole ON whole.category = u.category
    CROSS JOIN LATERAL (
      SELECT count(*) AS programs, min(r.revision) AS lowest FROM ${schema}.program_reads r
      WHERE r.category = u.category AND r.type = u.type
    ) here
    ORDER BY u.place
  );
  -- Who reads what a type was stored under before, and says nothing of the type, would pass over it.
  FOR closed IN
    SELECT f.place FROM unnest(f_place, f_category, f_type, f_former) f(place, category, type, former)
    JOIN ${schema}.program_reads r ON r.category = '' AND r.type = f.former
    WHERE NOT EXISTS (
      SELECT 1 FROM ${schema}.program_reads s WHERE s.program = r.program AND s.category = f.category
    ) AND NOT EXISTS (
      SELECT 1 FROM ${schema}.program_reads s WHERE s.program = r.program AND s.category = '' AND s.type = f.type
    )
  LOOP
    allowed[closed] := 0;
  END LOOP;
  INSERT INTO ${schema}.writable AS o (opened_at, revision, category, type, opened_by)
  SELECT at, u.revision, u.category, u.type, p_name
  FROM unnest(w_category, w_type, allowed) u(category, type, revision) WHERE u.revision > 0
  ON CONFLICT (category, type) DO UPDATE
  SET opened_at = EXCLUDED.opened_at, revision = EXCLUDED.revision, opened_by = EXCLUDED.opened_by
  WHERE o.revision < EXCLUDED.revision;
  INSERT INTO ${schema}.writable_formerly (category, type, former)
  SELECT f.category, f.type, f.former
  FROM unnest(f_place, f_category, f_type, f_former) f(place, category, type, former) WHERE allowed[f.place] > 0
  ON CONFLICT (category, type, former) DO NOTHING;
END $body$`,
  `CREATE FUNCTION ${schema}.leave_1(p_id uuid, p_wait integer) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
  lock_wait text;
BEGIN
  ${lockPrograms(schema)}
  DELETE FROM ${schema}.programs p WHERE p.id = p_id;
  IF FOUND THEN
    UPDATE ${schema}.program_changes SET number = number + 1;
  END IF;
END $body$`
]
