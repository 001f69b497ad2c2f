import * as PgTypes from "@effect/sql-pg/PgTypes"
import * as Result from "effect/Result"

// The driver guesses the type of an array from its elements, and cannot when they are null or when there are none.
const arrayOf = (oid: number) => (values: ReadonlyArray<unknown>): PgTypes.Parameter =>
  Result.getOrThrow(PgTypes.array(values, oid))

const int8s = arrayOf(PgTypes.OID.int8)

export const ints: (values: ReadonlyArray<number>) => PgTypes.Parameter = arrayOf(PgTypes.OID.int4)
export const texts: (values: ReadonlyArray<string>) => PgTypes.Parameter = arrayOf(PgTypes.OID.text)
export const textsOrNull: (values: ReadonlyArray<string | null>) => PgTypes.Parameter = arrayOf(PgTypes.OID.text)
export const bools: (values: ReadonlyArray<boolean>) => PgTypes.Parameter = arrayOf(PgTypes.OID.bool)
export const bigints = (values: ReadonlyArray<number>): PgTypes.Parameter => int8s(values.map(BigInt))
export const uuids: (values: ReadonlyArray<string | null>) => PgTypes.Parameter = arrayOf(PgTypes.OID.uuid)
/** Milliseconds since 1970. */
export const times: (values: ReadonlyArray<number | null>) => PgTypes.Parameter = arrayOf(PgTypes.OID.timestamptz)

export const int: (value: number) => PgTypes.Parameter = PgTypes.int4
export const bigint = (value: number): PgTypes.Parameter => PgTypes.int8(BigInt(value))
export const bigintOrNull = (value: number | undefined): PgTypes.Parameter =>
  PgTypes.int8(value === undefined ? null : BigInt(value))
export const intOrNull = (value: number | undefined): PgTypes.Parameter => PgTypes.int4(value ?? null)
export const float: (value: number) => PgTypes.Parameter = PgTypes.float8
export const bool: (value: boolean) => PgTypes.Parameter = PgTypes.bool
export const uuid: (value: string) => PgTypes.Parameter = PgTypes.uuid
export const text: (value: string) => PgTypes.Parameter = PgTypes.text
export const textOrNull = (value: string | undefined): PgTypes.Parameter => PgTypes.text(value ?? null)

const maxInt = 2_147_483_647

/** A version that fits the column: nothing lies beyond. */
export const version = (value: number): number => Math.min(value, maxInt)
