/**
 * @since 0.1.0
 */
export * as Embedded from "./Embedded.ts"
export * as Postgres from "./Postgres.ts"
