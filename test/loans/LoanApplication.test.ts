import { assert, describe, it } from "@effect/vitest"
import { Laws } from "@varve/core/testing"
import * as Loans from "../../examples/loans/src/LoanApplication.ts"

const fold = Loans.LoanApplication.fold
const resource = "112"

describe("LoanApplication", () => {
  for (const { effect, name } of Laws.all(Loans.LoanApplication)) it.effect(name, () => effect)

  it("starts from nothing", () => {
    const { amountRequested, lastResource, stages, work } = fold([])
    assert.deepStrictEqual({ amountRequested, lastResource, stages, work }, {
      amountRequested: null,
      lastResource: null,
      stages: [],
      work: []
    })
  })

  it("goes through its stages, and keeps their order", () => {
    const state = fold([
      Loans.LoanApplicationSubmitted.make({ amountRequested: 20_000, resource }),
      Loans.LoanApplicationPartlySubmitted.make({ resource }),
      Loans.LoanApplicationDeclined.make({ resource: "10862" })
    ])
    assert.strictEqual(state.amountRequested, 20_000)
    assert.deepStrictEqual(state.stages, ["Submitted", "PartlySubmitted", "Declined"])
    assert.strictEqual(state.lastResource, "10862")
  })

  it("counts its offers", () => {
    const state = fold([
      Loans.LoanOfferSelected.make({ resource }),
      Loans.LoanOfferCreated.make({ resource }),
      Loans.LoanOfferSent.make({ resource }),
      Loans.LoanOfferCancelled.make({ resource }),
      Loans.LoanOfferSelected.make({ resource }),
      Loans.LoanOfferCreated.make({ resource }),
      Loans.LoanOfferSent.make({ resource }),
      Loans.LoanOfferSentBack.make({ resource }),
      Loans.LoanOfferAccepted.make({ resource })
    ])
    assert.deepStrictEqual(state.offers, {
      selected: 2,
      created: 2,
      sent: 2,
      sentBack: 1,
      accepted: 1,
      declined: 0,
      cancelled: 1
    })
  })

  it("knows what work is open, each kind on its own", () => {
    const state = fold([
      Loans.LoanWorkScheduled.make({ work: "CallingAfterOffers", resource }),
      Loans.LoanWorkStarted.make({ work: "CallingAfterOffers", resource }),
      Loans.LoanWorkScheduled.make({ work: "AssessingApplication", resource }),
      Loans.LoanWorkCompleted.make({ work: "CallingAfterOffers", resource }),
      Loans.LoanWorkStarted.make({ work: "CallingAfterOffers", resource: null })
    ])
    assert.deepStrictEqual(state.work, [
      { work: "CallingAfterOffers", step: "Started", scheduled: 1, started: 2, completed: 1 },
      { work: "AssessingApplication", step: "Scheduled", scheduled: 1, started: 0, completed: 0 }
    ])
    // Nobody is known to have started it the second time.
    assert.strictEqual(state.lastResource, resource)
  })
})
