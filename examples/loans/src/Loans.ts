/**
 * The applications and their read models as one value.
 */
import { Domain } from "@varve/core"
import { Activities } from "./Activities.ts"
import { Applications } from "./Applications.ts"
import { LoanApplication } from "./LoanApplication.ts"
import { Throughput } from "./Throughput.ts"

// #region loans
export const Loans = Domain.make("Loans", {
  aggregates: [LoanApplication],
  projections: [Applications, Activities, Throughput]
})
// #endregion
