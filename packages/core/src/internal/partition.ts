interface Name {
  readonly tenant: string
  readonly key: string
}

/** One text for a row: neither tenant nor key holds a line feed. Nothing is put together for the usual tenant. */
export const nameOf = ({ key, tenant }: Name): string => tenant === "" ? key : `${tenant}\n${key}`

const step = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193)

/**
 * FNV-1a over the UTF-16 units of tenant, a line feed and key, mixed so that the low bits depend on all of them. Stored
 * checkpoints rest on it: a test pins its values.
 */
export const partitionOf = ({ key, tenant }: Name, partitions: number): number => {
  if (partitions === 1) return 0
  let hash = 0x811c9dc5
  for (let i = 0; i < tenant.length; i++) hash = step(hash, tenant.charCodeAt(i))
  hash = step(hash, 10)
  for (let i = 0; i < key.length; i++) hash = step(hash, key.charCodeAt(i))
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}

/** Position that every partition has passed. */
export const leastOf = (
  { checkpoints }: { readonly checkpoints: ReadonlyArray<{ readonly position: number }> }
): number => Math.min(...checkpoints.map(({ position }) => position))
