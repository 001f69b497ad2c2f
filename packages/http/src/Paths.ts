/**
 * Names the paths of an API, where others are wanted than those that follow from the names of a domain.
 *
 * @since 0.1.0
 */

/**
 * The paths of an API. What is not named follows from the names of the domain.
 *
 * **Details**
 *
 * An aggregate is found under its name in the plural, as in `/bank-accounts`, a projection under its name, as in
 * `/balances`, and a command under its name behind the id, as in `/bank-accounts/{id}/pay-out`. Server and client are
 * given the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface Paths {
  /** First segment of the path of an aggregate or a projection, by its name: `{ BankAccount: "accounts" }`. */
  readonly paths?: { readonly [part: string]: string } | undefined
  /** Last segment of the path of a command, by aggregate and command: `{ BankAccount: { Withdraw: "take-out" } }`. */
  readonly commands?: { readonly [aggregate: string]: { readonly [command: string]: string } } | undefined
}
