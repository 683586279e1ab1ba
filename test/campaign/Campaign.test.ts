import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Campaign from "./Campaign.js"

/** What happens in no fair weather. */
type Event = "hedged" | "recovered" | "opened" | "cached" | "left"

describe("calls under seeded faults, through a stack of policies that the seed draws", () => {
  it.each<readonly [number, ReadonlyArray<Event>]>([
    [7, ["hedged", "recovered", "opened", "left"]],
    [16, ["hedged", "opened", "cached"]],
    [17, ["recovered", "opened", "cached"]]
  ])(
    "end once each, with the right value or error and the providers' own bill: seed %i, where there are %j",
    async (seed, events) => {
      const report = await Effect.runPromise(Campaign.run({ seed, calls: 60 }))
      expect(report.problems, `${report.stack}; replay: npm run campaign -- --seed ${seed} --calls 60`).toEqual([])
      expect(Object.keys(report.failed).length).toBeGreaterThan(2)
      for (const event of events) expect(report[event], event).toBeGreaterThan(0)
    }
  )
})
