import { assertType, describe, expectTypeOf, it } from "@effect/vitest"
import { Context, Effect, type Either, Schema, type Stream } from "effect"
import {
  type ChatRequest,
  type Completion,
  LlmCall,
  type LlmClient,
  type LlmError,
  StructuredOutput,
  Template
} from "effect-llm"

// What the compiler takes or refuses is written inside of functions that nobody runs.

declare const text: string
declare const loaded: {
  readonly text: Template.Template<{ readonly words: string }>
  readonly list: Template.Template<{ readonly words: ReadonlyArray<string> }>
}

const Ticket = Schema.Struct({ label: Schema.Literal("bug", "billing", "other"), urgent: Schema.Boolean })
type Ticket = typeof Ticket.Type

const classify = LlmCall.make({
  system: "You label support tickets.",
  user: "Ticket: {{ticket}}",
  output: Ticket
})

const outline = LlmCall.make({ user: "An outline about {{topic}}" })
const draft = LlmCall.make({ system: "You write.", user: "A draft of {{outline}}" })
const translate = LlmCall.make({ system: "Into {{language}}.", user: "{{words}}" })
const fixed = LlmCall.make({ user: "Say hello." })

class Prices extends Context.Tag("Prices")<Prices, number>() {}
const Priced = Schema.transformOrFail(Schema.String, Schema.Number, {
  decode: () => Prices,
  encode: (n) => Effect.succeed(String(n))
})

