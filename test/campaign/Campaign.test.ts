import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Campaign from "./Campaign.js"

describe("calls under seeded faults", () => {
  it.each([1, 2, 3])(
    "end once each, with the right value or error and the provider's own bill: seed %i",
    async (seed) => {
      const report = await Effect.runPromise(Campaign.run({ seed, calls: 100 }))
      expect(report.problems, `replay: npm run campaign -- --seed ${seed} --calls 100`).toEqual([])
      // It was no fair-weather run.
      expect(Object.keys(report.failed).length).toBeGreaterThan(2)
      expect(report.attempts).toBeGreaterThan(report.succeeded)
      expect(report.left).toBeGreaterThan(0)
    }
  )
})
