import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import { ChatRequest, Completion, Policy, Prompt, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { retryable } from "../SampleErrors.js"
import { behind, inVirtualTime, seen } from "./Watched.js"

const request = ChatRequest.make("Hello")

/** Answers with what it was asked. */
const echo = (request: ChatRequest.ChatRequest): MockLlm.Answer => request.prompt.map(Prompt.textOf).join("|")

describe("Policy.mapRequest", () => {
  const polite = Policy.mapRequest((request) => ({
    ...request,
    prompt: [Prompt.system("Be kind."), ...request.prompt]
  }))

  it.scoped("changes what complete and stream are asked, and leaves embeddings alone", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(polite, echo)
      expect((yield* client.complete(request)).text).toBe("Be kind.|Hello")
      expect((yield* StreamPart.collect(client.stream(request))).text).toBe("Be kind.|Hello")
      yield* client.embed({ input: ["a"] })
      expect(mock.prompts.at(-1)).toBe(JSON.stringify(["a"]))
    })
  )

  it.scoped("changes it once, however often the call is tried", () =>
    Effect.gen(function* () {
      let count = 0
      const counting = Policy.mapRequest((request) => ({ ...request, seed: ++count }))
      const { client } = yield* behind(
        (layer) => layer.pipe(Policy.retry(Schedule.recurs(2)), counting),
        [retryable.ServerFailed, retryable.ServerFailed, "Hi"]
      )
      yield* client.complete(request)
      expect(count).toBe(1)
    })
  )

  it.scoped("goes through the outer one first", () =>
    Effect.gen(function* () {
      const adding = (text: string) =>
        Policy.mapRequest((request) => ({ ...request, prompt: [...request.prompt, Prompt.user(text)] }))
      const { client } = yield* behind((layer) => layer.pipe(adding("inner"), adding("outer")), echo)
      expect((yield* client.complete(request)).text).toBe("Hello|outer|inner")
    })
  )
})

describe("Policy.mapCompletion", () => {
  const loud = Policy.mapCompletion((completion) =>
    Completion.make({
      ...completion,
      parts: [...completion.parts.filter((part) => part._tag !== "Text"), Prompt.text(completion.text.toUpperCase())]
    })
  )
  const answer: MockLlm.Reply = {
    reasoning: "Hm.",
    text: ["one ", "two"],
    toolCalls: [{ id: "1", name: "look_up", arguments: '{"a":1}' }],
    partDelay: "1 second"
  }

  it.scoped("changes whole answers and streamed ones alike", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(loud, answer)
      const whole = yield* client.complete(request)
      const { latency: _, ...streamed } = yield* inVirtualTime(StreamPart.collect(client.stream(request)))
      expect(whole.text).toBe("ONE TWO")
      expect(whole).toMatchObject(streamed)
    })
  )

  it.scoped("holds a stream back until it is whole, and ends it in one Finish", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(loud, answer)
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(error).toBeUndefined()
      expect(parts.map((part) => part._tag)).toEqual([
        "ReasoningDelta",
        "ToolCallStart",
        "ToolCallDelta",
        "ToolCallEnd",
        "TextDelta",
        "Finish"
      ])
    })
  )

  it.scoped("leaves failures as they are, and shows nothing of a stream that fails", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(loud, { text: ["one ", "two"], error: retryable.ServerFailed })
      expect(yield* Effect.flip(client.complete(request))).toBe(retryable.ServerFailed)
      const { error, parts } = yield* seen(client.stream(request))
      expect(parts).toEqual([])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "one two" })
      expect(yield* Stream.runCount(client.stream(request)).pipe(Effect.flip)).toMatchObject({
        _tag: "StreamInterrupted"
      })
    })
  )
})
