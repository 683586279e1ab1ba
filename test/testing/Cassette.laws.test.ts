/** A provider obeys the laws while a cassette records it: nothing is held back, and who leaves closes the socket. */
import type { HttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { Cassette } from "effect-llm/testing"
import { laws } from "../laws.js"
import { httpClients, onSimulator } from "../worlds.js"
import { newFile } from "./cassette/Tapes.js"

const recorded = (http: Layer.Layer<HttpClient.HttpClient>): Layer.Layer<HttpClient.HttpClient> =>
  Layer.unwrapScoped(Effect.map(newFile, (file) => Cassette.layer(file, { mode: "record", http }))).pipe(Layer.orDie)

for (const [name, http] of Object.entries(httpClients))
  laws(onSimulator(`OpenAI, recorded over ${name}`, recorded(http)))
