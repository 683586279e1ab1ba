/**
 * A process of its own that writes to a cache until it is told to stop, or is killed: `Writer.ts PATH NAME COUNT`. It says
 * the number of each entry on stdout, when the store has it.
 */
import { Duration, Effect, Option } from "effect"
import { LmdbCache } from "effect-llm/lmdb"
import { writeSync } from "node:fs"

const [, , path = "", name = "", count = ""] = process.argv

const program = Effect.gen(function* () {
  const store = yield* LmdbCache.store({ path })
  for (let n = 0; n < Number(count); n++) {
    yield* store.set(`${name}-${n}`, { n, text: `${name}${n}`.repeat(200) }, Option.some(Duration.hours(1)))
    // Not through a stream, which would hold lines back.
    writeSync(1, `${n}\n`)
  }
})

await Effect.runPromise(Effect.scoped(program))
