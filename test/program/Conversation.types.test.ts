import type { KeyValueStore } from "@effect/platform"
import { assertType, describe, expectTypeOf, it } from "@effect/vitest"
import type { Effect, Stream } from "effect"
import {
  type Completion,
  Conversation,
  ConversationTemplate,
  type LlmClient,
  type LlmError,
  Policy,
  type StreamPart,
  type Tokenizer,
  type TokenWindow,
  Zhipu
} from "effect-llm"

// What the compiler takes or refuses is written inside of functions that nobody runs.

declare const window: TokenWindow.TokenWindow<Tokenizer.TokenizerError>
declare const plain: Conversation.Conversation
declare const windowed: Conversation.Conversation<Tokenizer.TokenizerError>

describe("the types of conversations", () => {
  it("say what can go wrong: no more than what was asked for", () => {
    assertType(() => {
      expectTypeOf(Conversation.make()).toEqualTypeOf<
        Effect.Effect<Conversation.Conversation, never, LlmClient.LlmClient>
      >()
      expectTypeOf(Conversation.make({ system: "Be kind.", window })).toEqualTypeOf<
        Effect.Effect<Conversation.Conversation<Tokenizer.TokenizerError>, never, LlmClient.LlmClient>
      >()
      expectTypeOf(Conversation.makePersisted({ id: "ada", window })).toEqualTypeOf<
        Effect.Effect<
          Conversation.Persisted<Tokenizer.TokenizerError>,
          Conversation.ConversationError,
          LlmClient.LlmClient | KeyValueStore.KeyValueStore
        >
      >()
      expectTypeOf(plain.send("a")).toEqualTypeOf<Effect.Effect<Completion.Completion, LlmError.LlmError>>()
      expectTypeOf(windowed.stream("a")).toEqualTypeOf<
        Stream.Stream<StreamPart.StreamPart, LlmError.LlmError | Tokenizer.TokenizerError>
      >()
      return Conversation.makePersisted({ id: "ada" })
    })
  })

  it("a persisted conversation has an id", () => {
    // @ts-expect-error whose conversation it is
    assertType(() => Conversation.makePersisted({ system: "Be kind." }))
    // @ts-expect-error there is no such option
    assertType(() => Conversation.make({ sytem: "Be kind." }))
  })

  it("a template is a policy, and knows its roles", () => {
    assertType(() =>
      Zhipu.layerConfig().pipe(
        ConversationTemplate.policy(ConversationTemplate.make(ConversationTemplate.presets.chatglm)),
        Policy.concurrency(5)
      )
    )
    assertType(() =>
      // @ts-expect-error the word of the assistant is missing
      ConversationTemplate.make({ name: "a", roles: { system: "s", user: "u" }, separator: "|", stop: [] })
    )
  })
})
