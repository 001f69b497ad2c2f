/**
 * What is mutated, and by which tests each file is judged.
 */

export interface Target {
  readonly file: string
  /** Test files, and options of vitest. The next stage runs when the one before has found nothing. */
  readonly stages: ReadonlyArray<ReadonlyArray<string>>
}

const contract = "test/contract/memory.test.ts"
const snapshotContract = "test/contract/snapshots.memory.test.ts"

/** Tests of what is mutated, quick ones first. Those that test other things, or come to another end by chance, are not. */
const everything = [
  "Event",
  "EventWrite",
  "EventHops",
  "Change",
  "Upcaster",
  "UpcasterChains",
  "UpcasterWrite",
  "UpcasterReaders",
  "RolloutOptions",
  "Names",
  "Commit",
  "Instance",
  "StateCache",
  "Snapshots",
  "MemoryStore",
  "LostAcknowledgement",
  "Metadata",
  "Aggregate",
  "ExecuteAll",
  "Defects",
  "Projection",
  "Scenario",
  "Domain",
  "Command",
  "Concurrency"
].map((name) => `test/core/${name}.test.ts`)

const events = ["Event", "EventWrite", "EventHops", "Change"].map((name) => `test/core/${name}.test.ts`)

const upcasters = ["Upcaster", "UpcasterChains", "UpcasterWrite"].map((name) => `test/core/${name}.test.ts`)

/**
 * Everything that judges the core. What loads other tests again, with compiled schemas, has a process of its own: in one
 * that has run them already it would find no test, and would compile the schemas of all that come after.
 */
export const coreStages = [[...everything, contract, snapshotContract], [
  "test/core/EventHopsCompiled.test.ts"
]] as const

const core = (file: string, ...first: ReadonlyArray<string>): Target => ({
  file: `packages/core/src/${file}`,
  stages: [first, ...coreStages.map((stage) => stage.filter((test) => !first.includes(test)))]
})

export const targets: ReadonlyArray<Target> = [
  core("Event.ts", ...events),
  core("internal/eventCodec.ts", ...events),
  core("internal/remake.ts", ...events),
  core("internal/changeSteps.ts", ...events),
  core("Commit.ts", "test/core/Commit.test.ts", contract, "test/core/Names.test.ts"),
  core("Upcaster.ts", ...upcasters),
  core("internal/chain.ts", ...upcasters),
  core("internal/writing.ts", ...upcasters),
  core("internal/decide.ts", "test/core/Aggregate.test.ts", "test/core/ExecuteAll.test.ts"),
  core(
    "internal/turn.ts",
    "test/core/Instance.test.ts",
    "test/core/ExecuteAll.test.ts",
    "test/core/Concurrency.test.ts"
  ),
  core(
    "internal/execute.ts",
    "test/core/Aggregate.test.ts",
    "test/core/ExecuteAll.test.ts",
    "test/core/Policy.test.ts"
  ),
  core(
    "internal/outcome.ts",
    "test/core/LostAcknowledgement.test.ts",
    "test/core/Aggregate.test.ts",
    "test/core/ExecuteAll.test.ts"
  ),
  core("internal/instance.ts", "test/core/Instance.test.ts", "test/core/Concurrency.test.ts"),
  core("StateCache.ts", "test/core/StateCache.test.ts"),
  core("internal/stateCache.ts", "test/core/StateCache.test.ts"),
  core("Snapshots.ts", "test/core/Snapshots.test.ts"),
  core("SnapshotStore.ts", snapshotContract, "test/core/Snapshots.test.ts"),
  core("internal/snapshots.ts", "test/core/Snapshots.test.ts"),
  core("internal/memorySnapshots.ts", snapshotContract, "test/core/Snapshots.test.ts"),
  core("internal/memoryStore.ts", "test/core/MemoryStore.test.ts", contract),
  core("internal/memoryLog.ts", contract, "test/core/MemoryStore.test.ts"),
  core("internal/memoryAdmin.ts", contract, "test/core/Restored.test.ts"),
  core("Restored.ts", "test/core/Restored.test.ts", contract),
  core("internal/json.ts", "test/core/Commit.test.ts", contract, "test/core/Names.test.ts"),
  core("internal/check.ts", "test/core/Commit.test.ts", contract, "test/core/Names.test.ts")
]

/** The append function and its protection are judged where they run: embedded, and on a server. */
export const sql: Target = {
  file: "packages/postgres/src/migrations/0001.ts",
  stages: [
    ["test/contract/embedded.test.ts"],
    ["test/postgres/append.test.ts", "test/postgres/protection.test.ts"],
    [
      "test/postgres/enlist.test.ts",
      "test/postgres/faults.test.ts",
      "-t",
      "isolation level|keeps the lock|next writer waits"
    ]
  ]
}
