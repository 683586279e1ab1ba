/**
 * Embeds many texts in requests as large as the provider takes, one after the other.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Embeddings from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import * as Usage from "../Usage.js"

/** The same client, whose `embed` makes a request per so many texts. */
export const split = (client: Service, maxInputs: number): Service => ({
  ...client,
  embed: (request) => {
    // What is wrong with the texts is said of all of them, by the client.
    const isWrong = Option.isSome(Embeddings.validateRequest(request))
    if (isWrong || request.input.length <= maxInputs) return client.embed(request)
    const batches = Array.from({ length: Math.ceil(request.input.length / maxInputs) }, (_, index) =>
      request.input.slice(index * maxInputs, (index + 1) * maxInputs)
    )
    return Effect.map(
      Effect.forEach(batches, (input) => client.embed({ ...request, input })),
      join
    )
  }
})

const join = (answers: ReadonlyArray<Embeddings.Embeddings>): Embeddings.Embeddings => ({
  vectors: answers.flatMap(({ vectors }) => vectors),
  model: answers[0]?.model ?? "",
  usage: answers.map(({ usage }) => usage).reduce(Usage.add, Usage.unknown),
  requestId: answers[0]?.requestId,
  cached: false,
  attempts: answers.reduce((sum, { attempts }) => sum + attempts, 0),
  latency: answers.map(({ latency }) => latency).reduce(Duration.sum, Duration.zero)
})
