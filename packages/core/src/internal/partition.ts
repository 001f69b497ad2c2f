/** One text for a row: neither tenant nor key holds a line feed. */
export const nameOf = ({ key, tenant }: { readonly tenant: string; readonly key: string }): string =>
  `${tenant}\n${key}`

/**
 * FNV-1a over the UTF-16 units of tenant and key, mixed so that the low bits depend on all of them. Stored checkpoints
 * rest on it: a test pins its values.
 */
export const partitionOf = (
  name: { readonly tenant: string; readonly key: string },
  partitions: number
): number => {
  if (partitions === 1) return 0
  const text = nameOf(name)
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}
