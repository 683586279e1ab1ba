/**
 * Changes requests on their way in, or answers on their way out.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import { collect, fromCompletion } from "../StreamPart.js"
import { make, type Policy } from "./Make.js"

/** Every chat request goes through `f` before it goes on. */
export const mapRequest = (f: (request: ChatRequest) => ChatRequest): Policy =>
  make((next) =>
    Effect.succeed({
      ...next,
      complete: (request) => next.complete(f(request)),
      stream: (request) => next.stream(f(request))
    })
  )

/**
 * Every chat answer goes through `f`. A stream is held back until it is whole, because `f` sees whole answers, and is then
 * made of their `parts`: change these (`Completion.make` derives `text` from them), not `text` alone.
 */
export const mapCompletion = (f: (completion: Completion) => Completion): Policy =>
  make((next) =>
    Effect.succeed({
      ...next,
      complete: (request) => Effect.map(next.complete(request), f),
      stream: (request) =>
        Stream.unwrap(
          Effect.map(collect(next.stream(request)), (completion) => Stream.fromChunk(fromCompletion(f(completion))))
        )
    })
  )