describe("the types of typed calls", () => {
  it("say what comes back, what can go wrong and what is needed", () => {
    expectTypeOf(classify).toEqualTypeOf<LlmCall.OutputCall<{ readonly ticket: Template.Value }, Ticket>>()
    assertType(() => {
      expectTypeOf(classify({ ticket: "x" })).toEqualTypeOf<
        Effect.Effect<Ticket, LlmError.LlmError, LlmClient.LlmClient>
      >()
      expectTypeOf(classify.detailed({ ticket: "x" })).toEqualTypeOf<
        Effect.Effect<StructuredOutput.Generated<Ticket>, LlmError.LlmError, LlmClient.LlmClient>
      >()
      expectTypeOf(classify.stream({ ticket: "x" })).toEqualTypeOf<
        Stream.Stream<StructuredOutput.Part<Ticket>, LlmError.LlmError, LlmClient.LlmClient>
      >()
      expectTypeOf(classify.request({ ticket: "x" })).toEqualTypeOf<ChatRequest.ChatRequest>()
      expectTypeOf(classify.withRetries(2)).toEqualTypeOf<typeof classify>()
    })
  })

  it("give text where there is no Schema", () => {
    expectTypeOf(outline).toEqualTypeOf<LlmCall.TextCall<{ readonly topic: Template.Value }>>()
    assertType(() => {
      expectTypeOf(outline({ topic: "x" })).toEqualTypeOf<
        Effect.Effect<string, LlmError.LlmError, LlmClient.LlmClient>
      >()
      expectTypeOf(outline.detailed({ topic: "x" })).toEqualTypeOf<
        Effect.Effect<Completion.Completion, LlmError.LlmError, LlmClient.LlmClient>
      >()
      expectTypeOf(outline.stream({ topic: "x" })).toEqualTypeOf<
        Stream.Stream<string, LlmError.LlmError, LlmClient.LlmClient>
      >()
    })
    // @ts-expect-error there is nothing that might not fit
    assertType(() => outline.withRetries(1))
  })

  it("need what the Schema needs", () => {
    assertType(() => {
      const priced = LlmCall.make({ user: "{{thing}}", output: Schema.Struct({ price: Priced }) })
      expectTypeOf(priced({ thing: "x" })).toEqualTypeOf<
        Effect.Effect<{ readonly price: number }, LlmError.LlmError, LlmClient.LlmClient | Prices>
      >()
      expectTypeOf(StructuredOutput.generate(Priced, "x")).toEqualTypeOf<
        Effect.Effect<number, LlmError.LlmError, LlmClient.LlmClient | Prices>
      >()
    })
  })

  it("take every variable of both templates, and nothing else", () => {
    assertType(() => [translate({ language: "Slovak", words: "Hello" }), fixed(), classify({ ticket: 1 })])
    // @ts-expect-error words is missing
    assertType(() => translate({ language: "Slovak" }))
    // @ts-expect-error language is missing
    assertType(() => translate({ words: "Hello" }))
    // @ts-expect-error there is no tone
    assertType(() => translate({ language: "Slovak", words: "Hello", tone: "kind" }))
    // @ts-expect-error there is no tickte
    assertType(() => classify({ tickte: "x" }))
    // @ts-expect-error a ticket is text
    assertType(() => classify({ ticket: { text: "x" } }))
    // @ts-expect-error a ticket is needed
    assertType(() => classify())
    // @ts-expect-error a ticket has its name
    assertType(() => classify("x"))
    // @ts-expect-error nothing to give
    assertType(() => fixed({ name: "Ada" }))
    // @ts-expect-error the stream takes the same
    assertType(() => classify.stream({ tickte: "x" }))
    // @ts-expect-error and so does the request
    assertType(() => classify.request({}))
  })

  it("do not take what is no template, no setting and no Schema", () => {
    // @ts-expect-error a text that is not known might hold anything
    assertType(() => LlmCall.make({ user: text }))
    // @ts-expect-error nor as system
    assertType(() => LlmCall.make({ system: text, user: "Hello" }))
    // @ts-expect-error a tag is not closed
    assertType(() => LlmCall.make({ user: "Hello {{name" }))
    // @ts-expect-error a call asks something
    assertType(() => LlmCall.make({ system: "Be kind." }))
    // @ts-expect-error there is no such setting
    assertType(() => LlmCall.make({ user: "Hello", settings: { temprature: 1 } }))
    // @ts-expect-error there is no such mode
    assertType(() => LlmCall.make({ user: "Hello", output: Ticket, mode: "magic" }))
    // @ts-expect-error a Schema is no type
    assertType(() => LlmCall.make({ user: "Hello", output: { label: "string" } }))
  })

  it("take templates that were made before", () => {
    assertType(() => {
      const letter = LlmCall.make({ system: Template.make("You are {{who}}."), user: Template.make("Dear {{name}}") })
      expectTypeOf(letter).toEqualTypeOf<
        LlmCall.TextCall<{ readonly who: Template.Value; readonly name: Template.Value }>
      >()
      const loaded = {} as Template.Template<{ readonly items: ReadonlyArray<string>; readonly note?: string }>
      const list = LlmCall.make({ user: loaded, output: Ticket })
      return [list({ items: ["a"] }), list({ items: [], note: "b" })]
    })
  })
})

