/**
 * The bank as one value: what its layer and its tools are derived from.
 */
import { Domain } from "@varve/core"
import { Balances } from "./Balances.ts"
import { BankAccount } from "./BankAccount.ts"
import { Statements } from "./Statements.ts"

// #region bank
export const Bank = Domain.make("Bank", { aggregates: [BankAccount], projections: [Balances, Statements] })
// #endregion
