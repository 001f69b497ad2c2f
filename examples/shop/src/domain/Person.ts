/**
 * Who is in front of a page.
 *
 * **This sign-in is that of a demonstration: a token is the name of whoever shows it, and nobody is asked for a password.**
 * So two windows of one browser can be two people. A real shop has its tokens made and checked by somebody who knows them.
 */
import { Schema } from "effect"
import { CustomerId } from "./Values.ts"

// #region person
export interface Person {
  readonly id: typeof CustomerId.Type
  /** Works in the shop. */
  readonly isStaff: boolean
}

const isCustomerId = Schema.is(CustomerId)

const staffSuffix = ".staff"

/** The name, and after it whether it is somebody of the shop: `ada`, `grace.staff`. */
export const tokenOf = ({ id, isStaff }: Person): string => isStaff ? `${id}${staffSuffix}` : id

/** `undefined` where it is nobody. */
export const ofToken = (token: string): Person | undefined => {
  const isStaff = token.endsWith(staffSuffix)
  const id = isStaff ? token.slice(0, -staffSuffix.length) : token
  return isCustomerId(id) ? { id, isStaff } : undefined
}
// #endregion