describe("the types of chains", () => {
  it("are those of the first call's variables and the last one's value", () => {
    assertType(() => {
      const article = LlmCall.chain(outline, draft, classify)
      expectTypeOf(article({ topic: "x" })).toEqualTypeOf<
        Effect.Effect<Ticket, LlmError.LlmError, LlmClient.LlmClient>
      >()
      // @ts-expect-error the topic is the first call's
      return article({ outline: "x" })
    })
  })

  it("fit a text to one variable, and an object to those of its names", () => {
    const describe = LlmCall.make({
      user: "{{thing}}",
      output: Schema.Struct({ language: Schema.String, words: Schema.String })
    })
    assertType(() => [
      LlmCall.chain(describe, translate, classify),
      LlmCall.chain(LlmCall.chain(outline, draft), draft)
    ])
    // @ts-expect-error a text is not two variables
    assertType(() => LlmCall.chain(outline, translate))
    // @ts-expect-error a ticket has no language
    assertType(() => LlmCall.chain(classify, translate))
    // @ts-expect-error a ticket is no text
    assertType(() => LlmCall.chain(classify, draft))
    // @ts-expect-error nor at a later place
    assertType(() => LlmCall.chain(outline, classify, draft))
    // @ts-expect-error a call without variables takes nothing
    assertType(() => LlmCall.chain(outline, fixed))
    assertType(() => LlmCall.chain(outline, LlmCall.make({ user: loaded.text })))
    // @ts-expect-error a text is no list
    assertType(() => LlmCall.chain(outline, LlmCall.make({ user: loaded.list })))
  })

  it("have functions in between, whose argument is known", () => {
    assertType(() => {
      const chained = LlmCall.chain(
        classify,
        ({ label, urgent }) => ({ language: label, words: urgent ? "now" : "later" }),
        translate,
        (words) => Effect.succeed(words.length),
        (length) => length + 1
      )
      expectTypeOf(chained({ ticket: "x" })).toEqualTypeOf<
        Effect.Effect<number, LlmError.LlmError, LlmClient.LlmClient>
      >()
    })
    assertType(() => LlmCall.chain(classify, ({ label }) => ({ topic: label }), outline))
    // @ts-expect-error what the function gives has no words
    assertType(() => LlmCall.chain(classify, ({ label }) => ({ language: label }), translate))
    // @ts-expect-error a ticket has no title
    assertType(() => LlmCall.chain(classify, ({ title }) => ({ topic: title }), outline))
  })

  it("compose with Effect.flatMap", () => {
    assertType(() => {
      const both = outline({ topic: "x" }).pipe(Effect.flatMap((outline) => draft({ outline })))
      expectTypeOf(both).toEqualTypeOf<Effect.Effect<string, LlmError.LlmError, LlmClient.LlmClient>>()
    })
  })
})

describe("the types of batches", () => {
  it("give an Either per input, and cannot fail", () => {
    assertType(() => {
      const results = LlmCall.forEach(classify, [{ ticket: "x" }], {
        concurrency: 4,
        onProgress: ({ done, result }) => Effect.log(done, result._tag)
      })
      expectTypeOf(results).toEqualTypeOf<
        Effect.Effect<ReadonlyArray<Either.Either<Ticket, LlmError.LlmError>>, never, LlmClient.LlmClient>
      >()
    })
    // @ts-expect-error an input without its ticket
    assertType(() => LlmCall.forEach(classify, [{ tickte: "x" }]))
    // @ts-expect-error texts are no inputs
    assertType(() => LlmCall.forEach(classify, ["x"]))
    // @ts-expect-error there is no such option
    assertType(() => LlmCall.forEach(classify, [{ ticket: "x" }], { concurency: 4 }))
  })
})

describe("the types of structured output", () => {
  it("have partial values of which nothing need be there, and one that is whole", () => {
    interface Tree {
      readonly name: string
      readonly children: ReadonlyArray<Tree>
      readonly at: Date
    }
    expectTypeOf<StructuredOutput.DeepPartial<Tree>["at"]>().toEqualTypeOf<Date | undefined>()
    assertType((part: StructuredOutput.Part<Tree>) => {
      if (part._tag === "Final") {
        expectTypeOf(part.value).toEqualTypeOf<Tree>()
        return part.completion.text
      }
      return part.value.children?.[0]?.children?.[0]?.name
    })
    // @ts-expect-error a partial value need not have a name
    assertType((part: StructuredOutput.Partial<Tree>) => part.value.name.length)
    // @ts-expect-error only the last part has an answer
    assertType((part: StructuredOutput.Part<Tree>) => part.completion)
  })

  it("take a Schema and a prompt", () => {
    assertType(() => StructuredOutput.stream(Ticket, { prompt: "Hi", temperature: 0 }, { retries: 2, mode: "tool" }))
    // @ts-expect-error a Schema comes first
    assertType(() => StructuredOutput.generate("Hi", Ticket))
    // @ts-expect-error there is no such option
    assertType(() => StructuredOutput.generate(Ticket, "Hi", { retry: 2 }))
  })
})
