/**
 * Money from one account to another, as one commit: both accounts agree, or nothing happens.
 */
import { Aggregate } from "@varve/core"
import { BankAccount, Deposit, type Id, type Money, Withdraw } from "./BankAccount.ts"

// #region transfer
export const transfer = (
  from: typeof Id.Type,
  into: typeof Id.Type,
  money: typeof Money.Type,
  options?: Pick<Aggregate.ExecuteOptions, "commitId">
) =>
  Aggregate.executeAll([
    Aggregate.to(BankAccount, from, Withdraw.make(money)),
    Aggregate.to(BankAccount, into, Deposit.make(money))
  ], options)
// #endregion
