/**
 * Benchmarks.
 *
 * - `npm run bench append`: commits a second at several numbers of callers, on a server and embedded
 * - `npm run bench decode`: what an event costs to read, in its newest revision and in its first
 * - `npm run bench projection`: events a second into rows, and what of the rate at which they can be read that is
 */
const benches: Record<string, () => Promise<{ readonly run: (options: ReadonlyArray<string>) => Promise<boolean> }>> = {
  append: () => import("./append.ts"),
  decode: () => import("./decode.ts"),
  projection: () => import("./projection.ts")
}

const name = process.argv[2] ?? "append"
const bench = benches[name]
if (bench === undefined) {
  console.error(`There is no benchmark ${name}. There are: ${Object.keys(benches).join(", ")}`)
  process.exit(2)
}
const { run } = await bench()
process.exitCode = await run(process.argv.slice(3)) ? 0 : 1
