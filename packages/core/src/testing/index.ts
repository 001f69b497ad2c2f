/**
 * @since 0.1.0
 */
export * as EventStoreContract from "./EventStoreContract.ts"
export * as EventStoreFaults from "./EventStoreFaults.ts"
export * as Laws from "./Laws.ts"
export * as ProgramStoreContract from "./ProgramStoreContract.ts"
export * as RowStoreContract from "./RowStoreContract.ts"
export * as Scenario from "./Scenario.ts"
export * as SnapshotStoreContract from "./SnapshotStoreContract.ts"
