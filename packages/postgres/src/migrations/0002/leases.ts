import { entryOf } from "./locks.ts"

/** Functions of the leases on partitions. */
export const leases = (schema: string): ReadonlyArray<string> => [
  // Nobody waits for a batch that is under way: a checkpoint that is locked stays whose it is. One row at the least for
  // a target that is there; without a partition when the owner has none.
  `CREATE FUNCTION ${schema}.acquire_1(
  p_kind text, p_name text, p_revision integer, p_owner text, p_lease float8, p_most integer
) RETURNS TABLE (state text, partitions bigint, partition integer, fence bigint, "position" bigint) LANGUAGE plpgsql AS $body$
#variable_conflict use_column
DECLARE
  target integer := ${entryOf(schema)};
  running boolean := (SELECT e.state = 'running' FROM ${schema}.entries e WHERE e.id = target);
  until timestamptz := clock_timestamp() + p_lease * interval '1 millisecond';
  mine integer[];
  held bigint;
BEGIN
  IF running THEN
    mine := ARRAY(
      SELECT c.partition FROM ${schema}.checkpoints c
      WHERE c.entry = target AND c.owner = p_owner AND c.lease_until > clock_timestamp()
      ORDER BY c.partition FOR UPDATE SKIP LOCKED
    );
    UPDATE ${schema}.checkpoints c SET lease_until = until WHERE c.entry = target AND c.partition = ANY (mine);
    held := (
      SELECT count(*) FROM ${schema}.checkpoints c
      WHERE c.entry = target AND c.owner = p_owner AND c.lease_until > clock_timestamp()
    );
    mine := ARRAY(
      SELECT c.partition FROM ${schema}.checkpoints c
      WHERE c.entry = target AND (c.owner IS NULL OR c.lease_until <= clock_timestamp())
      ORDER BY c.partition LIMIT greatest(p_most - held, 0) FOR UPDATE SKIP LOCKED
    );
    UPDATE ${schema}.checkpoints c SET owner = p_owner, fence = c.fence + 1, lease_until = until
    WHERE c.entry = target AND c.partition = ANY (mine);
  END IF;
  RETURN QUERY
    SELECT e.state, (SELECT count(*) FROM ${schema}.checkpoints c WHERE c.entry = target), c.partition, c.fence, c.position
    FROM ${schema}.entries e LEFT JOIN ${schema}.checkpoints c
      ON running AND c.entry = target AND c.owner = p_owner AND c.lease_until > clock_timestamp()
    WHERE e.id = target ORDER BY c.partition;
END $body$`,
  `CREATE FUNCTION ${schema}.release_1(p_kind text, p_name text, p_revision integer, p_owner text)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
  target integer := ${entryOf(schema)};
BEGIN
  PERFORM 1 FROM ${schema}.checkpoints c WHERE c.entry = target AND c.owner = p_owner ORDER BY c.partition FOR UPDATE;
  UPDATE ${schema}.checkpoints c SET owner = NULL, lease_until = NULL WHERE c.entry = target AND c.owner = p_owner;
END $body$`
]
